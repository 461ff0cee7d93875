//! The examples in the rules' documentation, run as cases.

use interlink_annotations_policy::rules::{RULES, documentation};
use serde_json::{Value, json};

use interlink_e2e_tests::both::Both;
use interlink_e2e_tests::request::request;

/// Every example under *Refused* breaks its rule; none under *Accepted* breaks any.
pub fn of_the_documentation(both: &Both) -> Result<(), String> {
    for rule in &RULES {
        let text = documentation(rule.id).ok_or(rule.id)?;
        let (text, accepted) = text.split_once("## Accepted").ok_or_else(|| format!("{}: none accepted", rule.id))?;
        let (_, refused) = text.split_once("## Refused").ok_or_else(|| format!("{}: none refused", rule.id))?;
        for example in examples(refused)? {
            if !found(both, &example)?.iter().any(|id| id == rule.id) {
                return Err(format!("{} should find something in {example:#}", rule.id));
            }
        }
        for example in examples(accepted)? {
            match found(both, &example)?.as_slice() {
                [] => {}
                ids => return Err(format!("{}: {ids:?} should find nothing in {example:#}", rule.id)),
            }
        }
    }
    Ok(())
}

/// The blocks of YAML in a text, at least one, each a whole object.
fn examples(text: &str) -> Result<Vec<Value>, String> {
    let blocks = text.split("```yaml\n").skip(1).filter_map(|block| block.split("```").next());
    let examples: Vec<Value> =
        blocks.map(yaml_serde::from_str).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    if examples.is_empty() { Err(format!("no example in {text:?}")) } else { Ok(examples) }
}

/// The rules that find something in an object; what it leaves out is a pod with a port.
fn found(both: &Both, example: &Value) -> Result<Vec<String>, String> {
    let mut object = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": {"containers": [{"name": "app", "image": "busybox", "ports": [{"containerPort": 80}]}]},
    });
    for (field, value) in example.as_object().ok_or("an example is an object")? {
        object[field] = value.clone();
    }
    let request = request(&json!({"username": "alice"}), "CREATE", &json!("default"), &Value::Null, &object);
    let payload = json!({"request": request, "settings": {"podIP": {"cidrs": ["10.244.0.0/16"]}}});
    let answer = both.validate(payload.to_string().as_bytes())?;
    let ids = ["violations", "warnings"]
        .map(|name| answer["audit_annotations"][name].as_str().unwrap_or_default().to_owned());
    Ok(ids.join(",").split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect())
}
