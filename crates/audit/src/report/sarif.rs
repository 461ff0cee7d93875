//! SARIF 2.1.0, for code scanning on GitHub and for editors.

mod rules;

use std::io::{self, Write};

use interlink_annotations_policy::Level;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::fingerprint::Fingerprints;
use super::json_list::{JsonList, to_json};
use super::table::print_error;
use super::text::{file, line, visible};
use super::{Format, Output, Summary, text};
use crate::document::{Origin, Problem};
use crate::documentation;
use crate::outcome::{Finding, Outcome};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The characters of a path that are escaped in an URI.
const NOT_IN_PATHS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One run, with all rules, the findings as they come, and the problems.
pub struct Sarif {
    output: Output,
    results: JsonList,
    fingerprints: Fingerprints,
    problems: Vec<Value>,
}

impl Sarif {
    /// Begins a report.
    pub fn new(output: Output) -> Self {
        Self {
            output,
            results: JsonList::after(head(), 4),
            fingerprints: Fingerprints::default(),
            problems: Vec::new(),
        }
    }
}

/// Returns the report up to the results.
fn head() -> String {
    let mut driver = json!({
        "name": "interlink-audit",
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": rules::descriptors(),
    });
    if let Some(repository) = documentation::repository() {
        driver["informationUri"] = json!(repository);
    }
    let tool = to_json(&json!({ "driver": driver }), 3).unwrap_or_default();
    format!(
        "{{\n  \"$schema\": \"{SCHEMA}\",\n  \"version\": \"2.1.0\",\n  \"runs\": [\n    {{\n      \"tool\": {tool},\n      \
         \"results\": "
    )
}

impl Format for Sarif {
    fn outcome(&mut self, outcome: &Outcome) -> io::Result<()> {
        let omitted = outcome.omitted();
        let counted = outcome.findings.iter().chain(&omitted).map(|finding| (finding, None));
        let excepted = outcome.excepted_findings.iter().map(|it| (&it.finding, Some(it.reason.as_str())));
        for (finding, reason) in counted.chain(excepted) {
            let mut result = json!({
                "ruleId": finding.rule(),
                "level": if finding.level == Level::Deny { "error" } else { "warning" },
                "message": message(&text::message(outcome, finding)),
                "locations": [{
                    "physicalLocation": physical_location(&outcome.origin, finding.line),
                    "logicalLocations": logical_locations(outcome, finding),
                }],
                "partialFingerprints": { "interlinkAudit/v1": self.fingerprints.finding(outcome, finding) },
            });
            if let Some(index) = rules::index(finding) {
                result["ruleIndex"] = json!(index);
            }
            if let Some(link) = &finding.documentation {
                result["properties"] = json!({ "documentation": link });
            }
            if let Some(reason) = reason {
                result["suppressions"] = json!([{ "kind": "external", "justification": visible(reason) }]);
            }
            self.results.push(&mut self.output, &result)?;
        }
        Ok(())
    }

    fn problem(&mut self, problem: &Problem) -> io::Result<()> {
        print_error(problem);
        self.problems.push(json!({
            "level": "error",
            "message": message(&problem.message()),
            "locations": [{ "physicalLocation": physical_location(problem.origin(), None) }],
        }));
        Ok(())
    }

    fn finish(&mut self, _: &Summary) -> io::Result<()> {
        self.results.end(&mut self.output)?;
        let invocation = json!({
            "executionSuccessful": self.problems.is_empty(),
            "toolExecutionNotifications": self.problems,
        });
        writeln!(self.output, ",\n      \"invocations\": {}\n    }}\n  ]\n}}", to_json(&[invocation], 3)?)?;
        self.output.flush()
    }
}

/// Returns a message without links: SARIF reads `[text](address)` as one, unless a backslash comes before a bracket.
fn message(text: &str) -> Value {
    json!({ "text": visible(text).replace('\\', r"\\").replace("](", r"\](") })
}

fn physical_location(origin: &Origin, finding: Option<usize>) -> Value {
    let path = utf8_percent_encode(file(origin), NOT_IN_PATHS).to_string();
    let scheme = if path.starts_with('/') { "file://" } else { "" };
    json!({
        "artifactLocation": { "uri": format!("{scheme}{path}") },
        "region": { "startLine": line(origin, finding) },
    })
}

/// Returns the object and, if there is one, the annotation or field.
fn logical_locations(outcome: &Outcome, finding: &Finding) -> Vec<Value> {
    let object = outcome.object();
    let path = finding.full_path();
    let mut locations = vec![json!({ "kind": "object", "name": outcome.name, "fullyQualifiedName": object })];
    if !path.is_empty() {
        let name = finding.key.as_ref().unwrap_or(&path);
        locations.push(json!({
            "kind": "property",
            "name": name,
            "fullyQualifiedName": format!("{object}: {path}"),
        }));
    }
    locations
}
