//! Evaluates documents on all cores, and returns the outcomes in order.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use interlink_annotations_policy::is_irrelevant_object;

use crate::cross_checks::{Collector, Record};
use crate::document::{Document, Problem};
use crate::host::{Answer, HostError, Module, Policy};
use crate::in_flight::{InFlight, Permit};
use crate::input::{check_json, list};
use crate::object::is_object;
use crate::outcome::Outcome;
use crate::request::{DEFAULT_USERNAME, Mode, Request};
use crate::trust::Trust;

/// The maximum bytes and number of documents in a batch, which a thread gets at a time. The first batches are smaller,
/// so that the first outcomes appear at once.
const BATCH_BYTES: usize = 512 << 10;
const BATCH_LENGTH: usize = 256;

/// The maximum bytes of a request after which the policy's instance is used again.
const MAX_REUSED_BYTES: usize = 1 << 20;

/// The number of batches that wait for a thread.
const WAITING: usize = 2;

/// How documents are evaluated.
pub struct Evaluator {
    /// The policy.
    pub module: Module,
    /// Its settings, as JSON.
    pub settings: Vec<u8>,
    /// What the documents are evaluated as.
    pub mode: Mode,
    /// Whether the module is the one that belongs to this library. If so, objects that the module accepts unparsed are
    /// not sent to it.
    pub is_built_in: bool,
}

/// The result for a document.
#[derive(Debug)]
pub enum Evaluation {
    /// The policy's answer. Boxed, since most documents have none.
    Outcome(Box<Outcome>),
    /// The findings about an object among all stored ones. They come after the results for each document.
    AcrossObjects(Box<Outcome>),
    /// The object has no interLink annotation.
    Irrelevant,
    /// The document is not a Kubernetes object, and does not need to be one.
    Skipped,
    /// The document cannot be evaluated.
    Problem(Problem),
}

/// The settings exempt the default user.
#[derive(Debug, thiserror::Error)]
#[error("is not checked, since trustedWriters matches the user {DEFAULT_USERNAME}; name another user with --as")]
struct TrustsOwnUser;

/// Documents that a thread evaluates.
struct Batch<'f> {
    documents: Vec<Result<Document, Problem>>,
    permit: Permit<'f>,
}

/// The results for a batch.
#[derive(Debug, Default)]
struct Results {
    evaluations: Vec<Evaluation>,
    /// For the checks across objects.
    records: Vec<Record>,
}

impl Evaluator {
    /// Evaluates documents, and calls a function with the result for each, in order. At the end, stored objects are
    /// compared with each other.
    ///
    /// # Errors
    /// Those of the function, which end the run.
    pub fn run<E>(
        &self,
        documents: impl Iterator<Item = Result<Document, Problem>> + Send,
        mut report: impl FnMut(Evaluation) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut collector = self.compares_objects().then(|| Collector::new(&self.settings));
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let in_flight = InFlight::default();
        thread::scope(|scope| {
            let (senders, receivers): (Vec<_>, Vec<_>) = (0..threads)
                .map(|_| {
                    let (batches, waiting) = sync_channel(WAITING);
                    let (outcomes, results) = sync_channel(WAITING);
                    scope.spawn(move || self.work(&waiting, &outcomes));
                    (batches, results)
                })
                .unzip();
            let in_flight = &in_flight;
            scope.spawn(move || distribute(documents, &senders, in_flight));
            // Each thread in turn has the next batch, so that outcomes stay in order.
            for results in receivers.iter().cycle() {
                let Ok(Results { evaluations, records }) = results.recv() else { break };
                for evaluation in evaluations {
                    report(evaluation)?;
                }
                if let Some(collector) = &mut collector {
                    for record in records {
                        collector.add(record);
                    }
                }
            }
            let mut outcomes = collector.into_iter().flat_map(Collector::finish);
            outcomes.try_for_each(|outcome| report(Evaluation::AcrossObjects(Box::new(outcome))))
        })
    }

    /// Returns whether the objects are compared with each other: only those of a cluster belong together.
    fn compares_objects(&self) -> bool {
        matches!(self.mode, Mode::Stored)
    }

    /// Evaluates batches until there are no more, or the receiver of the results is gone.
    fn work(&self, batches: &Receiver<Batch<'_>>, results: &SyncSender<Results>) {
        let mut worker = Worker { evaluator: self, trust: Trust::new(&self.settings, &self.mode), policy: None };
        for Batch { documents, permit } in batches {
            let mut batch_results = Results::default();
            for document in documents {
                worker.evaluate_all(document, &mut batch_results);
            }
            drop(permit);
            if results.send(batch_results).is_err() {
                return;
            }
        }
    }
}

/// Sends documents in batches to the threads, to each in turn.
fn distribute<'f>(
    mut documents: impl Iterator<Item = Result<Document, Problem>>,
    threads: &[SyncSender<Batch<'f>>],
    in_flight: &'f InFlight,
) {
    let mut length = 1;
    for thread in threads.iter().cycle() {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < length && bytes < BATCH_BYTES {
            let Some(document) = documents.next() else { break };
            bytes += document.as_ref().map_or(0, |document| document.text.len());
            batch.push(document);
        }
        let is_last = batch.is_empty();
        if is_last || thread.send(Batch { documents: batch, permit: in_flight.enter(bytes) }).is_err() {
            return;
        }
        length = (length * 2).min(BATCH_LENGTH);
    }
}

/// A thread that evaluates documents.
struct Worker<'e> {
    evaluator: &'e Evaluator,
    trust: Trust<'e>,
    /// Started when needed.
    policy: Option<Policy>,
}

impl Worker<'_> {
    /// Evaluates a document, or all items if it is a list.
    fn evaluate_all(&mut self, document: Result<Document, Problem>, results: &mut Results) {
        match document {
            Ok(document) if self.is_irrelevant(&document) && !self.must_flatten(&document) => {
                self.record(&document, results);
                results.evaluations.push(irrelevant(&document));
            }
            Ok(document) => {
                for item in list::flatten(document) {
                    let evaluation = item.and_then(|item| {
                        self.record(&item, results);
                        if self.is_irrelevant(&item) { Ok(irrelevant(&item)) } else { self.evaluate(&item) }
                    });
                    results.evaluations.push(evaluation.unwrap_or_else(Evaluation::Problem));
                }
            }
            Err(problem) => results.evaluations.push(Evaluation::Problem(problem)),
        }
    }

    /// Keeps the data that the checks across objects need.
    fn record(&self, document: &Document, results: &mut Results) {
        if self.evaluator.compares_objects() {
            results.records.extend(Record::of_document(document));
        }
    }

    /// Returns whether the checks across objects need the items of a list, even if none is relevant.
    fn must_flatten(&self, document: &Document) -> bool {
        self.evaluator.compares_objects() && list::is_list(&document.text)
    }

    fn evaluate(&mut self, document: &Document) -> Result<Evaluation, Problem> {
        check_json(document)?;
        let Document { origin, text, is_optional } = document;
        let is_item = origin.item.starts_with("items");
        let request = match Request::of_document(text, is_item, &self.evaluator.mode) {
            Ok(request) => request,
            Err(error) if *is_optional && error.is_no_object() => return Ok(Evaluation::Skipped),
            Err(error) => return Err(origin.clone().problem(error)),
        };
        let answer = self.validate(&request).map_err(|error| origin.clone().problem(error))?;
        if answer.is_plain() && !self.checks_plugins() && is_irrelevant_object(text) {
            return Ok(Evaluation::Irrelevant);
        }
        let is_trusted = self.trust.covers(&request);
        if is_trusted && request.has_own_user {
            return Err(origin.clone().problem(TrustsOwnUser));
        }
        Ok(Evaluation::Outcome(Box::new(Outcome::new(document, request, answer, is_trusted))))
    }

    fn validate(&mut self, request: &Request) -> Result<Answer, HostError> {
        let policy = match self.policy.take() {
            Some(policy) => policy,
            None => self.evaluator.module.start()?,
        };
        let answer = policy.validate(&request.text, &self.evaluator.settings)?;
        // An instance that failed is not used again, nor is one whose memory has grown, since it never shrinks.
        self.policy = (request.text.len() <= MAX_REUSED_BYTES).then_some(policy);
        Ok(answer)
    }

    /// Returns whether the policy would accept an object unparsed. If there are earlier versions, these may contain an
    /// annotation that the object lacks.
    fn is_irrelevant(&self, document: &Document) -> bool {
        let Evaluator { is_built_in, mode, .. } = self.evaluator;
        *is_built_in && !self.checks_plugins() && !mode.has_earlier_versions() && is_irrelevant_object(&document.text)
    }

    /// Returns whether the policy looks at annotations under other domains than interLink's.
    fn checks_plugins(&self) -> bool {
        self.trust.checks_plugins
    }
}

/// Returns the result for an object that the policy would accept unparsed.
fn irrelevant(document: &Document) -> Evaluation {
    if document.is_optional && !is_object(&document.text) { Evaluation::Skipped } else { Evaluation::Irrelevant }
}
