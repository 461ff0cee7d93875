//! Fingerprints, by which programs recognize a finding in the next report.

use std::collections::HashMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::text::file;
use crate::document::Problem;
use crate::outcome::{Finding, Outcome};

/// The fingerprints of a report.
///
/// They depend neither on lines nor on values: a finding that moves in its file, or whose text changes, is the same.
#[derive(Default)]
pub(super) struct Fingerprints {
    /// The number of occurrences of each finding or object in the report so far.
    seen: HashMap<u128, usize>,
}

impl Fingerprints {
    /// Returns the fingerprint of a finding.
    pub(super) fn finding(&mut self, outcome: &Outcome, finding: &Finding) -> String {
        self.unique(&(identity(outcome), finding.rule(), &finding.path, &finding.key))
    }

    /// Returns the fingerprint of a problem.
    pub(super) fn problem(&mut self, problem: &Problem) -> String {
        self.unique(&(file(problem.origin()), &problem.origin().item, problem.message()))
    }

    /// Returns the fingerprint of an object.
    pub(super) fn object(&mut self, outcome: &Outcome) -> String {
        self.unique(&identity(outcome))
    }

    /// Returns a hash that no other value of the report has. It is the same in each report, as long as equal values
    /// come in the same order.
    fn unique(&mut self, value: &impl Serialize) -> String {
        let count = self.seen.entry(hash(value)).or_default();
        *count += 1;
        format!("{:032x}", hash(&(value, *count)))
    }
}

fn identity(outcome: &Outcome) -> impl Serialize {
    let Outcome { api_version, kind, namespace, name, .. } = outcome;
    (file(&outcome.origin), api_version, kind, namespace, name)
}

fn hash(value: &impl Serialize) -> u128 {
    let text = serde_json::to_vec(value).unwrap_or_default();
    Sha256::digest(text).iter().take(16).fold(0, |hash, byte| hash << 8 | u128::from(*byte))
}
