//! The reference of rules and annotations, as Markdown and as plain text.

use interlink_annotations_policy::RuleId;
use interlink_annotations_policy::annotations::{AnnotationInfo, AppliesTo, Author, CATALOGUE};
use interlink_annotations_policy::rules::{self, RULES, Rule};

/// Returns the documentation of all rules, as chapters of one Markdown text.
pub fn rules() -> String {
    let head = "# Rules\n\nMost examples are fragments of a manifest. Those under *Refused* violate the rule; those \
                under *Accepted* violate none.\n\n";
    let chapters: Vec<_> =
        RULES.iter().map(chapter).map(|text| format!("#{}", text.replace("\n## ", "\n### "))).collect();
    head.to_owned() + &chapters.join("\n")
}

/// Returns the Markdown documentation of the rule with this id, if there is one.
pub fn rule(id: &str) -> Option<String> {
    RuleId::find(id).map(|id| chapter(rules::get(id)))
}

fn chapter(rule: &Rule) -> String {
    let text = rules::documentation(rule.id);
    let (title, body) = text.split_once('\n').unwrap_or((&text, ""));
    format!("{title}\n\nDefault level: {}.\n{body}", rule.id.default_level().as_str())
}

/// Returns the ids of all rules, separated by commas.
pub fn rule_ids() -> String {
    RuleId::list()
}

/// Returns a list of all rules in aligned columns of plain text.
pub fn rule_list() -> String {
    let width = RULES.iter().map(|rule| rule.id.as_str().len()).max().unwrap_or_default();
    let row = |id: &str, level: &str, refuses: &str| format!("{id:width$}  {level:6}  {refuses}\n");
    let rows = RULES.iter().map(|rule| row(rule.id.as_str(), rule.id.default_level().as_str(), &plain(rule.refuses)));
    [row("RULE", "LEVEL", "REFUSES")].into_iter().chain(rows).collect()
}

/// Returns a Markdown table of all rules, with links to docs/rules.md from the repository's root.
pub fn rules_table() -> String {
    let rows = RULES.iter().map(|rule| {
        let (id, level) = (rule.id, rule.id.default_level().as_str());
        format!("| [`{id}`](docs/rules.md#{id}) | {} | {level} |\n", rule.refuses)
    });
    "| rule | refuses | default |\n|---|---|---|\n".to_owned() + &rows.collect::<String>()
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
