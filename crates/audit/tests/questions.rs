//! Checks Rancher's form against the settings' schema and defaults.

use interlink_annotations_policy::Level;
use interlink_annotations_policy::rules::RULES;
use interlink_annotations_policy::settings::{self, Settings};
use serde::Deserialize;
use serde_json::{Value, json};

/// A question, with the fields of Rancher that the form uses.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    variable: String,
    label: String,
    description: String,
    /// `None` within a sequence.
    group: Option<String>,
    #[serde(rename = "type")]
    kind: Kind,
    default: Option<Value>,
    #[serde(default)]
    options: Vec<String>,
    show_if: Option<String>,
    #[serde(default)]
    sequence_questions: Vec<Question>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Boolean,
    Enum,
    Int,
    String,
    #[serde(rename = "array[")]
    Array,
    /// A list of objects.
    #[serde(rename = "sequence[")]
    Sequence,
}

impl Question {
    /// Returns whether the form can show and send a value.
    fn accepts(&self, value: &Value) -> bool {
        let list = |accepts: &dyn Fn(&Value) -> bool| value.as_array().is_some_and(|list| list.iter().all(accepts));
        match self.kind {
            Kind::Boolean => value.is_boolean(),
            Kind::Enum => self.options.iter().any(|option| value == option),
            Kind::Int => value.is_u64(),
            Kind::String => value.is_string(),
            Kind::Array => list(&Value::is_string),
            Kind::Sequence => list(&|entry| {
                let has_question = |name: &String| self.sequence_questions.iter().any(|field| field.variable == *name);
                entry.as_object().is_some_and(|entry| entry.keys().all(has_question))
            }),
        }
    }
}

fn questions() -> Vec<Question> {
    let mut form: Value = yaml_serde::from_str(include_str!("../../../questions-ui.yml")).unwrap();
    serde_json::from_value(form["questions"].take()).unwrap()
}

/// Returns settings with only one field, given by its path.
fn only(variable: &str, value: Value) -> Value {
    variable.rsplit('.').fold(value, |value, name| json!({ name: value }))
}

/// Returns the policy's error for settings, if it refuses them.
fn refusal(settings: &Value) -> Option<String> {
    settings::validate(settings.to_string().as_bytes()).message
}

/// Returns the valid choices that the policy's error for settings lists.
fn choices(settings: &Value) -> Vec<String> {
    let message = refusal(settings).unwrap_or_default();
    let choices = message.split_once("; use one of ").map(|(_, choices)| choices.split(", "));
    choices.into_iter().flatten().map(str::to_owned).collect()
}

/// Returns the path of every setting that is not an object, from the policy's errors for unknown fields.
fn schema(object: &str) -> Vec<String> {
    let path = |name: &str| format!("{object}.{name}").trim_start_matches('.').to_owned();
    let fields = choices(&only(&path("?"), Value::Null));
    if fields.is_empty() {
        vec![object.to_owned()]
    } else {
        fields.iter().flat_map(|field| schema(&path(field))).collect()
    }
}

#[test]
fn asks_for_every_setting() {
    let questions = questions();
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    let names = |questions: &[Question]| sorted(questions.iter().map(|question| question.variable.clone()).collect());
    assert_eq!(names(&questions), sorted(schema("")));
    for question in &questions {
        assert!(question.group.is_some(), "{}", question.variable);
        // Only sequences have entries with fields.
        let fields = sorted(choices(&only(&question.variable, json!([{ "?": null }]))));
        assert_eq!(names(&question.sequence_questions), fields, "{}", question.variable);
        for field in &question.sequence_questions {
            assert!(field.kind == Kind::String && field.default.is_none(), "{}", field.variable);
        }
    }
}

#[test]
fn offers_every_choice() {
    for question in questions() {
        assert_eq!(question.options, choices(&only(&question.variable, json!("?"))), "{}", question.variable);
    }
}

/// Returns the settings that an unchanged form sends, without those of some questions.
fn defaults(questions: &[Question], omitted: impl Fn(&Question) -> bool) -> Value {
    let mut settings = json!({});
    for question in questions.iter().filter(|question| !omitted(question)) {
        if let Some(default) = &question.default {
            let field = question.variable.split('.').fold(&mut settings, |place, name| &mut place[name]);
            *field = default.clone();
        }
    }
    settings
}

#[test]
fn sends_the_defaults_when_unchanged() {
    let questions = questions();
    let without_default =
        questions.iter().filter(|question| question.default.is_none()).map(|question| &*question.variable);
    assert!(without_default.eq(["podIP.octetRange.min", "podIP.octetRange.max", "helpURL"]));
    // Rancher does not send empty lists, defaults of sequences or hidden questions.
    let unsent = |question: &Question| {
        question.kind == Kind::Sequence || question.show_if.is_some() || question.default == Some(json!([]))
    };
    // Nor does it send a field that the user cleared.
    let cleared = questions
        .iter()
        .map(|cleared| defaults(&questions, |question| unsent(question) || question.variable == cleared.variable));
    for settings in cleared.chain([defaults(&questions, unsent), defaults(&questions, |_| false)]) {
        let text = settings.to_string();
        let parsed = Settings::parse(text.as_bytes());
        assert_eq!(parsed, Ok(Settings::default()), "{text}");
    }
}

#[test]
fn sends_valid_settings_when_filled_in() {
    let mut filled = json!({
        "scope": "VirtualNodePods",
        "virtualNodes": {"taintKeys": ["example.org/hpc"], "names": ["hpc"]},
        "trustedWriters": [{"username": "vk"}, {"group": "hpc-operators", "namespace": "hpc-*"}],
        "shadowNamespaces": ["*-shadow"],
        "trustedFieldManagers": ["vk-hpc"],
        "podIP": {"cidrs": ["10.0.0.0/8", "fd00::/8"], "octetRange": {"min": 9, "max": 99}, "allowReserved": true},
        "wstunnelTimeout": {"min": "10s", "max": "2m30s"},
        "fullMesh": true,
        "knownAnnotations": ["interlink.eu/original-metadata"],
        "managedAnnotations": ["interlink.eu/gang-token"],
        "cluster": {"podIPRanges": true, "podIPConflicts": true},
        "pluginAnnotations": {"allowed": ["slurm-job.vk.io/flags"]},
        "helpURL": "https://example.org/interlink",
    });
    for rule in &RULES {
        let other = if rule.id.default_level() == Level::Ignore { Level::Warn } else { Level::Ignore };
        filled["rules"][rule.id.as_str()] = other.as_str().into();
    }
    for question in questions() {
        let variable = &question.variable;
        let value = filled.pointer(&format!("/{}", variable.replace('.', "/"))).expect(variable);
        assert!(question.accepts(value) && question.default.is_none_or(|default| default != *value), "{variable}");
        assert_eq!(refusal(&only(variable, value.clone())), None);
    }
    assert_eq!(refusal(&filled), None);
}

#[test]
fn has_labels_and_valid_defaults_and_conditions() {
    let questions = questions();
    for question in &questions {
        let variable = &question.variable;
        assert!(question.default.as_ref().is_none_or(|default| question.accepts(default)), "{variable}");
        assert!(!question.label.is_empty() && !question.description.is_empty(), "{variable}");
        if let Some(condition) = &question.show_if {
            let (other, value) = condition.split_once('=').expect(variable);
            let other = questions.iter().find(|question| question.variable == other).expect(condition);
            assert!(other.accepts(&value.into()), "{condition}");
        }
    }
}
