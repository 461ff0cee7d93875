//! The reference of rules and annotations, as Markdown and as plain text.

use interlink_annotations_policy::RuleId;
use interlink_annotations_policy::annotations::{AnnotationInfo, AppliesTo, Author, CATALOGUE, Lookup, look_up};
use interlink_annotations_policy::kinds::Role;
use interlink_annotations_policy::rules::{self, RULES, Rule};

use crate::messages;

/// Returns the documentation of all rules, as one Markdown text.
pub fn rules() -> String {
    "# Rules\n\n".to_owned() + &chapters()
}

/// Returns the documentation of all rules, a chapter for each.
pub(crate) fn chapters() -> String {
    let head = "Most examples are fragments of a manifest. Those under *Refused* violate the rule; those under *Accepted*\n\
                violate none. The names and values in the messages are examples.\n\n";
    let chapters = RULES.iter().map(chapter).chain(SUBSTITUTES.iter().map(substitute));
    let chapters: Vec<_> = chapters.map(|text| format!("#{}", text.replace("\n## ", "\n### "))).collect();
    head.to_owned() + &chapters.join("\n")
}

/// Returns the Markdown documentation of the rule with this id, or of what reports show in its place, if there is one.
pub fn rule(id: &str) -> Option<String> {
    match RuleId::find(id) {
        Some(id) => Some(chapter(rules::get(id))),
        None => SUBSTITUTES.iter().find(|(name, _)| *name == id).map(substitute),
    }
}

/// What reports show in place of a rule's id, with its documentation.
const SUBSTITUTES: [(&str, &str); 2] =
    [(UNREADABLE, include_str!("unreadable.md")), (OMITTED, include_str!("omitted.md"))];

/// Stands for a rule if the policy cannot decode an object.
pub const UNREADABLE: &str = "unreadable";

/// Stands for the rules of findings that the policy's response leaves out.
pub const OMITTED: &str = "omitted";

/// Renders the documentation of what stands for a rule, with its messages, if it has some, before the section *Why*.
fn substitute((id, text): &(&str, &str)) -> String {
    if *id == UNREADABLE { with_messages(text, &messages::list(None)) } else { (*text).to_owned() }
}

/// Renders a rule's own documentation, with its properties at the head and its messages before the section *Why*.
fn chapter(rule: &Rule) -> String {
    let text = rules::documentation(rule.id);
    let (title, body) = text.split_once('\n').unwrap_or((&text, ""));
    let (level, code, targets) = (rule.id.default_level().as_str(), rule.code(), applies_to(rule));
    let properties = format!("Default level: {level}. Code of a refusal: {code}.\nApplies to: {targets}.");
    with_messages(&format!("{title}\n\n{properties}\n{body}"), &messages::list(Some(rule.id)))
}

/// Inserts a list of messages before the section *Why*.
fn with_messages(text: &str, messages: &str) -> String {
    text.replacen("\n## Why\n", &format!("\n## Messages\n\n{messages}\n## Why\n"), 1)
}

/// Returns the targets of a rule, as a phrase.
fn applies_to(rule: &Rule) -> String {
    let targets: Vec<_> = rule.roles().iter().map(|role| target(*role)).collect();
    let targets = match targets.as_slice() {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        targets => targets.concat(),
    };
    match rule.id {
        // Comparing a pod with those in the cluster is a step of its own, after the rules.
        RuleId::PodIpConflict => targets + "; with `cluster.podIPConflicts`, also pods and Bindings",
        _ => targets,
    }
}

fn target(role: Role) -> &'static str {
    match role {
        Role::Pod => "pods",
        Role::PodTemplate => "pod templates",
        Role::Binding => "Bindings",
        Role::Node => "Nodes",
        Role::Workload => "workloads themselves",
    }
}

/// Returns the ids of all rules, separated by commas.
pub fn rule_ids() -> String {
    RuleId::list()
}

/// Returns a list of all rules in aligned columns of plain text.
pub fn rule_list() -> String {
    let rows = RULES.iter().map(|rule| [rule.id.as_str(), rule.id.default_level().as_str(), rule.refuses]);
    columns(["RULE", "DEFAULT", "REFUSES"], rows)
}

/// Returns a list of all annotations that interLink knows, in aligned columns of plain text.
pub fn annotation_list() -> String {
    let rows = CATALOGUE.iter().map(|annotation| {
        let AnnotationInfo { key, summary, since, .. } = annotation;
        [key, author(annotation), object(annotation), since.unwrap_or("-"), summary]
    });
    columns(["ANNOTATION", "WRITTEN BY", "ON", "SINCE", "PURPOSE"], rows)
}

/// Aligns the columns of rows. The last column may contain Markdown.
pub fn columns<const N: usize>(heading: [&'static str; N], rows: impl Iterator<Item = [&'static str; N]>) -> String {
    let rows: Vec<_> = [heading].into_iter().chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or_default();
    let line = |row: &[&str; N]| {
        let cells = row[..N - 1].iter().enumerate().map(|(column, cell)| format!("{cell:0$}  ", width(column)));
        format!("{}{}\n", cells.collect::<String>(), plain(row[N - 1]))
    };
    rows.iter().map(line).collect()
}

/// Returns the rules that name an annotation in the section about what they refuse.
pub fn rules_about(key: &str) -> Vec<RuleId> {
    let (domain, name) = key.rsplit_once('/').unwrap_or(("", key));
    let spellings = [format!("`{key}`"), format!("`{name}`"), format!("`{domain}/*`")];
    let is_named = |text: &str| spellings.iter().any(|spelling| text.contains(spelling));
    let rules = RULES.iter().map(|rule| rule.id).filter(|id| is_named(what_it_refuses(&rules::documentation(*id))));
    let named: Vec<_> = rules.collect();
    match look_up(key.as_bytes()) {
        // The key matches a pattern.
        Lookup::Known(info) if named.is_empty() && info.author != Author::User => vec![RuleId::ManagedAnnotations],
        Lookup::Unknown => vec![RuleId::UnknownAnnotation],
        Lookup::Known(_) => named,
        Lookup::Unrelated if key.contains('/') => named,
        Lookup::Unrelated => Vec::new(),
    }
}

/// Returns the first section of a rule's documentation.
fn what_it_refuses(documentation: &str) -> &str {
    documentation.split("\n## ").nth(1).unwrap_or_default()
}

/// Returns a Markdown table of all rules, with links to docs/rules.md from the repository's root.
pub fn rules_table() -> String {
    let rows = RULES.iter().map(|rule| {
        let (id, level) = (rule.id, rule.id.default_level().as_str());
        format!("| [`{id}`](docs/rules.md#{id}) | {} | {level} |\n", rule.refuses)
    });
    "| rule | reports | default |\n|---|---|---|\n".to_owned() + &rows.collect::<String>()
}

/// Returns a Markdown table of all annotations that interLink knows.
pub fn annotations_table() -> String {
    let rows = CATALOGUE.iter().map(|annotation| {
        let AnnotationInfo { key, summary, since, .. } = annotation;
        let (author, object) = (author(annotation), object(annotation));
        format!("| `{key}` | {author} | {object} | {} | {summary} |\n", since.unwrap_or_default())
    });
    "| annotation | written by | on | since interLink | purpose |\n|---|---|---|---|---|\n".to_owned()
        + &rows.collect::<String>()
}

fn author(annotation: &AnnotationInfo) -> &'static str {
    match annotation.author {
        Author::User => "user",
        Author::InterLink => "interLink",
        Author::Either => "user or interLink",
    }
}

fn object(annotation: &AnnotationInfo) -> &'static str {
    match annotation.applies_to {
        AppliesTo::Pod => "pod",
        AppliesTo::Node => "node",
        AppliesTo::ShadowTemplate => "shadow Deployment's template",
    }
}

/// Removes the backticks of Markdown.
pub fn plain(markdown: &str) -> String {
    markdown.replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_properties_and_messages_of_a_rule() {
        let text = rule("managed-annotations").unwrap();
        let head = "# managed-annotations\n\nDefault level: Deny. Code of a refusal: 403.\n\
                    Applies to: pods, pod templates, Bindings and Nodes.\n\n## What it refuses\n";
        assert!(text.starts_with(head), "{text}");
        let headings: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("## ")).take(3).collect();
        assert_eq!(headings, ["What it refuses", "Messages", "Why"]);
        assert!(rule("unreadable").unwrap().contains("\n## Messages\n\n- `request.object."));
        assert!(rule("omitted").unwrap().starts_with("# omitted\n") && rule("x").is_none());
        assert!(
            rule("pod-ip-conflict").unwrap().contains("to: pod templates; with `cluster.podIPConflicts`, also pods")
        );
    }

    #[test]
    fn finds_the_rules_about_an_annotation() {
        for (key, rule) in [
            ("JobID", RuleId::JobId),
            ("interlink.eu/pod-ip", RuleId::PodIpConflict),
            ("interlink.eu/rathole-client-commands", RuleId::ManagedAnnotations),
            ("interlink.eu/pod-vpm", RuleId::UnknownAnnotation),
            ("slurm-job.vk.io/pre-exec", RuleId::PluginAnnotations),
        ] {
            assert!(rules_about(key).contains(&rule), "{key}: {:?}", rules_about(key));
        }
        for key in ["pod-vpn", "job_id", "example.org/x", ""] {
            assert_eq!(rules_about(key), [], "{key}");
        }
        for annotation in &CATALOGUE {
            assert_ne!(rules_about(annotation.key), [], "{}", annotation.key);
        }
    }
}
