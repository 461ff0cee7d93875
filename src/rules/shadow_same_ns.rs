//! # shadow-same-ns
//!
//! ## What it refuses
//!
//! A value of `interlink.eu/shadow-same-ns` other than `true`, to the letter.
//!
//! ## Why
//!
//! interLink looks for exactly `true`. With `yes` or `True` it makes the tunnel's shadow pod in
//! `<pod's namespace>-wstunnel` all the same.
//!
//! ## How to mend it
//!
//! Write `"true"`, with the quotes, to have the shadow pod in the pod's own namespace. Leave the annotation out to have
//! it in a namespace of its own. The policy's `trustedWriters` must trust the controllers that make it there.
//!
//! ## Refused
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/shadow-same-ns: "yes"
//! spec:
//!   containers:
//!     - {name: web, image: nginx, ports: [{containerPort: 80}]}
//! ```
//!
//! ## Accepted
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/shadow-same-ns: "true"
//! spec:
//!   containers:
//!     - {name: web, image: nginx, ports: [{containerPort: 80}]}
//! ```

use super::{Finding, OF_PODS, Rule};
use crate::annotations::SHADOW_SAME_NS;
use crate::settings::{Level, Settings};
use crate::subject::Subject;
use crate::text::quote;

pub(super) const RULE: Rule = Rule {
    id: "shadow-same-ns",
    refuses: "`shadow-same-ns` with a value other than `true`",
    default_level: Level::Warn,
    about_writers: false,
    subjects: OF_PODS,
    check,
};

fn check<'s>(subject: &'s Subject<'_>, _: &Settings<'_>) -> Vec<Finding<'s>> {
    let wrong = subject.get(SHADOW_SAME_NS).filter(|annotation| annotation.value != "true");
    let finding = wrong.map(|annotation| {
        let problem = format!("is {}, which has no effect, as every value but \"true\"", quote(&annotation.value));
        let mend = "write \"true\" to have the tunnel's shadow pod in the pod's namespace, or remove the annotation";
        Finding::of_value(annotation, problem, mend)
    });
    finding.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::*;

    #[test]
    fn true_is_the_only_value() {
        for (value, count) in [("true", 0), ("True", 1), (" true", 1), ("yes", 1), ("", 1), ("false", 1)] {
            let pod = pod(&[(SHADOW_SAME_NS, value)]);
            assert_eq!(check(&pod, &Settings::default()).len(), count, "{value:?}");
        }
    }
}
