//! What a pod's spec says of its containers, as far as annotations refer to them.

use std::borrow::Cow;

use crate::json::{Reader, Unreadable, Value, text};

/// The containers of a pod.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PodSpec<'a> {
    /// The names of its containers.
    pub containers: Vec<Cow<'a, str>>,
    /// The names of its init containers.
    pub init_containers: Vec<Cow<'a, str>>,
    /// Whether one of either has a port.
    pub has_port: bool,
}

impl<'a> PodSpec<'a> {
    /// Reads the spec of a pod.
    ///
    /// # Errors
    /// If a part that is read has the wrong type.
    pub fn read(spec: Value<'a>) -> Result<Self, Unreadable> {
        let [containers, init_containers] = spec.reader().pick(["containers", "initContainers"])?;
        let mut read = Self::default();
        read.containers = read.names(containers).map_err(|problem| problem.inside(".containers"))?;
        read.init_containers = read.names(init_containers).map_err(|problem| problem.inside(".initContainers"))?;
        Ok(read)
    }

    /// Reads the names of containers, and whether one has a port.
    fn names(&mut self, containers: Option<Value<'a>>) -> Result<Vec<Cow<'a, str>>, Unreadable> {
        let mut names = Vec::new();
        let Some(containers) = containers else {
            return Ok(names);
        };
        containers.reader().elements(&mut |container| {
            let [name, ports] = container.pick(["name", "ports"])?;
            names.extend(text(name, ".name")?);
            let Some(ports) = ports else {
                return Ok(());
            };
            let mut port = |port: &mut Reader<'a>| {
                self.has_port = true;
                port.value().map(drop)
            };
            ports.reader().elements(&mut port).map_err(|problem| problem.inside(".ports"))
        })?;
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(spec: &str) -> Result<PodSpec<'_>, String> {
        let spec = Reader::new(spec.as_bytes()).value().unwrap();
        PodSpec::read(spec).map_err(|problem| problem.to_string())
    }

    #[test]
    fn containers_have_names_and_perhaps_ports() {
        let spec =
            read(r#"{"containers": [{"name": "a", "ports": []}, {"name": "b"}], "initContainers": [{"name": "i"}]}"#);
        let expected =
            PodSpec { containers: vec!["a".into(), "b".into()], init_containers: vec!["i".into()], has_port: false };
        assert_eq!(spec, Ok(expected));
        assert_eq!(read(r#"{"containers": null}"#), Ok(PodSpec::default()));
        for field in ["containers", "initContainers"] {
            let spec = format!(r#"{{"{field}": [{{}}, {{"name": "a", "ports": [{{"containerPort": 80}}]}}]}}"#);
            assert!(read(&spec).unwrap().has_port);
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (spec, problem) in [
            (r#"{"containers": {}}"#, "containers: must be a list, but is an object"),
            (r#"{"initContainers": [7]}"#, "initContainers[0]: must be an object, but is a number"),
            (r#"{"containers": [{"name": 7}]}"#, "containers[0].name: must be a string, but is a number"),
            (r#"{"containers": [{"ports": "x"}]}"#, "containers[0].ports: must be a list, but is a string"),
        ] {
            assert_eq!(read(spec), Err(problem.to_owned()));
        }
    }
}
