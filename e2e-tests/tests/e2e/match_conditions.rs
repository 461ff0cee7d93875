//! The `matchConditions` in `deploy/`: the API server asks the policy only where all of them hold. What they skip must
//! be what the policy would accept without a word.

use std::collections::BTreeSet;
use std::sync::Arc;

use cel::{Context, Env, Program};
use interlink_annotations_policy::annotations::CATALOGUE;
use interlink_annotations_policy::kind::{KINDS, Kind, Place};
use interlink_annotations_policy::rules::RULES;
use serde_json::{Value, json};

use crate::case;
use interlink_e2e_tests::both::Both;
use interlink_e2e_tests::request::request;

type Test = fn(&Both) -> Result<(), String>;

pub const TESTS: [(&str, Test); 4] = [
    ("match conditions skip no case that the policy refuses or warns of", cases),
    ("match conditions skip no annotation of interLink's in any place", places),
    ("match conditions skip what has nothing of interLink's", others),
    ("match conditions keep kubelets out of the hardening", kubelets),
];

/// The usual policy, whose conditions `monitor.yaml` and `namespace.yaml` share, and the hardening.
const MANIFESTS: [&str; 2] =
    [include_str!("../../../deploy/protect.yaml"), include_str!("../../../deploy/hardening.yaml")];

/// An API server to which the manifests were applied.
struct ApiServer {
    env: Arc<Env>,
    conditions: [Vec<Program>; 2],
}

impl ApiServer {
    fn start() -> Self {
        let env = Arc::new(Env::stdlib());
        let conditions = MANIFESTS.map(|manifest| {
            let manifest: Value = yaml_serde::from_str(manifest).expect("it is YAML");
            let conditions = manifest["spec"]["matchConditions"].as_array().expect("it has conditions");
            let expressions = conditions.iter().map(|condition| condition["expression"].as_str().unwrap());
            expressions.map(|expression| env.compile(expression).unwrap()).collect()
        });
        Self { env, conditions }
    }

    /// Whether it asks the policy of each manifest about a request.
    ///
    /// # Errors
    /// If a condition fails: the request is refused then, whatever it is.
    fn asks(&self, request: &Value) -> Result<[bool; 2], String> {
        let mut context = Context::with_env(self.env.clone());
        let variables = [("request", request), ("object", &request["object"]), ("oldObject", &request["oldObject"])];
        for (name, value) in variables {
            context.add_variable_from_value(name, cel::to_value(value).map_err(|error| error.to_string())?);
        }
        let mut asks = [true; 2];
        for (asks, conditions) in asks.iter_mut().zip(&self.conditions) {
            for condition in conditions {
                match condition.execute(&context) {
                    Ok(cel::Value::Bool(holds)) => *asks &= holds,
                    other => return Err(format!("a condition says {other:?} of {request:#}")),
                }
            }
        }
        Ok(asks)
    }

    /// The rules that find something in a request.
    ///
    /// # Errors
    /// If there are any, but the policy is not asked.
    fn found(&self, both: &Both, request: &Value, settings: &Value) -> Result<Vec<String>, String> {
        let answer = both.validate(json!({"request": request, "settings": settings}).to_string().as_bytes())?;
        // What cannot be read does not come from the API server.
        if answer["code"] == 400 {
            return Ok(Vec::new());
        }
        let ids = ["violations", "warnings"].map(|name| answer["audit_annotations"][name].as_str().unwrap_or_default());
        let ids: Vec<_> = ids.iter().flat_map(|ids| ids.split(',')).filter(|id| !id.is_empty()).collect();
        let [usual, hardening] = self.asks(request)?;
        let is_asked = usual && (hardening || is_kubelets(request));
        match is_asked || ids.is_empty() {
            true => Ok(ids.into_iter().map(str::to_owned).collect()),
            false => Err(format!("the policy is not asked about {request:#}, but would answer {answer:#}")),
        }
    }
}

fn is_kubelets(request: &Value) -> bool {
    request["userInfo"]["username"].as_str().is_some_and(|username| username.starts_with("system:node:"))
}

fn cases(both: &Both) -> Result<(), String> {
    let api_server = ApiServer::start();
    let mut ids = BTreeSet::new();
    for (name, case) in case::all() {
        let payload = case.payload().ok().and_then(|payload| serde_json::from_str::<Value>(&payload).ok());
        if let Some(mut payload) = payload.filter(|payload| payload["request"].is_object()) {
            let request = as_made(payload["request"].take());
            let found = api_server.found(both, &request, &payload["settings"]);
            ids.extend(found.map_err(|problem| format!("{name}: {problem}"))?);
        }
    }
    match RULES.iter().find(|rule| !ids.contains(rule.id)) {
        None => Ok(()),
        Some(rule) => Err(format!("{} found nothing in any case", rule.id)),
    }
}

/// A request as the API server makes it: it tells who asks, and nothing in an object is null.
fn as_made(mut request: Value) -> Value {
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

fn places(both: &Both) -> Result<(), String> {
    let api_server = ApiServer::start();
    let known = CATALOGUE.iter().map(|known| known.key);
    let keys: Vec<_> =
        known.chain(["interlink.eu/", "Interlink.EU/pod-vpn", "INTERLINK.virtual-kubelet.io/x"]).collect();
    for (kind, place) in every_place() {
        let mut ids = Vec::new();
        for key in &keys {
            let [none, one, other] = [json!({}), json!({*key: "x"}), json!({*key: "y"})]
                .map(|annotations| annotated(kind, place, &annotations));
            for (old, new) in [(&Value::Null, &one), (&none, &one), (&one, &other), (&one, &none)] {
                ids.extend(api_server.found(both, &by_alice(old, new), &Value::Null)?);
            }
        }
        if ids.is_empty() {
            return Err(format!("no rule finds anything on a {} in {:?}", kind.name, place.path));
        }
    }
    Ok(())
}

fn others(_: &Both) -> Result<(), String> {
    let api_server = ApiServer::start();
    let alike =
        ["jobid-of", "myJobID", "interlink", "interlinks.eu/x", "example.com/JobID", "example.com/interlink.eu"];
    let alike: Value = alike.into_iter().map(|key| (key, "x")).collect();
    let many = |count| (0..count).map(|index| (format!("example.com/{index}"), "x")).collect::<Value>();
    let few = every_place().flat_map(|at| [(at, json!({}), false), (at, alike.clone(), false)]);
    let pod = every_place().next().expect("the first kind is the pod");
    for ((kind, place), annotations, expected) in few.chain([(pod, many(100), false), (pod, many(101), true)]) {
        let object = annotated(kind, place, &annotations);
        for old in [&Value::Null, &object] {
            let request = by_alice(old, &object);
            if api_server.asks(&request)? != [expected; 2] {
                return Err(format!("that the policy is asked should be {expected} for {request:#}"));
            }
        }
    }
    Ok(())
}

fn kubelets(_: &Both) -> Result<(), String> {
    let api_server = ApiServer::start();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": {"JobID": "1"}}});
    for (user_info, expected) in [
        (json!({"username": "system:node:worker", "groups": ["system:nodes", "system:authenticated"]}), false),
        (json!({"username": "system:node:worker", "groups": ["system:authenticated"]}), true),
        (json!({"username": "system:node:worker"}), true),
        (json!({"username": "alice", "groups": ["system:nodes", "system:authenticated"]}), true),
        (json!({"username": "system:serviceaccount:interlink:vk", "groups": ["system:serviceaccounts"]}), true),
    ] {
        let request = request(&user_info, "UPDATE", &json!("physics"), &pod, &pod);
        if api_server.asks(&request)? != [true, expected] {
            return Err(format!("that the hardening is asked should be {expected} for {user_info}"));
        }
    }
    Ok(())
}

fn every_place() -> impl Iterator<Item = (&'static Kind, &'static Place)> {
    KINDS.iter().flat_map(|kind| kind.places.iter().map(move |place| (kind, place)))
}

/// An object with annotations in one place.
fn annotated(kind: &Kind, place: &Place, annotations: &Value) -> Value {
    let carrier = json!({"metadata": {"annotations": annotations}});
    let mut object = place.path.iter().rev().fold(carrier, |inner, step| json!({*step: inner}));
    object["apiVersion"] = if kind.group.is_empty() { "v1".into() } else { format!("{}/v1", kind.group).into() };
    object["kind"] = kind.name.into();
    object
}

/// Creates an object, or updates what it was before.
fn by_alice(old: &Value, object: &Value) -> Value {
    let alice = json!({"username": "alice", "groups": ["system:authenticated"]});
    request(&alice, if old.is_null() { "CREATE" } else { "UPDATE" }, &json!("physics"), old, object)
}
