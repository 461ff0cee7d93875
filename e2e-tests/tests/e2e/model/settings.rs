//! The settings, with their defaults.

use std::net::IpAddr;

use serde_json::Value;

use super::rules::go_duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Deny,
    Warn,
    Ignore,
}

pub(super) struct Settings<'a> {
    pub(super) all: &'a Value,
    pub(super) virtual_node_pods: bool,
    pub(super) taint_keys: Vec<&'a str>,
    pub(super) node_names: Vec<&'a str>,
    pub(super) cidrs: Vec<(IpAddr, u32)>,
    pub(super) allow_reserved: bool,
    /// The least and the greatest last octet.
    pub(super) octets: (u64, u64),
    pub(super) timeouts: (i128, i128),
    pub(super) full_mesh: bool,
    pub(super) known: Vec<&'a str>,
    pub(super) managed: Vec<&'a str>,
    pub(super) of_plugins: Vec<&'a str>,
}

impl<'a> Settings<'a> {
    pub(super) fn new(all: &'a Value) -> Self {
        let pod_ip = &all["podIP"];
        let allow_reserved = pod_ip["allowReserved"] == true;
        let octet_range = &pod_ip["octetRange"];
        let bounds = if allow_reserved && octet_range.is_null() { (0, 255) } else { (2, 250) };
        let timeout = |bound: &str, default| {
            go_duration(all["wstunnelTimeout"][bound].as_str().unwrap_or(default)).expect("a bound is a duration")
        };
        let mut taint_keys = strings(&all["virtualNodes"]["taintKeys"]);
        if all["virtualNodes"]["taintKeys"].is_null() {
            taint_keys.push("virtual-node.interlink/no-schedule");
        }
        Self {
            all,
            virtual_node_pods: all["scope"] == "VirtualNodePods",
            taint_keys,
            node_names: strings(&all["virtualNodes"]["names"]),
            cidrs: strings(&pod_ip["cidrs"]).into_iter().map(cidr).collect(),
            allow_reserved,
            octets: (octet_range["min"].as_u64().unwrap_or(bounds.0), octet_range["max"].as_u64().unwrap_or(bounds.1)),
            timeouts: (timeout("min", "1s"), timeout("max", "10m")),
            full_mesh: all["fullMesh"] == true,
            known: strings(&all["knownAnnotations"]),
            managed: strings(&all["managedAnnotations"]),
            of_plugins: strings(&all["pluginAnnotations"]["allowed"]),
        }
    }

    /// The level of a rule, by the settings or its default.
    pub(super) fn level(&self, id: &str, default: Level) -> Level {
        match self.all["rules"][id].as_str() {
            Some("Deny") => Level::Deny,
            Some("Warn") => Level::Warn,
            Some("Ignore") => Level::Ignore,
            _ => default,
        }
    }
}

pub(super) fn strings(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn cidr(text: &str) -> (IpAddr, u32) {
    let (address, length) = text.split_once('/').expect("a range has a prefix length");
    (address.parse().expect("a range starts with an address"), length.parse().expect("a prefix length is a number"))
}
