//! Pod templates in objects of a kind that the policy does not know by name, such as custom resources, found by shape.
//!
//! Two shapes count, wherever in the object they are:
//!
//! - an object with `metadata` and a `spec` that has `containers`, as a list: a pod template, or a whole pod;
//! - a template of an Argo workflow. It has `metadata` and a `container`, `script`, `containerSet`, `resource` or
//!   `data`, and is an element of a list or the field `inline`. An element with `resource` or `data` has a `name` too,
//!   unlike whole objects such as a `ConfigMap`. The field `templateDefaults` only needs `metadata`.
//!
//! `metadata` itself is not searched, nor is the `status` of the whole object: controllers write it, often with copies
//! of templates from other objects. The pods that they create are checked.

use json_scan::{DecodeError, Reader, Value, present};

use crate::path::Path;

/// A pod template.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Template<'a> {
    pub(crate) metadata: Value<'a>,
    /// The pod's spec, which a template of an Argo workflow does not have.
    pub(crate) spec: Option<Value<'a>>,
}

/// A function that is called with each template and its path, which is `None` for the object itself.
pub(crate) type Visit<'v, 'a> = dyn FnMut(Option<&Path<'_>>, Template<'a>) -> Result<(), DecodeError> + 'v;

/// The maximum depth of objects and lists that are searched. The policy server's JSON parser has the same limit, and a
/// recursion of this depth is safe.
const MAX_DEPTH: usize = 128;

/// Calls a function with each pod template in an object. Templates inside a template come before it.
///
/// Each byte is read once.
///
/// # Errors
/// If the object is nested too deeply. Returns the errors of the function too, with the path.
pub(crate) fn visit<'a>(object: Value<'a>, visit: &mut Visit<'_, 'a>) -> Result<(), DecodeError> {
    search(&mut object.reader(), None, visit).map(drop)
}

/// Returns JSON pointers to the pod templates in an object, given as JSON.
///
/// # Errors
/// If the text is not JSON, or nested too deeply.
pub fn template_pointers(object: &[u8]) -> Result<Vec<String>, DecodeError> {
    let mut pointers = Vec::new();
    visit(Reader::new(object).value()?, &mut |path, _| {
        pointers.push(path.map_or_else(String::new, Path::to_pointer));
        Ok(())
    })?;
    Ok(pointers)
}

/// The shape of a value, as far as it matters for the object around it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    List,
    Object { has_containers: bool },
    Other,
}

/// Searches the next value.
fn search<'a>(
    reader: &mut Reader<'a>,
    path: Option<&Path<'_>>,
    visit: &mut Visit<'_, 'a>,
) -> Result<Shape, DecodeError> {
    let first = reader.peek();
    if matches!(first, Some(b'{' | b'[')) && path.is_some_and(|path| path.depth() >= MAX_DEPTH) {
        return Err(DecodeError::new(format!("is nested more than {MAX_DEPTH} levels deep")).hint("make it flatter"));
    }
    match first {
        Some(b'{') => search_object(reader, path, visit),
        Some(b'[') => search_list(reader, path, visit),
        _ => reader.skip().map(|()| Shape::Other),
    }
}

fn search_list<'a>(
    reader: &mut Reader<'a>,
    path: Option<&Path<'_>>,
    visit: &mut Visit<'_, 'a>,
) -> Result<Shape, DecodeError> {
    let mut index = 0;
    reader.elements(&mut |element| {
        search(element, Some(&Path::element(path, index)), visit)?;
        index += 1;
        Ok(())
    })?;
    Ok(Shape::List)
}

fn search_object<'a>(
    reader: &mut Reader<'a>,
    path: Option<&Path<'_>>,
    visit: &mut Visit<'_, 'a>,
) -> Result<Shape, DecodeError> {
    let mut candidate = Candidate::default();
    reader.fields(&mut |name, reader| {
        if name == b"metadata" {
            return keep(&mut candidate.metadata, reader.value()?);
        }
        if name == b"status" && path.is_none() {
            return reader.skip();
        }
        let mut shape = Shape::Other;
        let value = reader.value_with(|reader| {
            // Building a path takes time, and most values are none of these.
            if !matches!(reader.peek(), Some(b'{' | b'[')) {
                return reader.skip();
            }
            shape = search(reader, Some(&Path::field(path, name)), visit)?;
            Ok(())
        })?;
        candidate.add(name, value, shape)
    })?;
    if let Some(template) = candidate.template(path) {
        visit(path, template)?;
    }
    Ok(Shape::Object { has_containers: candidate.has_containers })
}

/// The fields seen so far of an object that may be a template.
#[derive(Default)]
struct Candidate<'a> {
    metadata: Option<Value<'a>>,
    spec: Option<Value<'a>>,
    /// Whether the spec is a pod's.
    has_pod_spec: bool,
    containers: Option<Value<'a>>,
    has_containers: bool,
    has_name: bool,
    argo_field: ArgoField,
}

/// A field with which a template of an Argo workflow creates a pod.
#[derive(Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ArgoField {
    #[default]
    None,
    /// A field that other objects also have.
    Shared,
    /// A field that only these templates have.
    Distinctive,
}

impl<'a> Candidate<'a> {
    fn add(&mut self, name: &[u8], value: Value<'a>, shape: Shape) -> Result<(), DecodeError> {
        const POD_SPEC: Shape = Shape::Object { has_containers: true };
        match name {
            b"spec" => {
                self.has_pod_spec = shape == POD_SPEC;
                keep(&mut self.spec, value)?;
            }
            b"containers" => {
                self.has_containers = shape == Shape::List;
                keep(&mut self.containers, value)?;
            }
            b"container" | b"script" if matches!(shape, Shape::Object { .. }) => {
                self.argo_field = ArgoField::Distinctive;
            }
            b"containerSet" if shape == POD_SPEC => self.argo_field = ArgoField::Distinctive,
            b"resource" | b"data" if matches!(shape, Shape::Object { .. }) => {
                self.argo_field = self.argo_field.max(ArgoField::Shared);
            }
            b"name" => self.has_name = true,
            _ => {}
        }
        Ok(())
    }

    /// Returns the template, if it is one.
    fn template(&self, path: Option<&Path<'_>>) -> Option<Template<'a>> {
        let metadata = present(self.metadata)?;
        let spec = self.spec.filter(|_| self.has_pod_spec);
        (spec.is_some() || path.is_some_and(|path| self.is_argo_template(path))).then_some(Template { metadata, spec })
    }

    fn is_argo_template(&self, path: &Path<'_>) -> bool {
        match path.last_field() {
            None if self.has_name => self.argo_field >= ArgoField::Shared,
            None => self.argo_field == ArgoField::Distinctive,
            Some(b"inline") => self.argo_field >= ArgoField::Shared,
            Some(b"templateDefaults") => true,
            Some(_) => false,
        }
    }
}

/// Keeps the value of a field. A second one is an error, since parsers differ in which of the two they use.
fn keep<'a>(kept: &mut Option<Value<'a>>, value: Value<'a>) -> Result<(), DecodeError> {
    match kept.replace(value) {
        None => Ok(()),
        Some(_) => Err(DecodeError::new("appears twice")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Tree, json};

    use super::*;

    fn found(object: &Tree) -> Vec<String> {
        template_pointers(object.to_string().as_bytes()).unwrap()
    }

    fn template() -> Tree {
        json!({"metadata": {}, "spec": {"containers": []}})
    }

    #[test]
    fn finds_the_templates_of_well_known_custom_resources() {
        let template = template();
        for (spec, expected) in [
            (json!({"template": template}), vec!["/spec/template"]),
            (
                json!({"replicatedJobs": [{"template": {"spec": {"template": template}}}]}),
                vec!["/spec/replicatedJobs/0/template/spec/template"],
            ),
            (
                json!({"headGroupSpec": {"template": template}, "workerGroupSpecs": [{"template": template}]}),
                vec!["/spec/headGroupSpec/template", "/spec/workerGroupSpecs/0/template"],
            ),
            (
                json!({"pytorchReplicaSpecs": {"Worker": {"template": template}}}),
                vec!["/spec/pytorchReplicaSpecs/Worker/template"],
            ),
            (
                json!({"podSets": [{"template": template}, {"template": template}]}),
                vec!["/spec/podSets/0/template", "/spec/podSets/1/template"],
            ),
            (json!({"a/b~c": template}), vec!["/spec/a~1b~0c"]),
        ] {
            assert_eq!(found(&json!({"kind": "X", "metadata": {}, "spec": spec})), expected);
        }
    }

    #[test]
    fn finds_the_templates_of_argo_workflows() {
        let templates = json!([
            {"name": "a", "metadata": {}, "container": {}},
            {"name": "b", "metadata": {}, "script": {}},
            {"name": "c", "metadata": {}, "containerSet": {"containers": []}},
            {"name": "d", "metadata": {}, "steps": []},
            {"name": "e", "container": {}},
            {"name": "f", "metadata": {}, "resource": {}},
            {"name": "g", "metadata": {}, "data": {}},
            {"metadata": {}, "data": {}},
            {"steps": [[{"name": "i", "inline": {"metadata": {}, "data": {}}}]]},
            {"dag": {"tasks": [{"name": "j", "inline": {"metadata": {}, "container": {}}}, {"inline": {"metadata": {}}}]}},
        ]);
        assert_eq!(
            found(&json!({"metadata": {}, "spec": {"templateDefaults": {"metadata": {}}, "templates": templates}})),
            [
                "/spec/templateDefaults",
                "/spec/templates/0",
                "/spec/templates/1",
                "/spec/templates/2",
                "/spec/templates/5",
                "/spec/templates/6",
                "/spec/templates/8/steps/0/0/inline",
                "/spec/templates/9/dag/tasks/0/inline",
            ]
        );
        assert_eq!(
            found(&json!({"metadata": {}, "script": {}, "spec": {"a": {"metadata": {}, "script": {}}}})),
            [""; 0]
        );
    }

    #[test]
    fn finds_the_object_itself_and_templates_inside_a_template() {
        let mut revision = template();
        revision["spec"]["inner"] = template();
        assert_eq!(found(&revision), ["/spec/inner", ""]);
    }

    #[test]
    fn finds_nothing_else() {
        for object in [
            json!({}),
            json!({"metadata": {"spec": template()}}),
            json!({"metadata": null, "spec": {"containers": []}}),
            json!({"metadata": {}, "spec": {"containers": {}}}),
            json!({"metadata": {}, "spec": [{"containers": []}]}),
            json!({"metadata": {}, "containers": []}),
            json!({"metadata": {}, "spec": {"a": {"containers": []}}}),
        ] {
            assert_eq!(found(&object), [""; 0], "{object}");
        }
    }

    #[test]
    fn does_not_search_the_status_of_the_whole_object() {
        let object = json!({"status": {"template": template()}, "spec": {"status": template()}});
        assert_eq!(found(&object), ["/spec/status"]);
        assert_eq!(found(&json!({"status": template()})), [""; 0]);
    }

    #[test]
    fn reports_the_path_of_what_it_cannot_search() {
        let error = |object: &str| template_pointers(object.as_bytes()).unwrap_err().to_string();
        assert_eq!(error(r#"{"a": [{"spec": {}, "spec": {}}]}"#), "a[0].spec: appears twice");
        assert_eq!(error(r#"{"a": {"metadata": {}, "metadata": {}}}"#), "a.metadata: appears twice");
        assert_eq!(error(r#"{"a": {"containers": [], "containers": {}}}"#), "a.containers: appears twice");
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        let deep = error(&nested(200_000));
        assert!(deep.ends_with(": is nested more than 128 levels deep; make it flatter"), "{deep}");
        assert_eq!(template_pointers(nested(128).as_bytes()).unwrap(), [""; 0]);
    }

    fn tree() -> impl Strategy<Value = Tree> {
        const NAMES: [&str; 15] = [
            "metadata",
            "status",
            "spec",
            "containers",
            "container",
            "script",
            "containerSet",
            "data",
            "resource",
            "name",
            "inline",
            "templateDefaults",
            "template",
            "a/b",
            "\u{0}",
        ];
        let leaf = prop_oneof![
            Just(json!(null)),
            Just(json!({})),
            Just(json!([])),
            Just(json!("[{")),
            Just(template()),
            Just(json!({"containers": []}))
        ];
        leaf.prop_recursive(5, 64, 6, |inner| {
            let map = prop::collection::btree_map(prop::sample::select(&NAMES[..]), inner.clone(), 0..6);
            let map = map.prop_map(|map| json!(map));
            prop_oneof![1 => prop::collection::vec(inner, 0..4).prop_map(|list| json!(list)), 3 => map]
        })
    }

    /// The same search, over a tree.
    fn search_tree(tree: &Tree, pointer: &str, last_field: Option<&str>, found: &mut Vec<String>) {
        match tree {
            Tree::Array(list) => {
                for (index, element) in list.iter().enumerate() {
                    search_tree(element, &format!("{pointer}/{index}"), None, found);
                }
            }
            Tree::Object(fields) => {
                let is_searched = |name: &str| name != "metadata" && (name != "status" || !pointer.is_empty());
                for (name, value) in fields.iter().filter(|(name, _)| is_searched(name)) {
                    let step = name.replace('~', "~0").replace('/', "~1");
                    search_tree(value, &format!("{pointer}/{step}"), Some(name), found);
                }
                let is_pod = tree["spec"]["containers"].is_array();
                let has_container = tree["container"].is_object()
                    || tree["script"].is_object()
                    || tree["containerSet"]["containers"].is_array();
                let has_task = tree["resource"].is_object() || tree["data"].is_object();
                let is_argo = match last_field {
                    None => has_container || has_task && tree.get("name").is_some(),
                    Some("inline") => has_container || has_task,
                    Some(name) => name == "templateDefaults",
                };
                if !tree["metadata"].is_null() && (is_pod || is_argo) {
                    found.push(pointer.to_owned());
                }
            }
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_search_in_a_tree(tree in tree()) {
            let mut expected = Vec::new();
            search_tree(&tree, "", Some(""), &mut expected);
            prop_assert_eq!(found(&tree), expected);
        }
    }
}
