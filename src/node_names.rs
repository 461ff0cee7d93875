//! The nodes that a pod's spec names.

use std::borrow::Cow;

use json_scan::{Context, DecodeError, Value, optional_str, seek_path};

/// The label by which a pod selects a node.
pub(crate) const HOSTNAME: &str = "kubernetes.io/hostname";
/// The field by which an affinity may select a node.
const NODE_NAME: &str = "metadata.name";

/// The path of the terms of a pod's required node affinity.
const REQUIRED_TERMS: [&str; 3] =
    ["nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"];

/// The names of nodes in a pod's spec, by the field that they are in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct NodeNames<'a> {
    /// `nodeName`, which bypasses the scheduler; `None` if it is empty.
    pub(crate) assigned: Option<Cow<'a, str>>,
    /// The host name in the node selector.
    pub(crate) selected: Option<Cow<'a, str>>,
    /// The names in the required node affinity.
    pub(crate) required: Vec<Cow<'a, str>>,
}

impl<'a> NodeNames<'a> {
    /// Decodes the names in a pod's spec.
    ///
    /// # Errors
    /// If a field has the wrong type. The path is relative to the spec.
    pub(crate) fn decode(spec: Value<'a>) -> Result<Self, DecodeError> {
        let [node_name, selector, affinity] = spec.reader().pick(["nodeName", "nodeSelector", "affinity"])?;
        Ok(Self {
            assigned: optional_str(node_name, "nodeName")?.filter(|name| !name.is_empty()),
            selected: selected(selector).at_field("nodeSelector")?,
            required: required(affinity).at_field("affinity")?,
        })
    }

    /// Returns the names in the field that decides most: the pod runs on no other node.
    pub(crate) fn decisive(&self) -> &[Cow<'a, str>] {
        match (&self.assigned, &self.selected) {
            (Some(name), _) | (None, Some(name)) => std::slice::from_ref(name),
            (None, None) => &self.required,
        }
    }
}

/// Returns the host name in a node selector.
fn selected(selector: Option<Value<'_>>) -> Result<Option<Cow<'_, str>>, DecodeError> {
    let hostname = seek_path(selector, &[HOSTNAME])?;
    hostname.map(Value::to_str).transpose().at_key(HOSTNAME.as_bytes())
}

/// Returns the names in a required node affinity.
fn required(affinity: Option<Value<'_>>) -> Result<Vec<Cow<'_, str>>, DecodeError> {
    let mut names = Vec::new();
    let terms = seek_path(affinity, &REQUIRED_TERMS)?;
    let read = each(terms, &mut |term| {
        let [expressions, fields] = term.reader().pick(["matchExpressions", "matchFields"])?;
        each(expressions, &mut |expression| add_names(&mut names, expression, HOSTNAME))
            .at_field("matchExpressions")?;
        each(fields, &mut |field| add_names(&mut names, field, NODE_NAME)).at_field("matchFields")
    });
    read.at_path(&REQUIRED_TERMS)?;
    Ok(names)
}

/// Adds the values of a requirement that a key is in a list.
fn add_names<'a>(names: &mut Vec<Cow<'a, str>>, requirement: Value<'a>, expected_key: &str) -> Result<(), DecodeError> {
    let [key, operator, values] = requirement.reader().pick(["key", "operator", "values"])?;
    let is_relevant = optional_str(key, "key")?.is_some_and(|key| key == expected_key)
        && optional_str(operator, "operator")?.is_some_and(|operator| operator == "In");
    if !is_relevant {
        return Ok(());
    }
    let add = &mut |value: Value<'a>| {
        names.push(value.to_str()?);
        Ok(())
    };
    each(values, add).at_field("values")
}

/// Visits each element of a list. An absent list has none.
pub(crate) fn each<'a>(
    list: Option<Value<'a>>,
    visit: &mut dyn FnMut(Value<'a>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    match list {
        Some(list) => list.reader().elements(&mut |element| visit(element.value()?)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use json_scan::Reader;

    use super::*;

    fn decode(spec: &str) -> Result<(Vec<String>, Vec<String>), String> {
        let spec = Reader::new(spec.as_bytes()).value().unwrap();
        let names = NodeNames::decode(spec).map_err(|error| error.to_string())?;
        let text = |names: &[Cow<'_, str>]| names.iter().map(ToString::to_string).collect();
        let all = [names.assigned.as_slice(), names.selected.as_slice(), &names.required].concat();
        Ok((text(&all), text(names.decisive())))
    }

    fn affinity(terms: &str) -> String {
        format!(
            r#""affinity": {{"nodeAffinity": {{"requiredDuringSchedulingIgnoredDuringExecution":
            {{"nodeSelectorTerms": [{{}}, {terms}]}}}}}}"#
        )
    }

    #[test]
    fn decodes_the_names_in_every_field() {
        let terms = r#"{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["a", "b"]}]},
            {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["c"]}]},
            {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["x"]},
                                  {"key": "zone", "operator": "In", "values": ["x"]}]}"#;
        let affinity = affinity(terms);
        let spec = format!(r#"{{"nodeName": "n", "nodeSelector": {{"kubernetes.io/hostname": "s"}}, {affinity}}}"#);
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(decode(&spec), Ok((names(&["n", "s", "a", "b", "c"]), names(&["n"]))));
        let selected = spec.replace(r#""n""#, r#""""#);
        assert_eq!(decode(&selected).unwrap().1, ["s"]);
        assert_eq!(decode(&format!("{{{affinity}}}")).unwrap().1, ["a", "b", "c"]);
        for spec in ["{}", r#"{"nodeName": null, "nodeSelector": {"hostname": "x"}}"#] {
            assert_eq!(decode(spec), Ok((names(&[]), names(&[]))));
        }
    }

    #[test]
    fn reports_the_path_of_a_malformed_field() {
        for (spec, problem) in [
            (r#"{"nodeName": 7}"#.to_owned(), "nodeName: must be a string, but is a number"),
            (
                format!("{{{}}}", affinity("7")),
                "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[1]: \
                 must be an object, but is a number",
            ),
            (
                r#"{"affinity": {"nodeAffinity": []}}"#.to_owned(),
                "affinity.nodeAffinity: must be an object, but is a list",
            ),
        ] {
            assert_eq!(decode(&spec), Err(problem.to_owned()));
        }
    }
}
