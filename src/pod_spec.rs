//! The parts of a pod's spec that annotations refer to.

use std::borrow::Cow;

use json_scan::{Context, DecodeError, Value, optional_str};

/// The containers of a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PodSpec<'a> {
    /// The names of its containers.
    pub(crate) containers: Vec<Cow<'a, str>>,
    /// The names of its init containers.
    pub(crate) init_containers: Vec<Cow<'a, str>>,
    /// Whether any of them has a port.
    pub(crate) has_port: bool,
}

impl<'a> PodSpec<'a> {
    /// Decodes a pod's spec.
    ///
    /// # Errors
    /// If a field has the wrong type. The path is relative to the spec.
    pub(crate) fn decode(spec: Value<'a>) -> Result<Self, DecodeError> {
        let [containers, init_containers] = spec.reader().pick(["containers", "initContainers"])?;
        let mut decoded = Self::default();
        decoded.containers = decoded.decode_containers(containers).at_field("containers")?;
        decoded.init_containers = decoded.decode_containers(init_containers).at_field("initContainers")?;
        Ok(decoded)
    }

    /// Returns the names of containers, and notes whether one has a port.
    fn decode_containers(&mut self, containers: Option<Value<'a>>) -> Result<Vec<Cow<'a, str>>, DecodeError> {
        let mut names = Vec::new();
        let Some(containers) = containers else {
            return Ok(names);
        };
        containers.reader().elements(&mut |container| {
            let [name, ports] = container.pick(["name", "ports"])?;
            names.extend(optional_str(name, "name")?);
            let Some(ports) = ports else {
                return Ok(());
            };
            let decoded = ports.reader().elements(&mut |port| {
                self.has_port = true;
                port.skip()
            });
            decoded.at_field("ports")
        })?;
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use json_scan::Reader;

    use super::*;

    fn decode(spec: &str) -> Result<PodSpec<'_>, String> {
        let spec = Reader::new(spec.as_bytes()).value().unwrap();
        PodSpec::decode(spec).map_err(|error| error.to_string())
    }

    #[test]
    fn decodes_names_and_ports() {
        let spec =
            decode(r#"{"containers": [{"name": "a", "ports": []}, {"name": "b"}], "initContainers": [{"name": "i"}]}"#);
        let expected =
            PodSpec { containers: vec!["a".into(), "b".into()], init_containers: vec!["i".into()], has_port: false };
        assert_eq!(spec, Ok(expected));
        assert_eq!(decode(r#"{"containers": null}"#), Ok(PodSpec::default()));
        for field in ["containers", "initContainers"] {
            let spec = format!(r#"{{"{field}": [{{}}, {{"name": "a", "ports": [{{"containerPort": 80}}]}}]}}"#);
            assert!(decode(&spec).unwrap().has_port);
        }
    }

    #[test]
    fn reports_the_path_of_a_malformed_field() {
        for (spec, problem) in [
            (r#"{"containers": {}}"#, "containers: must be a list, but is an object"),
            (r#"{"initContainers": [7]}"#, "initContainers[0]: must be an object, but is a number"),
            (r#"{"containers": [{"name": 7}]}"#, "containers[0].name: must be a string, but is a number"),
            (r#"{"containers": [{"ports": "x"}]}"#, "containers[0].ports: must be a list, but is a string"),
        ] {
            assert_eq!(decode(spec), Err(problem.to_owned()));
        }
    }
}
