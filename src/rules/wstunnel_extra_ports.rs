//! # wstunnel-extra-ports
//!
//! ## What it refuses
//!
//! A value of `interlink.eu/wstunnel-extra-ports` that lists no port, or has an entry:
//!
//! - that is not `port[:name[:protocol]]`;
//! - whose port is not a number from 1 to 65535;
//! - whose name is not a valid port name in Kubernetes, is a protocol, or is something that YAML does not read as text,
//!   such as `on`;
//! - whose protocol is neither `TCP` nor `UDP`;
//! - that repeats a port with the same protocol, or a name;
//! - without a name, unless the port is 8080 and interLink runs no full mesh;
//! - whose name is `ws`, `vpn` or `webhook`, or that of another port of a container.
//!
//! If a container has the port and protocol of an entry, only the entry's form is checked, and that it is not repeated:
//! interLink uses the container's port. The entry must not end in a colon, as `80:web:` does: interLink then adds the
//! port a second time.
//!
//! Commas separate the entries. Spaces around an entry, empty entries and lower-case protocols are allowed. An empty
//! name or protocol counts as none. An entry that contains `---`, a control character or a Unicode line or paragraph
//! separator is denied even at level `Warn`.
//!
//! ## Why
//!
//! interLink drops an entry whose port is not a number, and reports nothing: the port is not forwarded. If two entries
//! have the same port and protocol, it uses the first. It copies names and protocols unchecked into the tunnel's
//! manifests. Kubernetes refuses the tunnel if a name or protocol is wrong, and a line break could add another
//! manifest. The tunnel's Service has a port `ws` of its own, so Kubernetes refuses the Service if another port has no
//! name, or if two ports have the same name. interLink's template for pods outside a full mesh leaves port 8080 out of
//! the Service.
//!
//! ## How to fix it
//!
//! List the ports as `port:name:protocol`, separated by commas. Give every port a name of its own. `TCP` is the default
//! protocol; to set another, name the port first, as in `5353:dns:UDP`.
//!
//! ## Settings
//!
//! - `rules.wstunnel-extra-ports`: `Warn` (the default), `Deny` or `Ignore`.
//! - `fullMesh`: `true` if interLink runs a full mesh. The default is `false`.
//!
//! ## References
//!
//! - interLink 0.6.2, `pkg/virtualkubelet/virtualkubelet.go`: `parseExtraPortsAnnotation` reads the value, and
//!   `extractPortMappings` adds the ports to those of the containers.
//! - interLink 0.6.2, `pkg/virtualkubelet/templates/wstunnel-template.yaml` and `wstunnel-wireguard-template.yaml`: the
//!   tunnel's Deployment and Service.
//! - Kubernetes' documentation:
//!   <https://kubernetes.io/docs/concepts/services-networking/service/#multi-port-services>.
//! - interLink's pod annotations reference: "`interlink.eu/wstunnel-extra-ports`".
//!
//! ## Refused
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/wstunnel-extra-ports: "8080:UDP,http"
//! ```
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/wstunnel-extra-ports: "9090,3000:api"
//! ```
//!
//! ## Accepted
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/wstunnel-extra-ports: "8080, 9090:metrics, 5353:dns:udp"
//! ```

use std::collections::BTreeSet;
use std::fmt;

use super::rule::{POD_ROLES, Rule};
use crate::annotations::{WSTUNNEL_EXTRA_PORTS, could_inject, list_entries};
use crate::compact::{contains, sorted_set};
use crate::escape::quote;
use crate::finding::Findings;
use crate::rule_id::RuleId;
use crate::settings::Settings;
use crate::target::Target;

pub(super) const RULE: Rule = Rule {
    id: RuleId::WstunnelExtraPorts,
    refuses: "`wstunnel-extra-ports` that lists no port or a port twice, or has an entry that is not \
              `port[:name[:protocol]]`, has no name, or has a name in use",
    about_writers: false,
    roles: POD_ROLES,
    check,
};

/// Names that YAML reads as another type where interLink inserts them without quotes.
const YAML_WORDS: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];

/// Names of ports in interLink's own templates.
const OWN_NAMES: [&str; 3] = ["ws", "vpn", "webhook"];

/// The length in bytes of the longest port name in Kubernetes.
const LONGEST_NAME: usize = 15;

/// The maximum number of further wrong entries that are counted: a hostile list may have a million.
const MAX_COUNTED: usize = 1000;

/// The problem of an entry, and its fix.
struct Fault<'t> {
    problem: &'static str,
    fix: Advice<'t>,
}

/// The fix of an entry. Only the fix of the first wrong entry is written.
enum Advice<'t> {
    Text(&'static str),
    /// Name the port. The protocol may be empty.
    NamePort(u16, &'t str),
    /// Write only the port, which a container has.
    PortAlone(u16),
}

impl Fault<'_> {
    fn new(problem: &'static str, fix: &'static str) -> Self {
        Self { problem, fix: Advice::Text(fix) }
    }
}

impl fmt::Display for Advice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::NamePort(port, "") => write!(f, "use {port}:NAME with a name of your choice"),
            Self::NamePort(port, protocol) => write!(f, "use {port}:NAME:{protocol} with a name of your choice"),
            Self::PortAlone(port) => write!(f, "use {port}, or leave it out"),
        }
    }
}

fn check<'t>(target: &'t Target<'_>, settings: &Settings<'_>, findings: &mut Findings<'t>) {
    let Some(annotation) = target.get(WSTUNNEL_EXTRA_PORTS) else {
        return;
    };
    let list = &*annotation.value;
    if list_entries(list).next().is_none() {
        let finding = annotation.finding("lists no port");
        findings.push(finding.fix("list one, such as 8080:http, or remove the annotation"));
        return;
    }
    let mut service = Service::new(target, settings);
    let mut faults = list_entries(list).filter_map(|entry| Some((entry, service.add(entry).err()?)));
    let Some((entry, Fault { problem, fix })) = faults.next() else {
        return;
    };
    let fix = match faults.take(MAX_COUNTED).count() {
        0 => fix.to_string(),
        1 => format!("{fix}, and fix 1 more entry"),
        MAX_COUNTED => format!("{fix}, and fix the other wrong entries, at least {MAX_COUNTED}"),
        more => format!("{fix}, and fix {more} more entries"),
    };
    let finding = annotation.finding(format!("has {}, {problem}", quote(entry))).fix(fix);
    findings.push(finding.injection_if(could_inject(list) && list_entries(list).any(could_inject)));
}

/// The tunnel's Service, and the ports in it so far.
struct Service<'t> {
    /// The entries before an entry.
    ports: PortSet,
    names: BTreeSet<&'t str>,
    /// The ports of the pod's containers, which interLink adds first.
    container_ports: PortSet,
    container_names: BTreeSet<&'t str>,
    /// A port that the Service leaves out, so that it needs no name.
    unlisted: Option<u16>,
}

impl<'t> Service<'t> {
    fn new(target: &'t Target<'_>, settings: &Settings<'_>) -> Self {
        let ports = || target.pod_spec.iter().flat_map(|spec| &spec.ports);
        let mut container_ports = PortSet::default();
        for (number, is_udp) in ports().filter_map(|port| port.number) {
            container_ports.insert(number, is_udp);
        }
        Self {
            ports: PortSet::default(),
            names: BTreeSet::new(),
            container_ports,
            container_names: sorted_set(ports().map(|port| &*port.name)),
            unlisted: (!settings.full_mesh).then_some(8080),
        }
    }

    /// Adds an entry.
    fn add(&mut self, entry: &'t str) -> Result<(), Fault<'t>> {
        let entry @ Entry { port, name, .. } = parse(entry)?;
        let is_udp = entry.protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case("UDP"));
        if !self.ports.insert(port, is_udp) {
            return Err(Fault::new("which repeats a port and its protocol", "list each port once"));
        }
        if self.container_ports.contains(port, is_udp) {
            return if entry.protocol == Some("") { Err(entry.doubled()) } else { Ok(()) };
        }
        if name.is_empty() {
            return if self.unlisted == Some(port) { Ok(()) } else { Err(entry.unnamed()) };
        }
        if OWN_NAMES.contains(&name) {
            return Err(Fault::new("whose name the tunnel itself uses", "use another name"));
        }
        if self.container_names.contains(name) {
            return Err(Fault::new("whose name a container's port has", "use another name"));
        }
        if !self.names.insert(name) {
            return Err(Fault::new("whose name another port has", "give each port a name of its own"));
        }
        Ok(())
    }
}

/// An entry as interLink reads it. Its name and protocol may be empty.
struct Entry<'t> {
    port: u16,
    name: &'t str,
    protocol: Option<&'t str>,
}

impl<'t> Entry<'t> {
    /// Returns the fault of an entry without a name.
    fn unnamed(&self) -> Fault<'t> {
        Fault {
            problem: "which has no name, so Kubernetes refuses the tunnel",
            fix: Advice::NamePort(self.port, self.protocol.unwrap_or_default()),
        }
    }

    /// Returns the fault of an entry that interLink treats as a new port, but Kubernetes as a container's port.
    fn doubled(&self) -> Fault<'t> {
        Fault {
            problem: "whose empty protocol adds a container's port again, so Kubernetes refuses the tunnel",
            fix: Advice::PortAlone(self.port),
        }
    }
}

fn parse(entry: &str) -> Result<Entry<'_>, Fault<'_>> {
    let mut parts = entry.split(':');
    let [port, name] = [(); 2].map(|()| parts.next().unwrap_or_default());
    let protocol = parts.next();
    if parts.next().is_some() {
        return Err(Fault::new("which has more than a port, a name and a protocol", "use port:name:protocol"));
    }
    let Ok(port) = port.parse::<i32>() else {
        return Err(Fault::new(
            "which does not begin with a port number, so interLink ignores it",
            "use entries such as 8080 or 8080:web:TCP, separated by commas",
        ));
    };
    let Some(port) = u16::try_from(port).ok().filter(|port| *port > 0) else {
        return Err(Fault::new("whose port is out of range", "use a number from 1 to 65535"));
    };
    if !name.is_empty() {
        check_name(port, name)?;
    }
    if protocol.is_some_and(|protocol| !(protocol.is_empty() || is_protocol(protocol))) {
        return Err(Fault::new("whose protocol is neither TCP nor UDP", "use one of these after the second colon"));
    }
    Ok(Entry { port, name, protocol })
}

fn check_name(port: u16, name: &str) -> Result<(), Fault<'_>> {
    if is_protocol(name) {
        return Err(Fault { problem: "which has a protocol instead of a name", fix: Advice::NamePort(port, name) });
    }
    if YAML_WORDS.contains(&name) || is_yaml_number(name) {
        return Err(Fault::new("whose name YAML reads as another type, so the tunnel fails", "use another name"));
    }
    if !is_port_name(name) {
        return Err(Fault::new(
            "whose name is not a port name in Kubernetes",
            "use at most 15 lowercase letters, digits and single hyphens, with at least one letter",
        ));
    }
    Ok(())
}

fn is_protocol(text: &str) -> bool {
    ["TCP", "UDP"].iter().any(|protocol| text.eq_ignore_ascii_case(protocol))
}

/// Returns whether YAML reads a name with a letter in it as a number.
fn is_yaml_number(name: &str) -> bool {
    let are_digits = |text: &str, radix| !text.is_empty() && text.chars().all(|digit| digit.is_digit(radix));
    let power = |(number, power): (&str, &str)| {
        are_digits(number, 10) && are_digits(power.strip_prefix('-').unwrap_or(power), 10)
    };
    name.split_once('e').is_some_and(power)
        || [("0b", 2), ("0o", 8), ("0x", 16)]
            .iter()
            .any(|(prefix, radix)| name.strip_prefix(prefix).is_some_and(|digits| are_digits(digits, *radix)))
}

/// Returns whether a name is a port name in Kubernetes: an IANA service name.
fn is_port_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && name.bytes().any(|byte| byte.is_ascii_lowercase())
        && !(name.starts_with('-') || name.ends_with('-') || contains(name, "--"))
}

/// A set of ports with their protocols, with one bit for each, because a hostile list may contain all of them.
#[derive(Default)]
struct PortSet(Vec<u64>);

impl PortSet {
    /// Adds a port, and returns whether it is new.
    fn insert(&mut self, port: u16, is_udp: bool) -> bool {
        self.0.resize(2 << 16 >> 6, 0);
        let (index, bit) = Self::bit(port, is_udp);
        let word = &mut self.0[index];
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    fn contains(&self, port: u16, is_udp: bool) -> bool {
        let (index, bit) = Self::bit(port, is_udp);
        self.0.get(index).is_some_and(|word| word & bit != 0)
    }

    /// Returns the index of a port's word, and the port's bit in it.
    fn bit(port: u16, is_udp: bool) -> (usize, u64) {
        let index = usize::from(port) << 1 | usize::from(is_udp);
        (index >> 6, 1 << (index & 63))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn problem(text: &str) -> String {
        let pod = pod(&[(WSTUNNEL_EXTRA_PORTS, text)]);
        texts(&RULE.findings(&pod, &Settings::default())).pop().unwrap_or_default()
    }

    #[test]
    fn accepts_ports_that_interlink_forwards() {
        for text in [
            "8080",
            "8080:web,8080::udp",
            "1:low,65535:high",
            " 8080 , 9090:metrics:UDP ,",
            "8080,,9090:a",
            "+80:a",
            "0080:a",
            "53:dns:TCP,53:dns-udp:udp",
            "80:web:",
            "80:a-1-b:Tcp",
            "\u{a0}80:a\u{2003}",
        ] {
            assert_eq!(problem(text), "", "{text:?}");
        }
    }

    #[test]
    fn rejects_ports_that_interlink_ignores_or_fails_on() {
        for (text, says) in [
            ("", "lists no port"),
            (" , ", "lists no port"),
            ("http", "\"http\", which does not begin with a port"),
            ("80 :web", "does not begin with a port"),
            ("8080-8090", "does not begin with a port"),
            ("80;81", "does not begin with a port"),
            ("99999999999", "does not begin with a port"),
            (":web", "does not begin with a port"),
            ("0", "out of range"),
            ("65536", "out of range"),
            ("-80", "out of range"),
            ("80:web,81:web", "whose name another port has"),
            ("9090,8080", "\"9090\", which has no name, so Kubernetes refuses the tunnel; use 9090:NAME with"),
            ("9090::udp", "use 9090:NAME:udp with"),
            ("9090::", "use 9090:NAME with"),
            ("80:ws", "whose name the tunnel itself uses"),
            ("80:vpn", "whose name the tunnel itself uses"),
            ("80:webhook:UDP", "whose name the tunnel itself uses"),
            ("http,80,70000,81:UDP", "and fix 3 more entries"),
            ("80:on", "YAML reads as another type"),
            ("80:1e3", "YAML reads as another type"),
            ("80:0x1f", "YAML reads as another type"),
            ("80:0b1", "YAML reads as another type"),
            ("80:1e-5", "YAML reads as another type"),
            ("80:udp", "use 80:NAME:udp"),
            ("80:Web", "whose name"),
            ("80: web", "whose name"),
            ("80:8080", "whose name"),
            ("80:-web", "whose name"),
            ("80:we--b", "whose name"),
            ("80:a-name-of-16-let", "whose name"),
            ("80:web:SCTP", "neither TCP nor UDP"),
            ("80:web: tcp", "neither TCP nor UDP"),
            ("80:web:tcp:x", "more than a port"),
            ("80:a,81:b,80:web", "\"80:web\", which repeats a port"),
            ("80:a:TCP,80:b:tcp", "which repeats a port"),
        ] {
            assert!(problem(text).contains(says), "{text:?}: {}", problem(text));
        }
    }

    #[test]
    fn counts_a_limited_number_of_wrong_entries() {
        assert!(problem(&"x,".repeat(1000)).contains("and fix 999 more entries"));
        for count in [1001, 1002, 100_000] {
            assert!(problem(&"x,".repeat(count)).contains("and fix the other wrong entries, at least 1000"), "{count}");
        }
    }

    #[test]
    fn marks_text_that_could_change_a_manifest() {
        for (text, injection) in [
            ("80:My_Port", false),
            ("80;81", false),
            ("80:web\n---", true),
            ("x,\n80", false),
            ("x,80:web:tcp\r#", true),
            ("80:a\u{2028}b", true),
            ("80:a---b", true),
        ] {
            let pod = pod(&[(WSTUNNEL_EXTRA_PORTS, text)]);
            assert_eq!(RULE.findings(&pod, &Settings::default())[0].injection, injection, "{text:?}");
        }
    }

    #[test]
    fn accepts_all_ports_at_once() {
        let all: Vec<_> = (1..=65_535).flat_map(|n| [format!("{n}:t{n}"), format!("{n}:u{n}:UDP")]).collect();
        assert_eq!(problem(&all.join(",")), "");
    }

    #[test]
    fn requires_a_name_for_every_port_in_a_full_mesh() {
        let settings = settings(r#"{"fullMesh": true}"#);
        let count = |text| RULE.findings(&pod(&[(WSTUNNEL_EXTRA_PORTS, text)]), &settings).len();
        assert_eq!([count("8080"), count("8080:web")], [1, 0]);
    }

    #[test]
    fn compares_with_the_ports_of_containers() {
        const SPEC: &str = r#"{"containers": [{"ports": [{"containerPort": 80, "name": "http"}]}],
            "initContainers": [{"ports": [{"containerPort": 53, "name": "dns", "protocol": "UDP"}, {}]}]}"#;
        for (text, says) in [
            ("81:http", "whose name a container's port has"),
            ("80:http:UDP", "whose name a container's port has"),
            ("53:dns", "whose name a container's port has"),
            ("80:http", ""),
            ("80:web:", "whose empty protocol adds a container's port again"),
            ("80::", "use 80, or leave it out"),
            ("81:web:,80", ""),
            ("80,53::UDP", ""),
            ("80,80:web", "which repeats a port"),
            ("53", "which has no name"),
            ("90:web", ""),
        ] {
            let pod = builder("Pod", &[(WSTUNNEL_EXTRA_PORTS, text)]).spec(SPEC).build();
            let found = texts(&RULE.findings(&pod, &Settings::default())).pop().unwrap_or_default();
            assert!(found.contains(says) && found.is_empty() == says.is_empty(), "{text}: {found}");
        }
    }
}
