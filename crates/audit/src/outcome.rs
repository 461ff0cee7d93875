//! The outcome of one object: the policy's answer, parsed.

use interlink_annotations_policy::Level;
use interlink_annotations_policy::response::{omitted, parse, split_message};
use interlink_generate::reference::{OMITTED, UNREADABLE};
use serde::{Serialize, Serializer};

use crate::document::{Document, Origin};
use crate::documentation;
use crate::host::Answer;
use crate::line::{OBJECT, lines_before};
use crate::object::Header;
use crate::request::{DEFAULT_USERNAME, EvaluatedAs, Request};

/// The outcome of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Where the object was found.
    #[serde(flatten)]
    pub origin: Origin,
    /// Its namespace; empty if it has none.
    pub namespace: String,
    /// Its API group and version.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its name; a `*` stands for what the API server will append to it.
    pub name: String,
    /// The uid of a stored object; empty for others.
    pub uid: String,
    /// The kind of request that the object was evaluated as.
    pub evaluated_as: EvaluatedAs,
    /// The policy's verdict.
    pub verdict: Verdict,
    /// Whether nothing shows who wrote the annotations that interLink writes.
    pub writers_unknown: bool,
    /// The HTTP status of a refusal.
    pub code: Option<u16>,
    /// The policy's findings.
    pub findings: Vec<Finding>,
    /// The number of further findings, which do not fit into the policy's answer.
    pub omitted_findings: usize,
    /// Findings that do not count.
    pub excepted_findings: Vec<ExceptedFinding>,
    /// Whether the findings are from checks across objects.
    #[serde(skip)]
    pub is_across_objects: bool,
    /// Whether it is a stored object that was evaluated as if a user created it.
    #[serde(skip)]
    pub is_stored_creation: bool,
}

/// A finding that does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExceptedFinding {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// Why it does not count.
    pub reason: String,
}

/// The policy's verdict about an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is accepted.
    Accepted,
    /// It is accepted, but nothing shows who wrote the annotations that interLink writes.
    WritersUnknown,
    /// The settings trust the requester, so that no rule was checked.
    Trusted,
    /// The policy does not check such objects.
    NotChecked,
    /// It is refused, but only for findings that do not count.
    Excepted,
    /// It is refused.
    Refused,
}

impl Verdict {
    /// Returns the name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::WritersUnknown => "accepted, writers unknown",
            Self::Trusted => "accepted unchecked (trusted writer)",
            Self::NotChecked => "not checked",
            Self::Excepted => "excepted",
            Self::Refused => "refused",
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Accepted => "Accepted",
            Self::WritersUnknown => "WritersUnknown",
            Self::Trusted => "Trusted",
            Self::NotChecked => "NotChecked",
            Self::Excepted => "Excepted",
            Self::Refused => "Refused",
        })
    }
}

/// A finding of the policy in an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The id of the rule, or of a check across objects; `None` if the object cannot be decoded.
    pub rule: Option<String>,
    /// `Deny` or `Warn`.
    #[serde(serialize_with = "level_name")]
    pub level: Level,
    /// The path of the field, such as `spec.template.metadata.annotations`.
    pub path: String,
    /// The annotation's key; special characters are escaped.
    pub key: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// How to fix it; empty if there is no advice.
    pub fix: String,
    /// The line in the file, counted from 1.
    pub line: Option<usize>,
    /// The link to the rule's documentation.
    pub documentation: Option<String>,
}

impl Outcome {
    /// Creates the outcome of an object from the policy's answer. `is_trusted` says that the settings trust the
    /// requester.
    pub(crate) fn new(document: &Document, request: Request, answer: Answer, is_trusted: bool) -> Self {
        let verdict = match answer.accepted {
            false => Verdict::Refused,
            true if !request.is_checked => Verdict::NotChecked,
            true if is_trusted => Verdict::Trusted,
            true if request.has_unknown_owners => Verdict::WritersUnknown,
            true => Verdict::Accepted,
        };
        let message = answer.message.unwrap_or_default();
        let refused = match answer.code {
            _ if verdict != Verdict::Refused => Vec::new(),
            // A single finding, in which a user's key may not be in quotes.
            Some(400) => vec![message.as_str()],
            _ => split_message(&message),
        };
        let warnings = answer.warnings.unwrap_or_default();
        let refused = refused.into_iter().map(|text| (Level::Deny, text));
        let texts = refused.chain(warnings.iter().map(|text| (Level::Warn, text.as_str())));
        let (mut findings, mut omitted_findings) = (Vec::new(), 0);
        for (level, text) in texts {
            match omitted(text) {
                Some(count) => omitted_findings += count,
                None => findings.push(Finding::new(document, &request, level, text)),
            }
        }
        Self {
            origin: document.origin.clone(),
            namespace: request.namespace,
            api_version: request.api_version,
            kind: request.kind,
            name: request.name,
            uid: request.uid,
            evaluated_as: request.evaluated_as,
            verdict,
            writers_unknown: request.has_unknown_owners,
            code: answer.code.filter(|_| verdict == Verdict::Refused),
            findings,
            omitted_findings,
            excepted_findings: Vec::new(),
            is_across_objects: false,
            is_stored_creation: request.evaluated_as == EvaluatedAs::Creation && is_stored(document),
        }
    }

    /// Creates the outcome of comparing a stored object with others, without findings so far. The policy's answer to
    /// the object alone is a separate outcome.
    pub(crate) fn across_objects(origin: Origin, kind: &str, namespace: String, name: String, uid: String) -> Self {
        Self {
            origin,
            namespace,
            api_version: "v1".to_owned(),
            kind: kind.to_owned(),
            name,
            uid,
            evaluated_as: EvaluatedAs::Stored,
            verdict: Verdict::Accepted,
            writers_unknown: false,
            code: None,
            findings: Vec::new(),
            omitted_findings: 0,
            excepted_findings: Vec::new(),
            is_across_objects: true,
            is_stored_creation: false,
        }
    }

    /// Returns the object's name in a sentence, such as `Pod default/web`.
    pub fn object(&self) -> String {
        let separator = if self.namespace.is_empty() { "" } else { "/" };
        let name = if self.name.is_empty() { "-" } else { &self.name };
        format!("{} {}{separator}{name}", self.kind, self.namespace)
    }

    /// Returns the name of the verdict, and of what is unknown.
    pub fn verdict_name(&self) -> &'static str {
        match self.verdict {
            _ if self.is_across_objects => "compared",
            Verdict::Refused if self.writers_unknown => "refused, writers unknown",
            verdict => verdict.name(),
        }
    }

    /// Adds a finding that does not count.
    pub(crate) fn except(&mut self, finding: Finding, reason: String) {
        self.excepted_findings.push(ExceptedFinding { finding, reason });
    }

    /// Changes the verdict if no finding is left for which the object is refused.
    pub(crate) fn settle_exceptions(&mut self) {
        let is_refused = self.omitted_findings > 0 || self.findings.iter().any(|finding| finding.level == Level::Deny);
        if self.verdict == Verdict::Refused && !is_refused {
            self.verdict = Verdict::Excepted;
        }
    }

    /// Returns an entry for the findings that are left out, if there are any. Their levels and rules are not known.
    pub(crate) fn omitted(&self) -> Option<Finding> {
        let (findings, are) = if self.omitted_findings == 1 { ("finding", "is") } else { ("findings", "are") };
        (self.omitted_findings > 0).then(|| Finding {
            rule: Some(OMITTED.to_owned()),
            level: if self.verdict == Verdict::Refused { Level::Deny } else { Level::Warn },
            path: String::new(),
            key: None,
            problem: format!("has {} more {findings}, which {are} left out here", self.omitted_findings),
            fix: "fix those that are shown, and run this again".to_owned(),
            line: None,
            documentation: None,
        })
    }

    /// Returns whether the policy has a warning about the object, or has left one out.
    pub fn has_warnings(&self) -> bool {
        self.findings.iter().chain(&self.omitted()).any(|finding| finding.level == Level::Warn)
    }
}

impl Finding {
    fn new(document: &Document, request: &Request, level: Level, text: &str) -> Self {
        let parsed = parse(text);
        let path = match request.evaluated_as {
            EvaluatedAs::Request => parsed.path,
            // The document is the object.
            _ => parsed.path.strip_prefix(OBJECT).unwrap_or(parsed.path),
        };
        let line = document.origin.line.map(|line| line + lines_before(&document.text, &parsed));
        Self {
            rule: parsed.rule.map(str::to_owned),
            level,
            path: path.to_owned(),
            key: parsed.key.map(str::to_owned),
            problem: parsed.problem.to_owned(),
            fix: if request.has_own_user { without_own_user(parsed.fix) } else { parsed.fix.to_owned() },
            line,
            documentation: parsed.rule.map(documentation::link),
        }
    }

    /// Returns the id of the rule, or the text in its place.
    pub fn rule(&self) -> &str {
        self.rule.as_deref().unwrap_or(UNREADABLE)
    }

    /// Returns what is wrong, with the path of the annotation or field.
    pub fn text(&self) -> String {
        let separator = if self.path.is_empty() { "" } else { ": " };
        format!("{}{separator}{}", self.full_path(), self.problem)
    }

    /// Returns the path of the annotation or field, such as `metadata.annotations[JobID]`.
    pub fn full_path(&self) -> String {
        match &self.key {
            Some(key) => format!("{}[{key}]", self.path),
            None => self.path.clone(),
        }
    }
}

fn is_stored(document: &Document) -> bool {
    Header::decode(&document.text).is_ok_and(|header| header.is_stored())
}

/// Replaces the advice to trust the requester, if the requester is the default user.
fn without_own_user(fix: &str) -> String {
    match fix.rsplit_once(", or add ") {
        Some((fix, advice)) if advice.contains(&format!("\"{DEFAULT_USERNAME}\"")) => {
            format!("{fix}; to check as another user, pass --as")
        }
        _ => fix.to_owned(),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it")]
fn level_name<S: Serializer>(level: &Level, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(level.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_advises_to_trust_the_own_user() {
        let own = "remove it; to check as another user, pass --as";
        for (fix, expected) in [
            ("remove it, or add \"interlink-audit\" to trustedWriters if that is interLink", own),
            ("remove it, or add {username: \"interlink-audit\"} to trustedWriters if that is interLink", own),
            ("remove it, or add the key to knownAnnotations", "remove it, or add the key to knownAnnotations"),
            ("remove it", "remove it"),
        ] {
            assert_eq!(without_own_user(fix), expected);
        }
    }
}
