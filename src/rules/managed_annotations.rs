//! # managed-annotations
//!
//! ## What it refuses
//!
//! The other annotations that interLink writes, set on a pod that is created; and, on one that is there, whatever
//! sets, changes or removes them. Only a trusted writer may: interLink itself.
//!
//! - `interlink.eu/wstunnel-client-commands`
//! - `interlink.eu/wstunnel-path-prefix`
//! - `interlink.eu/pod-subnet`
//! - `interlink.eu/wireguard-client-snippet`
//! - `interlink.virtual-kubelet.io/ping-response`, which belongs on the virtual node and never on a pod
//!
//! ## Why
//!
//! interLink's SLURM plugin copies `wstunnel-client-commands` into the job script, outside the container: who sets it
//! runs any command under the job's account at the HPC centre. `wstunnel-path-prefix` is read back as the tunnel's
//! password. The subnet and the WireGuard snippet are pasted into network configurations.
//!
//! ## How to mend it
//!
//! Leave them out; interLink sets them where they are needed. What they hold may be secret, so that messages do not
//! repeat it. If interLink itself is refused, name its user in the setting `trustedWriters`.

use super::{Finding, Rule};
use crate::annotations::{
    PING_RESPONSE, POD_SUBNET, WIREGUARD_CLIENT_SNIPPET, WSTUNNEL_CLIENT_COMMANDS, WSTUNNEL_PATH_PREFIX,
};
use crate::settings::{Level, Settings};
use crate::subject::Subject;

pub(super) const RULE: Rule = Rule {
    id: "managed-annotations",
    refuses: "the other annotations that interLink writes, set, changed or removed by anyone but a trusted writer",
    default_level: Level::Deny,
    about_writers: true,
    check,
};

const MANAGED: [&str; 5] =
    [WSTUNNEL_CLIENT_COMMANDS, WSTUNNEL_PATH_PREFIX, POD_SUBNET, WIREGUARD_CLIENT_SNIPPET, PING_RESPONSE];

fn check<'s>(subject: &'s Subject<'_>, _: &Settings<'_>) -> Vec<Finding<'s>> {
    let found = subject.get_all(&MANAGED).map(|annotation| {
        // interLink never writes this one on a pod: who takes it off does right.
        let misplaced = annotation.key == PING_RESPONSE;
        let problem = match misplaced {
            true => "belongs on a virtual node, where interLink sets it",
            false => "is set, but only interLink may write it",
        };
        Finding { protected: !misplaced, ..Finding::of_value(annotation, problem, "remove it") }
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::*;

    #[test]
    fn each_is_refused_whatever_its_value() {
        for key in MANAGED {
            for value in ["", "x"] {
                let pod = pod(&[(key, value)]);
                assert_eq!(keys(&check(&pod, &Settings::default())), [key]);
            }
        }
    }

    #[test]
    fn all_are_told_at_once() {
        let pod = pod(&MANAGED.map(|key| (key, "x")));
        assert_eq!(keys(&check(&pod, &Settings::default())), MANAGED);
    }

    #[test]
    fn the_value_is_not_repeated() {
        let pod = pod(&MANAGED.map(|key| (key, "secret-password")));
        for text in texts(&check(&pod, &Settings::default())) {
            assert!(!text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn a_users_own_annotations_are_fine() {
        let pod = pod(&[("interlink.eu/pod-vpn", "x"), ("JobID", "x")]);
        assert_eq!(check(&pod, &Settings::default()), []);
    }
}
