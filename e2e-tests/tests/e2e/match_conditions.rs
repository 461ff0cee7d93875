//! The `matchConditions` of the policies in `deploy/`. The API server calls a policy only if all of them are true; a
//! request that they skip must be one that the policy accepts without a warning.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use cel::{Context, Env, Program};
use interlink_annotations_policy::RuleId;
use interlink_annotations_policy::annotations::CATALOGUE;
use interlink_annotations_policy::kinds::{KINDS, Kind, Location};
use interlink_annotations_policy::rules::{RULES, documentation};
use interlink_e2e_tests::admission_request::AdmissionRequest;
use interlink_e2e_tests::dual_policy::DualPolicy;
use interlink_e2e_tests::fake_cluster::FakeCluster;
use interlink_e2e_tests::response::rule_ids;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::{case, model};

pub(crate) const TESTS: &[crate::Test] = &[
    ("matchConditions skip no case that the policy rejects or warns about", match_reported_cases),
    ("matchConditions skip no random update that the policy rejects or warns about", match_reported_updates),
    ("matchConditions skip no interLink annotation at any location", match_annotations_at_every_location),
    ("matchConditions skip updates that change nothing that matters", skip_unrelated_updates),
    ("matchConditions skip objects without interLink annotations", skip_unrelated_objects),
    ("matchConditions of the hardening policy skip kubelets", hardening_skips_kubelets),
    ("the component for a trusted account skips what the policy trusts", component_skips_only_the_trusted_account),
];

/// The main policy, whose conditions `monitor.yaml` and `namespace.yaml` share, and the hardening policy.
const MANIFESTS: [&str; 2] =
    [include_str!("../../../deploy/protect.yaml"), include_str!("../../../deploy/hardening.yaml")];

/// The pattern of keys in the conditions.
const PATTERN: &str = "'(?i)^([iİ]nterl[iİ]nk[.]|jobid$)'";

/// An API server with both policies.
struct ApiServer {
    env: Arc<Env>,
    conditions: [Vec<Program>; 2],
}

impl ApiServer {
    fn start() -> Self {
        Self::with_pattern(PATTERN)
    }

    /// Starts it with the pattern that `plugin-annotations` documents.
    fn with_plugins() -> Self {
        let text = documentation(RuleId::PluginAnnotations);
        let pattern = text.split("```text\n").nth(1).and_then(|rest| rest.lines().next());
        Self::with_pattern(pattern.expect("the rule documents a pattern"))
    }

    fn with_pattern(pattern: &str) -> Self {
        let env = Arc::new(Env::stdlib());
        let conditions = MANIFESTS.map(|manifest| {
            assert!(manifest.contains(PATTERN), "the conditions have the pattern that the documentation replaces");
            let manifest = manifest.replace(PATTERN, pattern);
            let manifest: Value = yaml_serde::from_str(&manifest).expect("the manifest is YAML");
            let conditions = manifest["spec"]["matchConditions"].as_array().expect("the manifest has conditions");
            let expressions = conditions.iter().map(|condition| condition["expression"].as_str().unwrap());
            expressions.map(|expression| env.compile(expression).unwrap()).collect()
        });
        Self { env, conditions }
    }

    /// Returns whether the conditions of each policy match a request.
    ///
    /// # Errors
    /// If a condition fails: the API server then rejects the request, whatever its content.
    fn matches(&self, request: &Value) -> Result<[bool; 2], String> {
        let mut context = Context::with_env(self.env.clone());
        let variables = [("request", request), ("object", &request["object"]), ("oldObject", &request["oldObject"])];
        for (name, value) in variables {
            context.add_variable_from_value(name, cel::to_value(value).map_err(|error| error.to_string())?);
        }
        let mut matches = [true; 2];
        for (matches, conditions) in matches.iter_mut().zip(&self.conditions) {
            for condition in conditions {
                match condition.execute(&context) {
                    Ok(cel::Value::Bool(holds)) => *matches &= holds,
                    other => return Err(format!("a condition evaluates to {other:?} for {request:#}")),
                }
            }
        }
        Ok(matches)
    }

    /// Returns the ids of the rules that report a request.
    ///
    /// # Errors
    /// If there are any, but the conditions skip the request.
    fn evaluate(&self, policy: &DualPolicy, request: &Value, settings: &Value) -> Result<Vec<String>, String> {
        let payload = json!({"request": request, "settings": settings}).to_string();
        let (response, _) = policy.validate_in(payload.as_bytes(), &FakeCluster::unreadable())?;
        // The API server sends no malformed request.
        if response["code"] == 400 {
            return Ok(Vec::new());
        }
        let ids = rule_ids(&response);
        let [main, hardening] = self.matches(request)?;
        if ids.is_empty() || main && (hardening || is_from_kubelet(request)) {
            Ok(ids.into_iter().map(str::to_owned).collect())
        } else {
            Err(format!("the conditions skip {request:#}, but the policy responds {response:#}"))
        }
    }
}

fn is_from_kubelet(request: &Value) -> bool {
    request["userInfo"]["username"].as_str().is_some_and(|username| username.starts_with("system:node:"))
}

fn match_reported_cases(policy: &DualPolicy) -> Result<(), String> {
    let (shipped, with_plugins) = (ApiServer::start(), ApiServer::with_plugins());
    let mut ids = BTreeSet::new();
    for (name, case) in case::all() {
        let payload = case.payload().ok().and_then(|payload| serde_json::from_str::<Value>(&payload).ok());
        if let Some(mut payload) = payload.filter(|payload| payload["request"].is_object()) {
            let request = as_sent(payload["request"].take());
            if !is_matched(&request) {
                continue;
            }
            let level = payload["settings"]["rules"]["plugin-annotations"].as_str().unwrap_or("Ignore");
            let api_server = if level == "Ignore" { &shipped } else { &with_plugins };
            let reported = api_server.evaluate(policy, &request, &payload["settings"]);
            ids.extend(reported.map_err(|problem| format!("{name}: {problem}"))?);
        }
    }
    match RULES.iter().find(|rule| !ids.contains(rule.id.as_str())) {
        None => Ok(()),
        Some(rule) => Err(format!("no case is reported by {}", rule.id)),
    }
}

fn match_reported_updates(policy: &DualPolicy) -> Result<(), String> {
    let (shipped, with_plugins) = (ApiServer::start(), ApiServer::with_plugins());
    let config = Config { cases: 5_000, failure_persistence: None, ..Config::default() };
    let (reported, unsent) = (Cell::new(0), Cell::new(0));
    let outcome = TestRunner::new(config).run(&any::<[u64; model::CHOICES]>(), |numbers| {
        let (request, settings) = model::random_update(&numbers);
        let request = as_sent(request.into_json());
        if is_matched(&request) && !is_from_kubelet(&request) {
            let level = settings["rules"]["plugin-annotations"].as_str().unwrap_or("Ignore");
            let api_server = if level == "Ignore" { &shipped } else { &with_plugins };
            let ids = api_server.evaluate(policy, &request, &settings).map_err(TestCaseError::fail)?;
            reported.set(reported.get() + u32::from(!ids.is_empty()));
            let matches = api_server.matches(&request).map_err(TestCaseError::fail)?;
            unsent.set(unsent.get() + u32::from(matches == [false; 2]));
        }
        Ok(())
    });
    outcome.map_err(|error| error.to_string())?;
    if reported.get() > 100 && unsent.get() > 100 {
        Ok(())
    } else {
        Err(format!("{} updates are reported, and {} unsent", reported.get(), unsent.get()))
    }
}

/// Returns whether the rules of the policies match a request. Those of `custom-resources.yaml`, which has no conditions,
/// match other kinds.
pub(crate) fn is_matched(request: &Value) -> bool {
    let [group, name] = ["group", "kind"].map(|field| request["kind"][field].as_str().unwrap_or_default());
    Kind::find(group, name).is_some()
}

/// Returns a request as the API server sends it: with a user name, and without null in its objects.
pub(crate) fn as_sent(mut request: Value) -> Value {
    for object in ["object", "oldObject"] {
        strip_nulls(&mut request[object]);
    }
    if request["userInfo"].is_null() {
        request["userInfo"] = json!({"username": "system:anonymous", "groups": ["system:unauthenticated"]});
    }
    request
}

fn strip_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(strip_nulls);
        }
        Value::Array(elements) => elements.iter_mut().for_each(strip_nulls),
        _ => {}
    }
}

fn match_annotations_at_every_location(policy: &DualPolicy) -> Result<(), String> {
    let api_server = ApiServer::start();
    let known = CATALOGUE.iter().map(|known| known.key);
    let keys: Vec<_> =
        known.chain(["interlink.eu/", "Interlink.EU/pod-vpn", "INTERLINK.virtual-kubelet.io/x"]).collect();
    for (kind, location) in locations() {
        let mut ids = Vec::new();
        for key in &keys {
            let [none, one, other] = [json!({}), json!({*key: "x"}), json!({*key: "y"})]
                .map(|annotations| annotated(kind, location, &annotations));
            for (old, new) in [(&Value::Null, &one), (&none, &one), (&one, &other), (&one, &none)] {
                ids.extend(api_server.evaluate(policy, &create_or_update(old, new), &Value::Null)?);
            }
        }
        if ids.is_empty() {
            return Err(format!("no rule reports a {} at {:?}", kind.name, location.path));
        }
    }
    Ok(())
}

fn skip_unrelated_objects(_: &DualPolicy) -> Result<(), String> {
    [ApiServer::start(), ApiServer::with_plugins()].iter().try_for_each(skips_unrelated_objects)
}

fn skips_unrelated_objects(api_server: &ApiServer) -> Result<(), String> {
    let similar =
        ["jobid-of", "myJobID", "interlink", "interlinks.eu/x", "example.com/JobID", "example.com/interlink.eu"];
    let similar: Value = similar.into_iter().map(|key| (key, "x")).collect();
    let many = |count| (0..count).map(|index| (format!("example.com/{index}"), "x")).collect::<Value>();
    let few = locations().flat_map(|location| [(location, json!({}), false), (location, similar.clone(), false)]);
    let pod = locations().next().expect("the first kind is the pod");
    // The conditions look at 100 keys at most, and match an object with more.
    for ((kind, location), annotations, expected) in few.chain([(pod, many(100), false), (pod, many(101), true)]) {
        let object = annotated(kind, location, &annotations);
        let other = annotated(kind, location, &json!({"example.com/old": "x"}));
        for old in [&Value::Null, &other] {
            let request = create_or_update(old, &object);
            if api_server.matches(&request)? != [expected; 2] {
                return Err(format!("that the conditions match should be {expected} for {request:#}"));
            }
        }
    }
    Ok(())
}

fn skip_unrelated_updates(_: &DualPolicy) -> Result<(), String> {
    let api_server = ApiServer::start();
    for (kind, location) in locations() {
        let old = annotated(kind, location, &json!({"JobID": "1"}));
        let mut labeled = old.clone();
        labeled["metadata"]["labels"] = json!({"a": "b"});
        labeled["metadata"]["finalizers"] = json!([]);
        labeled["status"] = json!({"phase": "Failed"});
        let mut tolerant = labeled.clone();
        tolerant["spec"]["tolerations"] = json!([{"operator": "Exists"}]);
        for (new, expected) in [(&labeled, false), (&tolerant, true)] {
            let request = create_or_update(&old, new);
            if api_server.matches(&request)? != [expected; 2] {
                return Err(format!("that the conditions match should be {expected} for {request:#}"));
            }
        }
    }
    Ok(())
}

fn hardening_skips_kubelets(_: &DualPolicy) -> Result<(), String> {
    let api_server = ApiServer::start();
    let pod = |id| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": {"JobID": id}}});
    let update = AdmissionRequest::update(pod("1"), pod("2")).namespace("physics");
    for (user_info, expected) in [
        (json!({"username": "system:node:worker", "groups": ["system:nodes", "system:authenticated"]}), false),
        (json!({"username": "system:node:worker", "groups": ["system:authenticated"]}), true),
        (json!({"username": "system:node:worker"}), true),
        (json!({"username": "alice", "groups": ["system:nodes", "system:authenticated"]}), true),
        (json!({"username": "system:serviceaccount:interlink:vk", "groups": ["system:serviceaccounts"]}), true),
        // The API server leaves out an empty name.
        (json!({"groups": ["system:nodes", "system:authenticated"]}), true),
    ] {
        let request = update.clone().user_info(user_info.clone()).into_json();
        if api_server.matches(&request)? != [true, expected] {
            return Err(format!("that the hardening's conditions match should be {expected} for {user_info}"));
        }
    }
    Ok(())
}

/// The component patches a condition and a setting: they must name the same account.
fn component_skips_only_the_trusted_account(policy: &DualPolicy) -> Result<(), String> {
    let component: Value =
        yaml_serde::from_str(include_str!("../../../deploy/trusted-account/kustomization.yaml")).expect("YAML");
    let patch = component["patches"][0]["patch"].as_str().expect("a patch");
    let patch: Value = yaml_serde::from_str(patch).expect("YAML");
    assert_eq!(patch[0]["path"], "/spec/settings/trustedWriters");
    assert_eq!(patch[1]["path"], "/spec/matchConditions/-");
    let settings = json!({"trustedWriters": patch[0]["value"]});
    let env = Arc::new(Env::stdlib());
    let condition = env.compile(patch[1]["value"]["expression"].as_str().expect("an expression")).unwrap();
    let account = patch[0]["value"][0]["username"].as_str().expect("an account");
    let mut skipped = 0;
    let others = ["system:serviceaccount:interlink:default", "system:serviceaccount:interlink:x", "alice"];
    let others = others.map(|username| json!({"username": username}));
    let nameless = json!({"groups": ["system:authenticated"]});
    for user_info in [json!({"username": account}), nameless].into_iter().chain(others) {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": {"JobID": "1"}}});
        let request = AdmissionRequest::create(pod).user_info(user_info.clone());
        let mut context = Context::with_env(env.clone());
        context.add_variable_from_value("request", cel::to_value(request.clone().into_json()).unwrap());
        let is_sent = matches!(condition.execute(&context), Ok(cel::Value::Bool(true)));
        let is_accepted = policy.validate(&request.payload(&settings))?["accepted"] == true;
        if is_sent == is_accepted {
            return Err(format!(
                "that a request by {user_info} is sent is {is_sent}, that it is accepted {is_accepted}"
            ));
        }
        skipped += u32::from(!is_sent);
    }
    if skipped == 1 { Ok(()) } else { Err(format!("{skipped} accounts are skipped")) }
}

/// Returns every location of annotations, with the kind of the object.
fn locations() -> impl Iterator<Item = (&'static Kind, &'static Location)> {
    KINDS.iter().flat_map(|kind| kind.locations.iter().map(move |location| (kind, location)))
}

/// Returns an object with annotations at one location.
fn annotated(kind: &Kind, location: &Location, annotations: &Value) -> Value {
    let parent = json!({"metadata": {"annotations": annotations}});
    let mut object = location.path.iter().rev().fold(parent, |inner, segment| json!({*segment: inner}));
    object["apiVersion"] = if kind.group.is_empty() { "v1".into() } else { format!("{}/v1", kind.group).into() };
    object["kind"] = kind.name.into();
    object
}

/// Returns the UPDATE of an object, or its CREATE if the old one is null.
fn create_or_update(old: &Value, object: &Value) -> Value {
    let request = if old.is_null() {
        AdmissionRequest::create(object.clone())
    } else {
        AdmissionRequest::update(old.clone(), object.clone())
    };
    let alice = json!({"username": "alice", "groups": ["system:authenticated"]});
    request.namespace("physics").user_info(alice).into_json()
}
