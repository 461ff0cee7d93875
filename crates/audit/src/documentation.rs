//! Links to the documentation of rules.

use crate::cross_checks::Check;

const METADATA: &str = include_str!("../../../policy-metadata.yml");

/// Returns the link to the documentation of a rule or a check across objects: an address in the repository of this
/// version, or only the path as long as policy-metadata.yml has the example's address.
pub(crate) fn link(rule: &str) -> String {
    let page = if Check::find(rule).is_some() { "cli" } else { "rules" };
    let page = format!("docs/{page}.md#{rule}");
    match repository() {
        Some(repository) => format!("{repository}/blob/v{}/{page}", env!("CARGO_PKG_VERSION")),
        None => page,
    }
}

/// Returns the address of the repository.
pub(crate) fn repository() -> Option<&'static str> {
    let source = METADATA.lines().find_map(|line| line.trim_start().strip_prefix("io.kubewarden.policy.source: "))?;
    (!source.contains("example.org")).then_some(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_the_heading_of_a_rule() {
        assert!(link("node-range").ends_with("docs/cli.md#node-range"));
        let link = link("job-id");
        let start = repository().map(|repository| repository.to_owned() + "/blob/v").unwrap_or_default();
        assert!(link.starts_with(&start) && link.ends_with("docs/rules.md#job-id"), "{link}");
        assert!(METADATA.contains("io.kubewarden.policy.source: https://"));
    }
}
