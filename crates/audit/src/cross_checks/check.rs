//! The checks, and their documentation, which is a part of docs/cli.md.

use interlink_annotations_policy::Level;

use crate::documentation;
use crate::outcome::Finding;

const PAGE: &str = include_str!("../../../../docs/cli.md");

/// A check across objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Several pods have one address.
    DuplicatePodIp,
    /// A pod runs on a virtual node without a `JobID`.
    JobNotTracked,
    /// A pod runs on a virtual node with the VPN, but without an address.
    PodIpNotAssigned,
    /// The range of a virtual node overlaps that of another one, or is not in the configured ranges.
    NodeRange,
}

impl Check {
    /// All checks.
    pub const ALL: [Self; 4] = [Self::DuplicatePodIp, Self::JobNotTracked, Self::PodIpNotAssigned, Self::NodeRange];

    /// Returns the id, which findings have in place of a rule's id.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DuplicatePodIp => "duplicate-pod-ip",
            Self::JobNotTracked => "job-not-tracked",
            Self::PodIpNotAssigned => "pod-ip-not-assigned",
            Self::NodeRange => "node-range",
        }
    }

    /// Finds a check by its id.
    pub fn find(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|check| check.as_str() == id)
    }

    /// Returns what the check reports, as a phrase for tables.
    pub fn summary(self) -> &'static str {
        match self {
            Self::DuplicatePodIp => "`pod-ip` that another pod has too",
            Self::JobNotTracked => "a running pod on a virtual node that has no `JobID`",
            Self::PodIpNotAssigned => "a running pod on a virtual node that has the VPN, but no `pod-ip`",
            Self::NodeRange => {
                "a virtual node's `podCIDR` that overlaps another's, or is outside the configured ranges"
            }
        }
    }

    /// Returns the Markdown documentation.
    pub fn documentation(self) -> String {
        format!("# {}\n\n{}\n", self.as_str(), self.section())
    }

    /// Returns why the check exists, as Markdown.
    pub(crate) fn why(self) -> String {
        self.paragraph(1)
    }

    /// Returns how to fix the problem, as Markdown.
    pub(crate) fn how_to_fix(self) -> String {
        self.paragraph(2)
    }

    /// Creates a finding about a field, or about an annotation if there is a key.
    pub(super) fn finding(
        self,
        path: &str,
        key: Option<&str>,
        line: Option<usize>,
        problem: String,
        fix: &str,
    ) -> Finding {
        Finding {
            rule: Some(self.as_str().to_owned()),
            level: Level::Warn,
            path: path.to_owned(),
            key: key.map(str::to_owned),
            problem,
            fix: fix.to_owned(),
            line,
            documentation: Some(documentation::link(self.as_str())),
        }
    }

    fn paragraph(self, index: usize) -> String {
        self.section().split("\n\n").nth(index).unwrap_or_default().replace('\n', " ")
    }

    /// Returns the section of the page: what the check reports, why, and how to fix it, each in a paragraph.
    fn section(self) -> &'static str {
        let text = PAGE.split_once(&format!("\n### {}\n", self.as_str())).map_or("", |(_, text)| text);
        let end = text.find("\n##").unwrap_or(text.len());
        text[..end].trim()
    }
}

#[cfg(test)]
mod tests {
    use interlink_annotations_policy::RuleId;

    use super::*;

    #[test]
    fn every_check_is_documented_and_has_an_id_of_its_own() {
        for check in Check::ALL {
            assert_eq!(Check::find(check.as_str()), Some(check));
            assert_eq!(RuleId::find(check.as_str()), None);
            assert_eq!(check.section().split("\n\n").count(), 3, "{check:?} needs what, why and a fix");
            assert!(check.how_to_fix().len() <= 1024 && check.why().len() <= 1024, "SARIF's limit");
        }
    }
}
