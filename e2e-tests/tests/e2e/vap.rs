//! `deploy/vap.yaml`: the core rules in CEL. It must refuse exactly what the policy refuses by these rules.
//!
//! Its cost and its types are checked by an API server alone, when the policy is created and for each request.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::Arc;

use cel::extractors::This;
use cel::{Context, Env, ExecutionError, Program, extensions};
use interlink_annotations_policy::go_duration;
use interlink_annotations_policy::response::{omitted, parse, split_message};
use interlink_e2e_tests::admission_request::AdmissionRequest;
use interlink_e2e_tests::dual_policy::DualPolicy;
use interlink_e2e_tests::fake_cluster::FakeCluster;
use ipnet::IpNet;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::match_conditions::{self, as_sent};
use crate::{case, model};

pub(crate) const TESTS: &[crate::Test] = &[
    ("the ValidatingAdmissionPolicy agrees with the policy on the cases", agrees_on_cases),
    ("the ValidatingAdmissionPolicy agrees with the policy on random updates", agrees_on_random_updates),
    ("the ValidatingAdmissionPolicy protects commands among many annotations", protects_among_many),
];

const MANIFEST: &str = include_str!("../../../deploy/vap.yaml");

/// The rules that it covers. The last two are at level `Warn`, but refuse a text that could add to a manifest.
const RULES: [&str; 8] = [
    "job-id",
    "managed-annotations",
    "pod-vpn",
    "pod-ip",
    "wstunnel-timeout",
    "vpn-with-wstunnel",
    "wstunnel-extra-ports",
    "wireguard",
];

/// An API server with the `ValidatingAdmissionPolicy`.
struct ApiServer {
    env: Arc<Env>,
    conditions: Vec<Program>,
    variables: Vec<(String, Program)>,
    validations: Vec<Validation>,
}

struct Validation {
    expression: Program,
    message: Program,
    reason: String,
}

impl ApiServer {
    fn start() -> Self {
        let mut env = Env::stdlib();
        extensions::strings(&mut env).expect("no function is declared twice");
        let policy = yaml_serde::Deserializer::from_str(MANIFEST).next().expect("a document");
        let spec = Value::deserialize(policy).expect("the manifest is YAML")["spec"].take();
        assert_eq!(spec["failurePolicy"], "Fail");
        let compile = |parent: &Value, field: &str| {
            let text = parent[field].as_str().unwrap_or_else(|| panic!("{parent} has {field}"));
            env.compile(text).unwrap_or_else(|error| panic!("{text}: {error}"))
        };
        let list = |field: &str| spec[field].as_array().expect("a list");
        let name = |variable: &Value| format!("variables.{}", variable["name"].as_str().expect("a name"));
        let validation = |validation: &Value| Validation {
            expression: compile(validation, "expression"),
            message: compile(validation, "messageExpression"),
            reason: validation["reason"].as_str().expect("a reason").to_owned(),
        };
        let conditions = list("matchConditions").iter().map(|condition| compile(condition, "expression")).collect();
        let variables =
            list("variables").iter().map(|variable| (name(variable), compile(variable, "expression"))).collect();
        let validations = list("validations").iter().map(validation).collect();
        Self { env: Arc::new(env), conditions, variables, validations }
    }

    /// Returns the messages about a request, each with its reason. `settings` replace the variables of the same names.
    ///
    /// # Errors
    /// If an expression fails: the API server then rejects the request without a reason.
    fn evaluate(&self, request: &Value, settings: &BTreeMap<&str, Value>) -> Result<Vec<(String, &str)>, String> {
        let mut context = Context::with_env(self.env.clone());
        add_library(&mut context);
        let inputs = [("request", request), ("object", &request["object"]), ("oldObject", &request["oldObject"])];
        for (name, value) in inputs {
            context.add_variable_from_value(name, cel::to_value(value).map_err(|error| error.to_string())?);
        }
        for condition in &self.conditions {
            if !holds(condition, &context)? {
                return Ok(Vec::new());
            }
        }
        for (name, expression) in &self.variables {
            let setting = settings.get(name.trim_start_matches("variables."));
            let value = match setting {
                Some(setting) => cel::to_value(setting).map_err(|error| error.to_string()),
                None => expression.execute(&context).map_err(|error| error.to_string()),
            };
            // The API server evaluates a variable only when an expression uses it, which fails then.
            if let Ok(value) = value {
                context.add_variable_from_value(name.as_str(), value);
            }
        }
        let mut messages = Vec::new();
        for Validation { expression, message, reason } in &self.validations {
            if !holds(expression, &context)? {
                match message.execute(&context) {
                    Ok(cel::Value::String(text)) => messages.push((text.to_string(), reason.as_str())),
                    other => return Err(format!("a message evaluates to {other:?}")),
                }
            }
        }
        Ok(messages)
    }
}

fn holds(expression: &Program, context: &Context<'_, '_>) -> Result<bool, String> {
    match expression.execute(context) {
        Ok(cel::Value::Bool(holds)) => Ok(holds),
        other => Err(format!("an expression evaluates to {other:?}")),
    }
}

/// Adds the functions of Kubernetes' CEL libraries that the manifest uses. An address or a range is its text here, and
/// a duration its nanoseconds.
fn add_library(context: &mut Context<'_, '_>) {
    type Text = Arc<String>;
    type Returned = Result<cel::Value, ExecutionError>;
    let is_ip = |text: Text| parse_ip(&text).is_ok();
    let cidr = |text: Text| -> Returned { Ok(parse_cidr(&text)?.to_string().into()) };
    let ip = |This(range): This<Text>| -> Returned { Ok(parse_cidr(&range)?.addr().to_string().into()) };
    let masked = |This(range): This<Text>| -> Returned { Ok(parse_cidr(&range)?.trunc().to_string().into()) };
    let prefix_length =
        |This(range): This<Text>| -> Returned { Ok(i64::from(parse_cidr(&range)?.prefix_len()).into()) };
    let contains_ip = |This(range): This<Text>, address: Text| -> Returned {
        Ok(parse_cidr(&range)?.contains(&parse_ip(&address)?).into())
    };
    let duration = |text: Text| -> Returned {
        go_duration::parse(&text).map(cel::Value::from).map_err(|error| failure("duration", &error))
    };
    let added = [
        context.add_function("isIP", is_ip),
        context.add_function("cidr", cidr),
        context.add_function("ip", ip),
        context.add_function("masked", masked),
        context.add_function("prefixLength", prefix_length),
        context.add_function("containsIP", contains_ip),
        context.add_function("duration", duration),
    ];
    assert!(added.iter().all(Result::is_ok), "{added:?}");
}

/// Parses an address as Kubernetes does: it accepts neither a zone nor an IPv4 address written as IPv6.
fn parse_ip(text: &str) -> Result<IpAddr, ExecutionError> {
    match text.parse() {
        Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_some() => Err(failure("ip", &"an IPv4 address")),
        parsed => parsed.map_err(|error| failure("ip", &error)),
    }
}

fn parse_cidr(text: &str) -> Result<IpNet, ExecutionError> {
    text.parse().map_err(|error| failure("cidr", &error))
}

fn failure(function: &str, error: &dyn Debug) -> ExecutionError {
    ExecutionError::function_error(function, format!("{error:?}"))
}

/// Compares the verdicts on a request. Returns the ids of the rules that refuse it.
///
/// # Errors
/// If the rules differ, or a message names another annotation.
fn compare(
    api_server: &ApiServer,
    policy: &DualPolicy,
    request: &Value,
    settings: &Value,
) -> Result<BTreeSet<String>, String> {
    let settings = supported(settings);
    let payload = json!({"request": request, "settings": as_settings(&settings)}).to_string();
    let (response, _) = policy.validate_in(payload.as_bytes(), &FakeCluster::unreadable())?;
    // The API server sends no malformed request.
    if response["code"] == 400 {
        return Ok(BTreeSet::new());
    }
    let describe = |problem: String| format!("{problem}\nsettings {settings:?}\npolicy {response:#}\n{request:#}");
    let messages = api_server.evaluate(request, &settings).map_err(describe)?;
    let expected = response["audit_annotations"]["violations"].as_str().unwrap_or_default().split(',');
    let expected: BTreeSet<_> = expected.filter(|id| RULES.contains(id)).map(str::to_owned).collect();
    let refused = messages.iter().filter_map(|(message, _)| parse(message).rule).map(str::to_owned).collect();
    if expected != refused {
        return Err(describe(format!("the policy refuses by {expected:?}, the API server with {messages:?}")));
    }
    let sentences = split_message(response["message"].as_str().unwrap_or_default());
    for (message, reason) in &messages {
        let part = parse(message);
        let is_same = |other: &&str| {
            let other = parse(other);
            // The policy quotes or cuts a key that is unusual.
            let is_shown_whole = other.key.is_some_and(|key| !key.contains(['"', '…']));
            omitted(other.problem).is_some()
                || (other.rule, other.path) == (part.rule, part.path) && (!is_shown_whole || other.key == part.key)
        };
        if part.fix.is_empty() || !sentences.iter().any(is_same) {
            return Err(describe(format!("the policy has no message like {message}")));
        }
        let is_about_writers = ["job-id", "managed-annotations"].map(Some).contains(&part.rule);
        if (*reason == "Forbidden") != is_about_writers {
            return Err(describe(format!("{reason} is not the reason of {message}")));
        }
    }
    Ok(refused)
}

/// Returns the variables for those settings of a policy that the manifest has, by their names.
fn supported(settings: &Value) -> BTreeMap<&'static str, Value> {
    let mut variables = BTreeMap::new();
    let mut set = |name, value: &Value| {
        if !value.is_null() {
            variables.insert(name, value.clone());
        }
    };
    set("cidrs", &settings["podIP"]["cidrs"]);
    set("fullMesh", &settings["fullMesh"]);
    set("managedAnnotations", &settings["managedAnnotations"]);
    // A variable is a whole map.
    for (name, given, mut bounds) in [
        ("octetRange", &settings["podIP"]["octetRange"], json!({"min": 2, "max": 250})),
        ("wstunnelTimeout", &settings["wstunnelTimeout"], json!({"min": "1s", "max": "10m"})),
    ] {
        if let Some(given) = given.as_object().filter(|given| given.get("max") != Some(&json!(255))) {
            given.iter().for_each(|(bound, value)| bounds[bound] = value.clone());
            set(name, &bounds);
        }
    }
    let writers = strings(&settings["trustedWriters"], |writer| {
        let is_supported = writer["namespace"].is_null() && writer["group"].is_null();
        writer["username"].as_str().filter(|name| is_supported && !name.trim_end_matches('*').contains('*'))
    });
    set("trustedWriters", &writers);
    let namespaces = strings(&settings["shadowNamespaces"], |namespace| {
        namespace.as_str().filter(|name| !name.trim_start_matches('*').contains('*'))
    });
    set("shadowNamespaces", &namespaces);
    variables
}

/// Returns what a function finds in the elements of a list; null unless it finds something in each.
fn strings(list: &Value, find: impl Fn(&Value) -> Option<&str>) -> Value {
    let found: Option<Vec<_>> = list.as_array().and_then(|elements| elements.iter().map(find).collect());
    found.map_or(Value::Null, |found| json!(found))
}

/// Returns the policy's settings for variables.
fn as_settings(variables: &BTreeMap<&str, Value>) -> Value {
    let mut settings = json!({});
    for (name, value) in variables {
        match *name {
            "cidrs" | "octetRange" => settings["podIP"][name] = value.clone(),
            "trustedWriters" => {
                let names = value.as_array().into_iter().flatten();
                settings[name] = names.map(|username| json!({"username": username})).collect();
            }
            _ => settings[name] = value.clone(),
        }
    }
    settings
}

fn agrees_on_cases(policy: &DualPolicy) -> Result<(), String> {
    let api_server = ApiServer::start();
    let (mut ids, mut problems) = (BTreeSet::new(), Vec::new());
    for (name, case) in case::all() {
        let payload = case.payload().ok().and_then(|payload| serde_json::from_str::<Value>(&payload).ok());
        let Some(mut payload) = payload.filter(|payload| is_matched(&payload["request"])) else {
            continue;
        };
        let request = as_api_server_sends(payload["request"].take());
        match compare(&api_server, policy, &request, &payload["settings"]) {
            Ok(refused) => ids.extend(refused),
            Err(problem) => problems.push(format!("{name}: {problem}")),
        }
    }
    if !problems.is_empty() {
        return Err(problems.join("\n"));
    }
    match RULES.iter().find(|id| !ids.contains(**id)) {
        None => Ok(()),
        Some(id) => Err(format!("no case is refused by {id}")),
    }
}

fn agrees_on_random_updates(policy: &DualPolicy) -> Result<(), String> {
    let api_server = ApiServer::start();
    let config = Config { cases: 5_000, failure_persistence: None, ..Config::default() };
    let (refused, accepted) = (Cell::new(0), Cell::new(0));
    let outcome = TestRunner::new(config).run(&any::<[u64; model::CHOICES]>(), |numbers| {
        let (request, settings) = model::random_update(&numbers);
        let request = request.into_json();
        if is_matched(&request) {
            let request = as_api_server_sends(request);
            let ids = compare(&api_server, policy, &request, &settings).map_err(TestCaseError::fail)?;
            let count = if ids.is_empty() { &accepted } else { &refused };
            count.set(count.get() + 1);
        }
        Ok(())
    });
    outcome.map_err(|error| error.to_string())?;
    if refused.get() > 500 && accepted.get() > 500 {
        Ok(())
    } else {
        Err(format!("{} updates are refused, and {} accepted", refused.get(), accepted.get()))
    }
}

/// It searches up to 2,000 annotations. Only interLink may add more.
fn protects_among_many(policy: &DualPolicy) -> Result<(), String> {
    const COMMANDS: &str = "interlink.eu/x-client-commands";
    let api_server = ApiServer::start();
    let pod = |count: usize, key: &str| {
        let mut annotations: Value = (0..count - 1).map(|index| (format!("example.com/{index}"), "x")).collect();
        annotations[key] = "x".into();
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": annotations}})
    };
    let create = |count, key| AdmissionRequest::create(pod(count, key)).namespace("physics");
    for key in [COMMANDS, "JobID"] {
        let request = as_api_server_sends(create(2_000, key).into_json());
        if compare(&api_server, policy, &request, &Value::Null)?.is_empty() {
            return Err(format!("{key} should be refused"));
        }
    }
    let update = |old, new| AdmissionRequest::update(pod(old, "interlink.eu/pod-vpn"), pod(new, COMMANDS));
    let user = "alice";
    let interlink = "system:serviceaccount:interlink:vk";
    for (request, user, is_refused) in [
        (create(2_001, "example.com/other"), user, true),
        (create(2_001, "example.com/other"), interlink, false),
        (update(1_000, 2_001), user, true),
        (update(1_000, 2_001), interlink, false),
        // Among so many, a change is not found.
        (update(2_001, 2_002), user, false),
        (update(2_001, 2_000), user, true),
    ] {
        let request = as_api_server_sends(request.user(user).into_json());
        if api_server.evaluate(&request, &BTreeMap::new())?.is_empty() == is_refused {
            let operation = &request["operation"];
            return Err(format!("that {user}'s {operation} is refused should be {is_refused}"));
        }
    }
    Ok(())
}

/// Returns whether the manifest's rules match a request.
fn is_matched(request: &Value) -> bool {
    match_conditions::is_matched(request)
        && request["kind"]["kind"] != "PodTemplate"
        && ["CREATE", "UPDATE"].iter().any(|operation| request["operation"] == *operation)
}

/// Returns a request as the API server evaluates it: with a user, without empty fields, and with an old object exactly
/// in an UPDATE.
fn as_api_server_sends(request: Value) -> Value {
    let mut request = as_sent(request);
    // Only an audit request has neither a name nor a group.
    if request["userInfo"]["username"].as_str().is_none_or(str::is_empty) {
        request["userInfo"] = json!({"groups": ["system:authenticated"]});
    }
    if request["operation"] == "CREATE" {
        request["oldObject"] = Value::Null;
    }
    request
}
