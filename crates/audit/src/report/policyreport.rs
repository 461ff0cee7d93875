//! Reports of the API group openreports.io, as Kubewarden's audit scanner makes them: one for each object, in its
//! namespace, so that none grows beyond what a cluster can store.
//!
//! The audit scanner names a report by its object's uid, and deletes by a label those of its earlier runs. The reports
//! here have other names and another label, so that both can be in a cluster.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use interlink_annotations_policy::Level;
use serde::Serialize;
use serde_json::{Value, json};

use super::fingerprint::Fingerprints;
use super::json_list::JsonList;
use super::table::print_error;
use super::text::{advice, file, line, visible};
use super::{Format, Output, Summary};
use crate::document::Problem;
use crate::outcome::{ExceptedFinding, Finding, Outcome, Verdict};

/// The source of the reports.
const SOURCE: &str = "interlink-audit";

/// A list of `Report` and `ClusterReport`, as JSON for `kubectl apply`.
pub struct PolicyReport {
    output: Output,
    reports: JsonList,
    fingerprints: Fingerprints,
    /// The start of the run, in seconds since 1970.
    started: u64,
}

/// A result in a report.
#[derive(Serialize)]
struct ReportResult {
    source: &'static str,
    policy: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    rule: String,
    category: &'static str,
    severity: &'static str,
    timestamp: Value,
    result: &'static str,
    scored: bool,
    message: String,
    properties: BTreeMap<&'static str, String>,
}

impl PolicyReport {
    /// Begins a report.
    pub fn new(output: Output) -> Self {
        let head = "{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"List\",\n  \"items\": ";
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self { output, reports: JsonList::after(head, 2), fingerprints: Fingerprints::default(), started }
    }

    /// Returns the results of an object: its findings, or else its verdict.
    fn results(&self, outcome: &Outcome) -> Vec<ReportResult> {
        let omitted = outcome.omitted();
        let findings = outcome.findings.iter().chain(&omitted);
        let mut results: Vec<_> = findings.map(|finding| self.finding(outcome, finding)).collect();
        results.extend(outcome.excepted_findings.iter().map(|excepted| self.excepted(outcome, excepted)));
        let verdict = match outcome.verdict {
            Verdict::Refused | Verdict::Excepted => return results,
            Verdict::Accepted if !results.is_empty() => return results,
            Verdict::Accepted => "pass",
            Verdict::WritersUnknown => "warn",
            Verdict::Trusted | Verdict::NotChecked => "skip",
        };
        let file = file(&outcome.origin).to_owned();
        results.push(self.result(verdict, outcome.verdict.name(), BTreeMap::from([("file", file)])));
        results
    }

    fn finding(&self, outcome: &Outcome, finding: &Finding) -> ReportResult {
        let result = if finding.level == Level::Deny { "fail" } else { "warn" };
        self.about(outcome, finding, result, &advice(finding))
    }

    fn excepted(&self, outcome: &Outcome, excepted: &ExceptedFinding) -> ReportResult {
        let text = format!("excepted: {}; {}", excepted.reason, excepted.finding.text());
        self.about(outcome, &excepted.finding, "skip", &text)
    }

    fn about(&self, outcome: &Outcome, finding: &Finding, result: &'static str, text: &str) -> ReportResult {
        let mut properties = BTreeMap::from([
            ("file", file(&outcome.origin).to_owned()),
            ("line", line(&outcome.origin, finding.line).to_string()),
            ("path", finding.full_path()),
        ]);
        properties.extend(finding.documentation.clone().map(|link| ("documentation", link)));
        ReportResult { rule: finding.rule().to_owned(), ..self.result(result, text, properties) }
    }

    fn result(&self, result: &'static str, message: &str, properties: BTreeMap<&'static str, String>) -> ReportResult {
        ReportResult {
            source: SOURCE,
            policy: "interlink-annotations",
            rule: String::new(),
            category: "Resource validation",
            severity: match result {
                "fail" => "high",
                "warn" => "medium",
                _ => "info",
            },
            timestamp: json!({ "seconds": self.started, "nanos": 0 }),
            result,
            // In a report, warnings are results that are not scored.
            scored: result != "warn",
            message: visible(message),
            properties,
        }
    }
}

impl Format for PolicyReport {
    fn outcome(&mut self, outcome: &Outcome) -> io::Result<()> {
        // The audit scanner does not scan kinds that the policy does not check.
        if outcome.verdict == Verdict::NotChecked {
            return Ok(());
        }
        let results = self.results(outcome);
        let count = |name| results.iter().filter(|result| result.result == name).count();
        let mut report = json!({
            "apiVersion": "openreports.io/v1alpha1",
            "kind": "ClusterReport",
            "metadata": {
                "name": format!("{SOURCE}-{}", self.fingerprints.object(outcome)),
                "labels": { "app.kubernetes.io/managed-by": SOURCE },
            },
            "source": SOURCE,
            "scope": {
                "apiVersion": outcome.api_version,
                "kind": outcome.kind,
                "name": outcome.name,
            },
            "summary": {
                "pass": count("pass"),
                "fail": count("fail"),
                "warn": count("warn"),
                "error": 0,
                "skip": count("skip"),
            },
            "results": results,
        });
        if !outcome.namespace.is_empty() {
            report["kind"] = json!("Report");
            report["metadata"]["namespace"] = json!(outcome.namespace);
            report["scope"]["namespace"] = json!(outcome.namespace);
        }
        if !outcome.uid.is_empty() {
            report["scope"]["uid"] = json!(outcome.uid);
        }
        self.reports.push(&mut self.output, &report)
    }

    /// A document that cannot be read has no object, and so no report.
    fn problem(&mut self, problem: &Problem) -> io::Result<()> {
        print_error(problem);
        Ok(())
    }

    fn finish(&mut self, _: &Summary) -> io::Result<()> {
        self.reports.end(&mut self.output)?;
        writeln!(self.output, "\n}}")?;
        self.output.flush()
    }
}
