//! # wstunnel-extra-ports
//!
//! ## What it refuses
//!
//! A value of `interlink.eu/wstunnel-extra-ports` that lists no port, or has an entry
//!
//! - that is not `port[:name[:protocol]]`;
//! - whose port is not a number from 1 to 65535;
//! - whose name Kubernetes does not accept for a port, or YAML reads as something other than text, such as `on`;
//! - whose protocol is neither `TCP` nor `UDP`;
//! - that repeats a port with the same protocol, or a name.
//!
//! Commas separate the entries. Spaces around an entry, empty entries and lower-case protocols are allowed. An entry
//! that contains `---` or a control character, such as a line break, is denied even at level `Warn`.
//!
//! ## Why
//!
//! interLink drops an entry whose port is not a number, and reports nothing: the port is not forwarded. If two entries
//! have the same port and protocol, it uses the first. It copies names and protocols unchecked into the tunnel's
//! manifests. Kubernetes refuses the tunnel if they are wrong, and a line break in them could add another manifest.
//!
//! ## How to fix it
//!
//! List the ports as `port:name:protocol`, separated by commas. Name every port: the rule does not require it, but
//! Kubernetes refuses the tunnel's Service if one of several ports has no name. `TCP` is the default protocol; to set
//! another, name the port first, as in `5353:dns:UDP`.
//!
//! ## Settings
//!
//! - `rules.wstunnel-extra-ports`: `Warn` (the default), `Deny` or `Ignore`.
//!
//! ## References
//!
//! - interLink 0.6.2, `pkg/virtualkubelet/virtualkubelet.go`: `parseExtraPortsAnnotation` reads the value, and
//!   `extractPortMappings` adds the ports to those of the containers.
//! - interLink 0.6.2, `pkg/virtualkubelet/templates/wstunnel-template.yaml`: the tunnel's Deployment and Service.
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
//! ## Accepted
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/wstunnel-extra-ports: "8080, 9090:metrics, 5353:dns:udp"
//! ```

use std::collections::BTreeSet;

use super::{Finding, OF_PODS, Rule};
use crate::annotations::WSTUNNEL_EXTRA_PORTS;
use crate::settings::{Level, Settings};
use crate::subject::Subject;
use crate::text::{entries, holds, injects, quote};

pub(super) const RULE: Rule = Rule {
    id: "wstunnel-extra-ports",
    refuses: "`wstunnel-extra-ports` with an entry that is not `port[:name[:protocol]]`, with a port twice, or \
              without any",
    default_level: Level::Warn,
    about_writers: false,
    subjects: OF_PODS,
    check,
};

/// Names that mean something else where interLink pastes them, without quotes.
const YAML_WORDS: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];

/// The longest name of a port, as Kubernetes takes it.
const LONGEST_NAME: usize = 15;

fn check<'s>(subject: &'s Subject<'_>, _: &Settings<'_>) -> Vec<Finding<'s>> {
    let wrong = subject.get(WSTUNNEL_EXTRA_PORTS).and_then(|annotation| {
        let (problem, mend) = judge(&annotation.value).err()?;
        let injects = entries(&annotation.value).any(injects);
        Some(Finding::of_value(annotation, problem, mend).of_pasted_text(injects))
    });
    wrong.into_iter().collect()
}

/// What is wrong with a list of ports, and how to mend it: its first fault, and how many more there are.
fn judge(text: &str) -> Result<(), (String, String)> {
    let mut before = Before::default();
    if entries(text).next().is_none() {
        return Err(("names no port".to_owned(), "write one, such as 8080:http, or remove the annotation".to_owned()));
    }
    let mut wrong = entries(text).filter_map(|entry| Some((entry, judge_entry(entry, &mut before).err()?)));
    let Some((entry, (problem, mut mend))) = wrong.next() else {
        return Ok(());
    };
    let more = wrong.count();
    if more > 0 {
        mend += &format!(", and see to {more} more entries");
    }
    Err((format!("has {}, {problem}", quote(entry)), mend))
}

fn judge_entry<'t>(entry: &'t str, before: &mut Before<'t>) -> Result<(), (&'static str, String)> {
    let (port, name, is_udp) = parse(entry)?;
    if !before.ports.add(port, is_udp) {
        let problem = "although that port is there before with the same protocol";
        return Err((problem, "name each port once".to_owned()));
    }
    if !(name.is_empty() || before.names.insert(name)) {
        return Err(("although another port has that name", "give each port a name of its own".to_owned()));
    }
    Ok(())
}

/// What stands before an entry.
#[derive(Default)]
struct Before<'t> {
    ports: Ports,
    names: BTreeSet<&'t str>,
}

/// The port of an entry, its name, and whether its protocol is UDP; as interLink reads it.
fn parse(entry: &str) -> Result<(u16, &str, bool), (&'static str, String)> {
    let mut parts = entry.split(':');
    let [port, name, protocol] = [(); 3].map(|()| parts.next().unwrap_or_default());
    if parts.next().is_some() {
        return Err(("which has more than a port, a name and a protocol", "write port:name:protocol".to_owned()));
    }
    let Ok(number) = port.parse::<i32>() else {
        let mend = "write entries such as 8080 or 8080:web:TCP, with commas between them".to_owned();
        return Err(("which does not begin with a port and a colon, so that interLink leaves it out", mend));
    };
    let Some(number) = u16::try_from(number).ok().filter(|number| *number > 0) else {
        return Err(("whose port is out of range", "write a number from 1 to 65535".to_owned()));
    };
    if is_protocol(name) {
        return Err((
            "with a protocol in the place of the name",
            format!("write {number}:NAME:{name} with a name of your choice"),
        ));
    }
    if YAML_WORDS.contains(&name) || is_yaml_number(name) {
        return Err((
            "whose name YAML takes for something else, so that the tunnel fails",
            "write another name".to_owned(),
        ));
    }
    if !(name.is_empty() || is_port_name(name)) {
        let mend = "write at most 15 small letters, digits and single hyphens, a letter among them".to_owned();
        return Err(("whose name Kubernetes does not take for a port", mend));
    }
    if !(protocol.is_empty() || is_protocol(protocol)) {
        return Err(("whose protocol is neither TCP nor UDP", "write one of these behind the second colon".to_owned()));
    }
    Ok((number, name, protocol.eq_ignore_ascii_case("UDP")))
}

fn is_protocol(text: &str) -> bool {
    ["TCP", "UDP"].iter().any(|protocol| text.eq_ignore_ascii_case(protocol))
}

/// Whether YAML takes a name for a number: those with a letter in them.
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

/// Whether Kubernetes takes a name for a port: an IANA service name.
fn is_port_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && name.bytes().any(|byte| byte.is_ascii_lowercase())
        && !(name.starts_with('-') || name.ends_with('-') || holds(name, "--"))
}

/// Ports that were there before: a bit for each port and protocol, since a hostile list may hold them all.
#[derive(Default)]
struct Ports(Vec<u64>);

impl Ports {
    /// Adds a port, and says whether it is new.
    fn add(&mut self, port: u16, is_udp: bool) -> bool {
        self.0.resize(2 << 16 >> 6, 0);
        let index = usize::from(port) << 1 | usize::from(is_udp);
        let (word, bit) = (&mut self.0[index >> 6], 1 << (index & 63));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::*;

    fn problem(text: &str) -> String {
        let pod = pod(&[(WSTUNNEL_EXTRA_PORTS, text)]);
        texts(&check(&pod, &Settings::default())).pop().unwrap_or_default()
    }

    #[test]
    fn what_interlink_reads_as_meant_is_fine() {
        for text in [
            "8080",
            "1,65535",
            " 8080 , 9090:metrics:UDP ,",
            "8080,,9090",
            "+80",
            "0080",
            "53:dns:TCP,53:dns-udp:udp",
            "80::udp",
            "80:web:",
            "80:a-1-b:Tcp",
            "\u{a0}80\u{2003}",
        ] {
            assert_eq!(problem(text), "", "{text:?}");
        }
    }

    #[test]
    fn what_it_would_leave_out_or_fail_on_is_refused() {
        for (text, says) in [
            ("", "names no port"),
            (" , ", "names no port"),
            ("http", "\"http\", which does not begin with a port"),
            ("80 :web", "does not begin with a port"),
            ("8080-8090", "does not begin with a port"),
            ("80;81", "does not begin with a port"),
            ("99999999999", "does not begin with a port"),
            (":web", "does not begin with a port"),
            ("0", "out of range"),
            ("65536", "out of range"),
            ("-80", "out of range"),
            ("80:web,81:web", "another port has that name"),
            ("http,80,70000,81:UDP", "and see to 2 more entries"),
            ("80:on", "YAML takes for something else"),
            ("80:1e3", "YAML takes for something else"),
            ("80:0x1f", "YAML takes for something else"),
            ("80:0b1", "YAML takes for something else"),
            ("80:1e-5", "YAML takes for something else"),
            ("80:udp", "write 80:NAME:udp"),
            ("80:Web", "whose name"),
            ("80: web", "whose name"),
            ("80:8080", "whose name"),
            ("80:-web", "whose name"),
            ("80:we--b", "whose name"),
            ("80:a-name-of-16-let", "whose name"),
            ("80:web:SCTP", "neither TCP nor UDP"),
            ("80:web: tcp", "neither TCP nor UDP"),
            ("80:web:tcp:x", "more than a port"),
            ("80,81,80:web", "\"80:web\", although that port is there before"),
            ("80:a:TCP,80:b:tcp", "although that port is there before"),
        ] {
            assert!(problem(text).contains(says), "{text:?}: {}", problem(text));
        }
    }

    #[test]
    fn what_could_change_a_manifest_is_marked() {
        for (text, injects) in [
            ("80:My_Port", false),
            ("80;81", false),
            ("80:web\n---", true),
            ("x,\n80", false),
            ("x,80:web:tcp\r#", true),
            ("80:a\u{2028}b", true),
            ("80:a---b", true),
        ] {
            let pod = pod(&[(WSTUNNEL_EXTRA_PORTS, text)]);
            assert_eq!(check(&pod, &Settings::default())[0].injects, injects, "{text:?}");
        }
    }

    #[test]
    fn every_port_at_once_is_fine() {
        let all: Vec<_> = (1..=65_535).flat_map(|port| [format!("{port}"), format!("{port}::UDP")]).collect();
        assert_eq!(problem(&all.join(",")), "");
    }
}
