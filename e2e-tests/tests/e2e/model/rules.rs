//! The rules, one function for each, as `docs/rules.md` describes them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use serde_json::Value;

use super::predict::{Place, Role};
use super::settings::{Level, Settings};

pub(super) const JOB_ID: &str = "JobID";
pub(super) const WSTUNNEL_PATH_PREFIX: &str = "interlink.eu/wstunnel-path-prefix";
const CLIENT_COMMANDS: &str = "interlink.eu/wstunnel-client-commands";
const DISABLE_OFFLOAD: &str = "interlink.eu/disable-offload-containers";
const DISABLE_OFFLOAD_INIT: &str = "interlink.eu/disable-offload-init-containers";
const EXTRA_PORTS: &str = "interlink.eu/wstunnel-extra-ports";
const KEEPALIVE: &str = "interlink.eu/wg-keepalive-seconds";
const MESH_NETWORK: &str = "interlink.eu/mesh-network";
const MTU: &str = "interlink.eu/wg-mtu";
const PING_RESPONSE: &str = "interlink.virtual-kubelet.io/ping-response";
const POD_IP: &str = "interlink.eu/pod-ip";
const POD_SUBNET: &str = "interlink.eu/pod-subnet";
const POD_VPN: &str = "interlink.eu/pod-vpn";
const PRIVATE_KEY: &str = "interlink.eu/wg-private-key";
const PUBLIC_KEY: &str = "interlink.eu/wg-peer-public-key";
const SHADOW_SAME_NS: &str = "interlink.eu/shadow-same-ns";
const SNIPPET: &str = "interlink.eu/wireguard-client-snippet";
const TIMEOUT: &str = "interlink.virtual-kubelet.io/wstunnel-timeout";

const DOMAINS: [&str; 2] = ["interlink.eu/", "interlink.virtual-kubelet.io/"];

/// The annotations that only interLink writes, except `JobID` and those whose keys end in `-client-commands`.
const MANAGED: [&str; 4] = [WSTUNNEL_PATH_PREFIX, POD_SUBNET, SNIPPET, PING_RESPONSE];

/// The annotations of users.
const OF_USERS: [&str; 12] = [
    POD_VPN,
    POD_IP,
    TIMEOUT,
    EXTRA_PORTS,
    SHADOW_SAME_NS,
    MESH_NETWORK,
    MTU,
    KEEPALIVE,
    PUBLIC_KEY,
    PRIVATE_KEY,
    DISABLE_OFFLOAD,
    DISABLE_OFFLOAD_INIT,
];

pub(super) struct Rule {
    pub(super) id: &'static str,
    pub(super) default: Level,
    /// Finds what is wrong in a place. An update is not blamed for what was wrong there before.
    pub(super) check: fn(&Place, &Settings) -> Vec<Finding>,
    /// Finds what an update may not do to a place, from what it was to what it is.
    pub(super) check_update: fn(&Place, &Place, &Settings) -> Vec<Finding>,
}

pub(super) const RULES: &[Rule] = &[
    Rule { id: "job-id", default: Level::Deny, check: job_id, check_update: job_id_removed },
    Rule { id: "managed-annotations", default: Level::Deny, check: managed, check_update: managed_changed },
    Rule { id: "pod-vpn", default: Level::Deny, check: pod_vpn, check_update: nothing },
    Rule { id: "pod-ip", default: Level::Deny, check: pod_ip, check_update: nothing },
    Rule { id: "pod-ip-conflict", default: Level::Deny, check: pod_ip_conflict, check_update: nothing },
    Rule { id: "wstunnel-timeout", default: Level::Deny, check: timeout, check_update: nothing },
    Rule { id: "vpn-with-wstunnel", default: Level::Deny, check: vpn_with_wstunnel, check_update: nothing },
    Rule { id: "wstunnel-extra-ports", default: Level::Warn, check: extra_ports, check_update: nothing },
    Rule { id: "mesh-network", default: Level::Warn, check: mesh_network, check_update: nothing },
    Rule { id: "wireguard", default: Level::Warn, check: wireguard, check_update: nothing },
    Rule { id: "offload-containers", default: Level::Warn, check: offload_containers, check_update: nothing },
    Rule { id: "shadow-same-ns", default: Level::Warn, check: shadow_same_ns, check_update: nothing },
    Rule { id: "unknown-annotation", default: Level::Warn, check: unknown, check_update: nothing },
    Rule { id: "ineffective-annotation", default: Level::Warn, check: ineffective, check_update: changed_too_late },
    Rule { id: "plugin-annotations", default: Level::Ignore, check: of_plugins, check_update: nothing },
];

/// What a rule found on an annotation.
pub(super) struct Finding {
    pub(super) key: String,
    /// The value, if that is what is wrong, rather than that the annotation is there at all.
    pub(super) value: Option<String>,
    /// How bad it is, where an update can make the same finding worse.
    pub(super) badness: u64,
    /// Whether the value could change one of interLink's manifests, which no level but Ignore permits.
    pub(super) injection: bool,
}

impl Finding {
    fn whatever_value(key: &str) -> Self {
        Self { key: key.to_owned(), value: None, badness: 0, injection: false }
    }

    fn of_value(key: &str, value: &str) -> Self {
        Self { value: Some(value.to_owned()), ..Self::whatever_value(key) }
    }

    /// Whether an old finding of the same rule and place was as bad, so that an update is not to blame.
    pub(super) fn was_there(&self, old: &Self) -> bool {
        let is_same = self.value.is_none() || self.value == old.value;
        self.key == old.key && is_same && self.badness <= old.badness
    }
}

fn nothing(_: &Place, _: &Place, _: &Settings) -> Vec<Finding> {
    Vec::new()
}

impl Place<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.annotations.get(key).copied()
    }

    fn has(&self, key: &str) -> bool {
        self.annotations.contains_key(key)
    }

    /// Whether these are annotations that a pod gets.
    fn reaches_pods(&self) -> bool {
        matches!(self.role, Role::Pod | Role::Template | Role::Binding)
    }

    /// Finds an annotation that should not be there, whatever its value.
    fn out_of_place(&self, key: &str, is_out_of_place: bool) -> Vec<Finding> {
        (self.has(key) && self.reaches_pods() && is_out_of_place)
            .then(|| Finding::whatever_value(key))
            .into_iter()
            .collect()
    }

    /// Finds a value that is not as it should be.
    fn wrong(&self, key: &str, is_right: impl Fn(&str) -> bool) -> Vec<Finding> {
        let value = self.get(key).filter(|value| self.reaches_pods() && !is_right(value));
        value.map(|value| Finding::of_value(key, value)).into_iter().collect()
    }

    fn has_node(&self) -> bool {
        self.role == Role::Pod && self.spec["nodeName"].as_str().is_some_and(|name| !name.is_empty())
    }

    fn containers(&self, list: &str) -> Vec<&Value> {
        self.spec[list].as_array().into_iter().flatten().collect()
    }

    fn container_ports(&self) -> Vec<&Value> {
        let containers = self.containers("containers").into_iter().chain(self.containers("initContainers"));
        containers.flat_map(|container| container["ports"].as_array().into_iter().flatten()).collect()
    }

    /// Whether interLink may have created a tunnel for the pod, with or without a port.
    fn may_have_tunnel(&self, settings: &Settings) -> bool {
        let signs = [JOB_ID, MTU, KEEPALIVE, PUBLIC_KEY, PRIVATE_KEY, POD_SUBNET, SNIPPET];
        settings.full_mesh || self.annotations.keys().any(|key| signs.contains(key) || is_client_commands(key))
    }

    /// Whether the pod has the VPN in place of a tunnel. With an empty value, interLink creates both.
    fn has_vpn_alone(&self) -> bool {
        self.get(POD_VPN).is_some_and(|value| !value.is_empty())
    }

    /// Whether there is a port for a tunnel to forward.
    fn has_port(&self) -> bool {
        !self.container_ports().is_empty() || self.get(EXTRA_PORTS).is_some_and(|list| !list.trim().is_empty())
    }
}

pub(super) fn is_managed(key: &str, settings: &Settings) -> bool {
    MANAGED.contains(&key) || is_client_commands(key) || settings.managed.contains(&key)
}

fn is_client_commands(key: &str) -> bool {
    DOMAINS.iter().any(|domain| key.starts_with(domain)) && key.ends_with("-client-commands")
}

fn job_id(place: &Place, _: &Settings) -> Vec<Finding> {
    place.wrong(JOB_ID, |_| false)
}

fn job_id_removed(old: &Place, new: &Place, _: &Settings) -> Vec<Finding> {
    let is_removed = new.role == Role::Pod && old.has(JOB_ID) && !new.has(JOB_ID);
    is_removed.then(|| Finding::whatever_value(JOB_ID)).into_iter().collect()
}

fn managed(place: &Place, settings: &Settings) -> Vec<Finding> {
    let is_managed = |key: &str| match place.role {
        Role::Node => key == PING_RESPONSE,
        Role::Workload => false,
        Role::Pod | Role::Template | Role::Binding => is_managed(key, settings),
    };
    let annotations = place.annotations.iter().filter(|(key, _)| is_managed(key));
    annotations.map(|(key, value)| Finding::of_value(key, value)).collect()
}

fn managed_changed(old: &Place, new: &Place, settings: &Settings) -> Vec<Finding> {
    let may_be_removed = |key: &str| match new.role {
        Role::Node => key != PING_RESPONSE,
        Role::Pod => !is_managed(key, settings) || key == PING_RESPONSE,
        Role::Template | Role::Binding | Role::Workload => true,
    };
    let removed = old.annotations.keys().filter(|key| !new.has(key) && !may_be_removed(key));
    let address = (old.has_node() && old.get(POD_IP) != new.get(POD_IP)).then_some(&POD_IP);
    removed.chain(address).map(|key| Finding::whatever_value(key)).collect()
}

fn pod_vpn(place: &Place, _: &Settings) -> Vec<Finding> {
    place.wrong(POD_VPN, |value| value == "true")
}

fn pod_ip(place: &Place, settings: &Settings) -> Vec<Finding> {
    let mut findings = place.wrong(POD_IP, |value| may_be_requested(value, settings));
    for finding in &mut findings {
        // Without the VPN, interLink uses the address; with it, interLink picks another.
        finding.badness = u64::from(!place.has(POD_VPN));
    }
    findings
}

fn may_be_requested(value: &str, settings: &Settings) -> bool {
    match value.parse() {
        Err(_) => false,
        Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_some() || value.contains('.') => false,
        Ok(address @ IpAddr::V6(_)) => settings.cidrs.iter().any(|range| is_in(address, *range)),
        Ok(address @ IpAddr::V4(v4)) => {
            let mut ranges = settings.cidrs.iter().filter(|range| is_in(address, **range)).peekable();
            let octet = u64::from(v4.octets()[3]);
            ranges.peek().is_some()
                && (settings.allow_reserved || !ranges.any(|range| is_reserved(v4, *range)))
                && (settings.octets.0..=settings.octets.1).contains(&octet)
        }
    }
}

fn is_in(address: IpAddr, (start, length): (IpAddr, u32)) -> bool {
    // The first bits are equal if nothing but the last ones differ. A shift by the whole width leaves nothing.
    match (address, start) {
        (IpAddr::V4(address), IpAddr::V4(start)) => {
            (u32::from(address) ^ u32::from(start)).checked_shr(32 - length).unwrap_or(0) == 0
        }
        (IpAddr::V6(address), IpAddr::V6(start)) => {
            (u128::from(address) ^ u128::from(start)).checked_shr(128 - length).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// Whether it is one of the first two addresses of a range or the last one.
fn is_reserved(address: Ipv4Addr, (start, length): (IpAddr, u32)) -> bool {
    let IpAddr::V4(start) = start else { return false };
    let size = 1_u64 << (32 - length);
    let offset = u64::from(u32::from(address) - u32::from(start));
    size >= 4 && (offset <= 1 || offset == size - 1)
}

fn pod_ip_conflict(place: &Place, _: &Settings) -> Vec<Finding> {
    let conflicts = place.role == Role::Template && place.pods > 1 && !place.has(POD_VPN);
    let mut findings = place.wrong(POD_IP, |_| !conflicts);
    for finding in &mut findings {
        finding.badness = place.pods;
    }
    findings
}

fn timeout(place: &Place, settings: &Settings) -> Vec<Finding> {
    let (min, max) = settings.timeouts;
    place.wrong(TIMEOUT, |value| go_duration(value).is_some_and(|duration| min <= duration && duration <= max))
}

/// Reads a Go duration, in nanoseconds.
pub(super) fn go_duration(text: &str) -> Option<i128> {
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1 } else { 1 };
    if rest == "0" {
        return Some(0);
    }
    let mut sum = 0;
    loop {
        let number: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        rest = &rest[number.len()..];
        let unit: String = rest.chars().take_while(|c| !c.is_ascii_digit() && *c != '.').collect();
        rest = &rest[unit.len()..];
        let nanoseconds = match unit.as_str() {
            "ns" => 1,
            // A micro sign or the Greek letter.
            "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
        if whole.len() + fraction.len() == 0 || fraction.contains('.') {
            return None;
        }
        // Nothing smaller than a nanosecond counts.
        let fraction = format!("{fraction:0<15.15}");
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        sum += whole * nanoseconds + fraction.parse::<i128>().ok()? * nanoseconds / 1_000_000_000_000_000;
        if sum > i128::from(i64::MAX) {
            return None;
        }
        if rest.is_empty() {
            return Some(sign * sum);
        }
    }
}

fn vpn_with_wstunnel(place: &Place, settings: &Settings) -> Vec<Finding> {
    let together = place.has(POD_VPN) && !settings.full_mesh;
    [TIMEOUT, EXTRA_PORTS, CLIENT_COMMANDS].iter().flat_map(|key| place.out_of_place(key, together)).collect()
}

fn extra_ports(place: &Place, settings: &Settings) -> Vec<Finding> {
    let is_right = |value: &str| are_extra_ports(value, &place.container_ports(), settings.full_mesh);
    let mut findings = place.wrong(EXTRA_PORTS, is_right);
    for finding in &mut findings {
        let entries = finding.value.iter().flat_map(|list| list.split(','));
        finding.injection = entries.map(str::trim).any(is_injection);
    }
    findings
}

fn is_injection(text: &str) -> bool {
    text.contains("---") || text.contains(|c: char| c.is_control() || "\u{2028}\u{2029}".contains(c))
}

fn are_extra_ports(list: &str, container_ports: &[&Value], full_mesh: bool) -> bool {
    let entries: Vec<_> = list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
    let mut numbers = BTreeSet::new();
    let mut names = BTreeSet::from(["ws", "vpn", "webhook"]);
    names.extend(container_ports.iter().filter_map(|port| port["name"].as_str()));
    !entries.is_empty()
        && entries.iter().all(|entry| {
            let parts: Vec<_> = entry.split(':').collect();
            let name = parts.get(1).copied().unwrap_or("");
            let protocol = parts.get(2).copied().filter(|protocol| !protocol.is_empty()).unwrap_or("TCP");
            let protocol = protocol.to_ascii_uppercase();
            let Some(number) = parts[0].parse::<u64>().ok().filter(|port| (1..=65535).contains(port)) else {
                return false;
            };
            let is_well_formed = parts.len() <= 3
                && (name.is_empty() || is_port_name(name))
                && ["TCP", "UDP"].contains(&protocol.as_str());
            let is_of_container = container_ports
                .iter()
                .any(|port| port["containerPort"] == number && port["protocol"].as_str().unwrap_or("TCP") == protocol);
            let needs_no_name = number == 8080 && !full_mesh;
            // An empty protocol is not TCP for interLink, but it is for Kubernetes.
            let is_doubled = is_of_container && parts.get(2) == Some(&"");
            is_well_formed
                && !is_doubled
                && numbers.insert((number, protocol))
                // interLink then uses the container's, without the entry's name.
                && (is_of_container || if name.is_empty() { needs_no_name } else { names.insert(name) })
        })
}

/// Whether Kubernetes accepts a port's name, and YAML reads it as text.
fn is_port_name(name: &str) -> bool {
    let words = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let is_decimal = name.starts_with(|first: char| first.is_ascii_digit()) && name.parse::<f64>().is_ok();
    let is_number = [("0x", 16), ("0o", 8), ("0b", 2)].iter().any(|(prefix, radix)| {
        name.strip_prefix(prefix).is_some_and(|digits| u64::from_str_radix(digits, *radix).is_ok())
    });
    name.len() <= 15
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && name.chars().any(|c| c.is_ascii_lowercase())
        && !(name.starts_with('-') || name.ends_with('-') || name.contains("--"))
        && !words.contains(&name)
        && !["tcp", "udp"].contains(&name)
        && !is_decimal
        && !is_number
}

fn mesh_network(place: &Place, _: &Settings) -> Vec<Finding> {
    place.wrong(MESH_NETWORK, is_disabled)
}

/// Whether it is `disabled` in any case, the long s included.
fn is_disabled(value: &str) -> bool {
    value.trim().replace('\u{17f}', "s").eq_ignore_ascii_case("disabled")
}

fn wireguard(place: &Place, _: &Settings) -> Vec<Finding> {
    let is_number =
        |value: &str, least: i64| value.trim().parse::<i64>().is_ok_and(|number| (least..=65535).contains(&number));
    let is_empty = |value: &str| value.trim().is_empty();
    let leaves_mesh = place.get(MESH_NETWORK).is_some_and(is_disabled);

    let mut findings = place.wrong(PRIVATE_KEY, is_empty);
    for finding in &mut findings {
        finding.injection = finding.value.as_deref().is_some_and(|value| is_injection(value.trim()));
    }
    for (key, least) in [(MTU, 1), (KEEPALIVE, 0)] {
        let wrong = place.wrong(key, |value| is_number(value, least));
        findings.extend(if wrong.is_empty() { place.out_of_place(key, leaves_mesh) } else { wrong });
    }
    let public_key = place.wrong(PUBLIC_KEY, is_empty);
    let is_there = !public_key.is_empty();
    findings.extend(if leaves_mesh { place.out_of_place(PUBLIC_KEY, is_there) } else { public_key });
    findings
}

fn offload_containers(place: &Place, settings: &Settings) -> Vec<Finding> {
    if place.spec.is_null() {
        return Vec::new();
    }
    let has_tunnel = place.may_have_tunnel(settings) || place.has_port() && !place.has_vpn_alone();
    let lists = [(DISABLE_OFFLOAD, "containers"), (DISABLE_OFFLOAD_INIT, "initContainers")];
    let findings = lists.iter().flat_map(|(key, list)| {
        place.wrong(key, |value| {
            let names: BTreeSet<_> = value.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
            let containers = place.containers(list);
            let containers: BTreeSet<_> =
                containers.iter().filter_map(|container| container["name"].as_str()).collect();
            let all_stay = *key == DISABLE_OFFLOAD && names == containers;
            names.is_empty() || names.is_subset(&containers) && has_tunnel && !all_stay
        })
    });
    findings.collect()
}

fn shadow_same_ns(place: &Place, _: &Settings) -> Vec<Finding> {
    place.wrong(SHADOW_SAME_NS, |value| value == "true")
}

fn unknown(place: &Place, settings: &Settings) -> Vec<Finding> {
    let is_unknown = |key: &str| {
        // Kubernetes allows letters outside of ASCII in a domain, if they are ASCII in lower case.
        let lower_case = key.replace('\u{130}', "i").to_lowercase();
        DOMAINS.iter().any(|domain| lower_case.starts_with(domain))
            && !OF_USERS.contains(&key)
            && !is_managed(key, settings)
            && !settings.known.contains(&key)
    };
    let keys = place.annotations.keys().filter(|key| place.role != Role::Node && is_unknown(key));
    keys.map(|key| Finding::whatever_value(key)).collect()
}

fn ineffective(place: &Place, settings: &Settings) -> Vec<Finding> {
    if place.role == Role::Workload {
        let keys = place.annotations.keys();
        let keys = keys.filter(|key| OF_USERS.contains(key) || MANAGED.contains(key) || is_client_commands(key));
        return keys.map(|key| Finding::whatever_value(key)).collect();
    }
    if place.role == Role::Binding {
        return Vec::new();
    }
    let mut findings = place.out_of_place(POD_IP, place.has(POD_VPN));
    if !place.may_have_tunnel(settings) {
        // `vpn-with-wstunnel` reports a timeout beside the VPN.
        findings.extend(place.out_of_place(TIMEOUT, !place.has_port() && !place.has_vpn_alone()));
        findings.extend(place.out_of_place(SHADOW_SAME_NS, !place.has_port() || place.has_vpn_alone()));
    }
    findings
}

/// interLink reads annotations when it creates the pod, and only four of them again when it deletes it.
fn changed_too_late(old: &Place, new: &Place, _: &Settings) -> Vec<Finding> {
    let read_again = [POD_VPN, EXTRA_PORTS, SHADOW_SAME_NS, MESH_NETWORK];
    let keys = OF_USERS.iter().filter(|key| **key != POD_IP);
    let late =
        keys.filter(|key| old.has_node() && old.get(key) != new.get(key) && (new.has(key) || read_again.contains(key)));
    late.map(|key| Finding::whatever_value(key)).collect()
}

fn of_plugins(place: &Place, settings: &Settings) -> Vec<Finding> {
    let keys = place.annotations.keys().filter(|key| is_of_plugins(key) && !settings.of_plugins.contains(key));
    keys.flat_map(|key| place.wrong(key, |_| false)).collect()
}

fn is_of_plugins(key: &str) -> bool {
    let Some((domain, name)) = key.split_once('/') else { return false };
    // The NATS plugin searches for a regular expression, in which a dot stands for any character.
    let end = domain.get(domain.len().saturating_sub(10)..).unwrap_or_default();
    let is_fuse = end.len() == 10 && end.starts_with("fuse") && end[5..].starts_with("vk") && end.ends_with("io");
    ["slurm-job.vk.io", "htcondor-job.vk.io", "job.vk.io"].contains(&domain)
        || (domain, name) == ("docker-options.vk.io", "flags")
        || domain.ends_with(".knoc.io")
        || is_fuse
}
