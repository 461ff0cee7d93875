//! The parts of a pod's spec that annotations refer to.

use std::borrow::Cow;

use json_scan::{Context, DecodeError, Reader, Value, each, optional_str};

/// The containers of a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PodSpec<'a> {
    /// The names of its containers.
    pub(crate) containers: Vec<Cow<'a, str>>,
    /// The names of its init containers.
    pub(crate) init_containers: Vec<Cow<'a, str>>,
    /// The ports of all of them, without repetitions, and without those that have neither a name nor a number, unless
    /// that is the first one.
    pub(crate) ports: Vec<ContainerPort<'a>>,
}

/// A port of a container, as `interlink.eu/wstunnel-extra-ports` could repeat it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContainerPort<'a> {
    /// The name, empty if there is none.
    pub(crate) name: Cow<'a, str>,
    /// The number and whether the protocol is UDP; `None` if the protocol is neither TCP nor UDP, or Kubernetes does not
    /// accept the number.
    pub(crate) number: Option<(u16, bool)>,
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

    /// Returns the names of containers, and collects their ports.
    fn decode_containers(&mut self, containers: Option<Value<'a>>) -> Result<Vec<Cow<'a, str>>, DecodeError> {
        let mut names = Vec::new();
        each(containers, &mut |container| {
            let [name, ports] = container.pick(["name", "ports"])?;
            names.extend(optional_str(name, "name")?);
            let decoded = each(ports, &mut |port| {
                let port = ContainerPort::decode(port)?;
                let says_more = !port.name.is_empty() || port.number.is_some();
                if self.ports.is_empty() || says_more && self.ports.last() != Some(&port) {
                    self.ports.push(port);
                }
                Ok(())
            });
            decoded.at_field("ports")
        })?;
        Ok(names)
    }
}

impl<'a> ContainerPort<'a> {
    fn decode(port: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let [name, number, protocol] = port.pick(["name", "containerPort", "protocol"])?;
        let is_udp = match &*optional_str(protocol, "protocol")?.unwrap_or_default() {
            "" | "TCP" => Some(false),
            "UDP" => Some(true),
            _ => None,
        };
        let name = optional_str(name, "name")?.unwrap_or_default();
        Ok(Self { name, number: number.and_then(Value::to_number).zip(is_udp) })
    }
}

#[cfg(test)]
mod tests {
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
            PodSpec { containers: vec!["a".into(), "b".into()], init_containers: vec!["i".into()], ports: Vec::new() };
        assert_eq!(spec, Ok(expected));
        assert_eq!(decode(r#"{"containers": null}"#), Ok(PodSpec::default()));
        for field in ["containers", "initContainers"] {
            let spec = format!(r#"{{"{field}": [{{}}, {{"name": "a", "ports": [{{"containerPort": 80}}]}}]}}"#);
            assert_eq!(decode(&spec).unwrap().ports.len(), 1);
        }
    }

    #[test]
    fn decodes_the_ports_of_all_containers() {
        let port = |port: &str| {
            let spec = format!(r#"{{"containers": [{{}}, {{"ports": [{port}]}}]}}"#);
            let PodSpec { ports, .. } = decode(&spec)?;
            Ok::<_, String>((ports[0].name.to_string(), ports[0].number))
        };
        for (text, name, number) in [
            (r#"{"containerPort": 80}"#, "", Some((80, false))),
            (r#"{"name": "web", "containerPort": 80, "protocol": "TCP"}"#, "web", Some((80, false))),
            (r#"{"name": null, "containerPort": 53, "protocol": "UDP"}"#, "", Some((53, true))),
            (r#"{"containerPort": 53, "protocol": "SCTP"}"#, "", None),
            (r#"{"containerPort": 1e2}"#, "", None),
            (r#"{"containerPort": "80"}"#, "", None),
            ("{}", "", None),
        ] {
            assert_eq!(port(text), Ok((name.to_owned(), number)), "{text}");
        }
        assert_eq!(port("80"), Err("containers[1].ports[0]: must be an object, but is a number".to_owned()));
        let error = "containers[1].ports[0].name: must be a string, but is a number";
        assert_eq!(port(r#"{"name": 7}"#), Err(error.to_owned()));
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
