//! JSON, against its schema.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{HOSTILE, HOSTILE_FILE, MIXED, check, check_hostile, parse, run, text};

const SCHEMA: &str = include_str!("../../../../docs/report.schema.json");

/// A JSON Schema, in the keywords that the schema of the report uses.
struct Schema {
    root: Value,
    /// The fields and constants that were met.
    met: BTreeSet<String>,
}

impl Schema {
    fn read() -> Self {
        Self { root: parse(SCHEMA), met: BTreeSet::new() }
    }

    /// Checks a value, more strictly than a schema does: no field may be missing or unknown.
    fn check(&mut self, value: &Value, schema: &Value, path: &str) {
        for (keyword, rule) in schema.as_object().unwrap() {
            match keyword.as_str() {
                "$ref" => {
                    let schema = self.root.pointer(text(rule).trim_start_matches('#')).unwrap().clone();
                    self.check(value, &schema, path);
                }
                "type" => assert!(has_type(value, rule), "{path} should be of type {rule}: {value}"),
                "const" => assert_eq!(value, rule, "{path}"),
                "enum" => {
                    assert!(rule.as_array().unwrap().contains(value), "{path}: {value}");
                    self.met.insert(format!("{path} {}", text(value)));
                }
                "minimum" => assert!(value.is_null() || value.as_u64() >= rule.as_u64(), "{path}: {value}"),
                "items" => {
                    value.as_array().unwrap().iter().for_each(|item| self.check(item, rule, &format!("{path}[]")));
                }
                "properties" => {
                    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
                    assert_eq!(names(value), names(rule), "{path}");
                    let required = schema["required"].as_array().unwrap().iter().map(text).map(str::to_owned);
                    assert_eq!(names(rule), required.collect(), "{path} should require all fields");
                    for (name, rule) in rule.as_object().unwrap() {
                        self.check(&value[name], rule, &format!("{path}.{name}"));
                    }
                }
                "additionalProperties" => {
                    value.as_object().unwrap().values().for_each(|value| self.check(value, rule, &format!("{path}.*")));
                }
                "$schema" | "$id" | "$defs" | "title" | "description" | "required" => {}
                _ => panic!("{path}: the check does not know {keyword}"),
            }
        }
    }

    fn check_report(&mut self, report: &Value) {
        self.check(report, &self.root.clone(), "report");
    }
}

fn has_type(value: &Value, types: &Value) -> bool {
    let is = |name: &Value| match text(name) {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64(),
        "null" => value.is_null(),
        name => panic!("no type {name}"),
    };
    types.as_array().map_or_else(|| is(types), |types| types.iter().any(is))
}

fn stored(name: &str, fields: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {
        "name": name, "namespace": "a", "uid": "5", "resourceVersion": "7", "annotations": {"JobID": "1"}, "managedFields": fields,
    }})
}

/// Reports that have every verdict, level and way of evaluation.
fn reports() -> Vec<Value> {
    let pod = |annotations: &str| {
        format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a, annotations: {{{annotations}}}}}\n")
    };
    let (old, new) = (pod("x: a"), pod("JobID: '1'"));
    let request = json!({"kind": {"kind": "Pod"}, "operation": "CREATE", "object": {"metadata": {"annotations": {"JobID": "1"}}}});
    // With a finding across objects.
    let mut untracked = stored("untracked", &json!([]));
    untracked["metadata"]["annotations"] = json!({});
    untracked["spec"] = json!({"nodeName": "hpc"});
    untracked["status"] = json!({"phase": "Running"});
    let objects = [stored("unknown", &json!([])), stored("known", &json!([{"manager": "vk"}])), untracked];
    let cluster = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
    let files = [
        ("old.yaml", &*old),
        ("new.yaml", &*new),
        ("r.json", &*request.to_string()),
        ("c.json", &*cluster),
        ("s.yaml", "virtualNodes: {names: [hpc]}"),
        ("m.yaml", MIXED),
    ];
    let interlink = "system:serviceaccount:interlink:vk";
    [
        &["check", "--format", "json", "m.yaml", "r.json"][..],
        &["check", "--format", "json", "--old", "old.yaml", "new.yaml"],
        &["check", "--format", "json", "--as", interlink, "new.yaml"],
        &["audit", "--format", "json", "--settings", "s.yaml", "c.json"],
    ]
    .map(|arguments| parse(&run(&files, arguments).1))
    .to_vec()
}

#[test]
fn reports_match_their_schema() {
    let mut schema = Schema::read();
    for report in reports() {
        schema.check_report(&report);
    }
    assert_eq!(reports()[3]["summary"]["acrossObjects"], 1);
    schema.check_report(&parse(&check_hostile("json")));
    let met: Vec<_> = schema.met.iter().map(|met| met.rsplit_once('.').unwrap().1).collect();
    let expected = [
        "evaluatedAs creation",
        "evaluatedAs request",
        "evaluatedAs stored",
        "evaluatedAs update",
        "level Deny",
        "level Warn",
        "verdict Accepted",
        "verdict NotChecked",
        "verdict Refused",
        "verdict Trusted",
        "verdict WritersUnknown",
    ];
    assert_eq!(met.iter().copied().collect::<BTreeSet<_>>(), expected.into(), "the reports should have all values");
}

#[test]
fn the_schema_describes_and_types_every_field() {
    let schema = parse(SCHEMA);
    let definitions = schema["$defs"].as_object().unwrap().values();
    for object in definitions.chain([&schema]).filter(|it| it["type"] == "object") {
        assert!(object["description"].is_string(), "{object}");
        for (name, field) in object["properties"].as_object().unwrap() {
            let target = field["$ref"].as_str().and_then(|path| schema.pointer(path.trim_start_matches('#')));
            let has = |keyword: &str| !field[keyword].is_null() || target.is_some_and(|it| !it[keyword].is_null());
            assert!(has("description") && has("type"), "{name} should have a description and a type");
        }
    }
}

/// Whoever publishes the policy replaces both addresses.
#[test]
fn the_schema_is_in_the_repository() {
    let metadata = include_str!("../../../../policy-metadata.yml");
    let source = metadata.lines().find_map(|line| line.trim().strip_prefix("io.kubewarden.policy.source: ")).unwrap();
    assert_eq!(parse(SCHEMA)["$id"], format!("{source}/docs/report.schema.json"));
}

#[test]
fn json_keeps_hostile_text() {
    let report = parse(&check_hostile("json"));
    let result = &report["results"][1];
    for field in ["apiVersion", "kind", "namespace", "name"] {
        assert_eq!(result[field], HOSTILE, "{field}");
    }
    assert_eq!(result["file"], format!("./{HOSTILE_FILE}"));
    assert_eq!(report["problems"][0]["item"], "items[2]");
}

#[test]
fn findings_link_to_the_documentation_of_their_rule() {
    let report = parse(&check(MIXED, "json"));
    let findings = report["results"][0]["findings"].as_array().unwrap();
    for (finding, rule) in findings.iter().zip(["job-id", "pod-ip", "mesh-network"]) {
        assert!(text(&finding["documentation"]).ends_with(&format!("docs/rules.md#{rule}")), "{finding}");
    }
}
