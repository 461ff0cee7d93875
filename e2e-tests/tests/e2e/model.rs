//! Compares the policy with a model of it, over random CREATEs and UPDATEs.
//!
//! The model is written from the documentation, not from the policy's code. It is slow and plain, and uses nothing but
//! the standard library. It predicts everything but the messages: whether a request is accepted, the code, and which
//! rules are named as violations and as warnings.
//!
//! To add a rule, write its function in [`rules`], name it in [`rules::RULES`], and give its annotations values in
//! [`generator`].

mod generator;
mod predict;
mod rules;
mod settings;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use interlink_annotations_policy as native;
use interlink_e2e_tests::admission_request::AdmissionRequest;
use interlink_e2e_tests::dual_policy::DualPolicy;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};
use serde_json::Value;

use self::generator::Choices;
use self::predict::{Prediction, predict};
use self::rules::RULES;

pub(crate) const TESTS: &[crate::Test] = &[
    ("responds to random CREATEs as the model predicts", |policy| compare(policy, create)),
    ("responds to random UPDATEs as the model predicts", |policy| compare(policy, update)),
];

const REQUESTS: u32 = 100_000;

/// All requests run natively, and one of so many in the module too: all of them would take each test half a minute more.
const MODULE_EVERY: u32 = 20;

/// How often each rule must have been predicted as a violation and as a warning, so that the generator cannot go blind.
const PREDICTED_AT_LEAST: u32 = 100;

fn create(choices: &mut Choices) -> AdmissionRequest {
    AdmissionRequest::create(generator::draft(choices).object())
}

fn update(choices: &mut Choices) -> AdmissionRequest {
    let old = generator::draft(choices);
    let new = generator::change(&old, choices).object();
    // An UPDATE without an old object is checked like a CREATE.
    let old = if choices.one_in(50) { Value::Null } else { old.object() };
    AdmissionRequest::update(old, new)
}

/// The number of random numbers that make a request.
pub(crate) const CHOICES: usize = generator::LENGTH;

/// Returns a random UPDATE, and settings.
pub(crate) fn random_update(numbers: &[u64; CHOICES]) -> (AdmissionRequest, Value) {
    let mut choices = Choices::new(numbers);
    let settings = generator::settings(&mut choices);
    let request = update(&mut choices);
    (request.user(generator::requester(&mut choices)), settings)
}

fn compare(policy: &DualPolicy, request: fn(&mut Choices) -> AdmissionRequest) -> Result<(), String> {
    let config = Config { cases: REQUESTS, failure_persistence: None, ..Config::default() };
    let number = Cell::new(0_u32);
    let tally = RefCell::new(Tally::default());
    let outcome = TestRunner::new(config).run(&any::<[u64; generator::LENGTH]>(), |numbers| {
        let mut choices = Choices::new(&numbers);
        let settings = generator::settings(&mut choices);
        let request = request(&mut choices).user(generator::requester(&mut choices));
        let payload = request.payload(&settings);
        let predicted = predict(&request.into_json(), &settings);
        number.set(number.get() + 1);
        let response = if number.get().is_multiple_of(MODULE_EVERY) {
            policy.validate(&payload).map_err(TestCaseError::fail)?
        } else {
            serde_json::to_value(native::validate(&payload, &native::cluster::no_cluster))
                .map_err(|error| TestCaseError::fail(error.to_string()))?
        };
        tally.borrow_mut().count(&predicted);
        if Prediction::of_response(&response) == predicted {
            return Ok(());
        }
        let payload = String::from_utf8_lossy(&payload).into_owned();
        Err(TestCaseError::fail(format!("predicted {predicted:?}\nresponse {response}\npayload {payload}\n")))
    });
    outcome.map_err(|error| match error {
        // The numbers that the request was made from would only hide it.
        TestError::Fail(reason, _) | TestError::Abort(reason) => reason.message().to_owned(),
    })?;
    tally.into_inner().check()
}

/// How often each rule was predicted.
#[derive(Default)]
struct Tally {
    violations: BTreeMap<&'static str, u32>,
    warnings: BTreeMap<&'static str, u32>,
    silent: u32,
}

impl Tally {
    fn count(&mut self, prediction: &Prediction) {
        for (ids, counts) in
            [(&prediction.violations, &mut self.violations), (&prediction.warnings, &mut self.warnings)]
        {
            for id in ids {
                *counts.entry(*id).or_default() += 1;
            }
        }
        self.silent += u32::from(prediction.violations.is_empty() && prediction.warnings.is_empty());
    }

    /// Checks that each rule was predicted often, and often not.
    fn check(&self) -> Result<(), String> {
        let mut rare = Vec::new();
        for (kind, counts) in [("violation", &self.violations), ("warning", &self.warnings)] {
            for rule in RULES {
                let count = counts.get(rule.id).copied().unwrap_or_default();
                if !(PREDICTED_AT_LEAST..REQUESTS - PREDICTED_AT_LEAST).contains(&count) {
                    rare.push(format!("{} as a {kind} {count} times", rule.id));
                }
            }
        }
        if self.silent < PREDICTED_AT_LEAST {
            rare.push(format!("no rule {} times", self.silent));
        }
        if rare.is_empty() { Ok(()) } else { Err(format!("of {REQUESTS} requests, predicted: {}", rare.join(", "))) }
    }
}
