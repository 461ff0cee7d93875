//! The reference of rules and annotations, as Markdown and as plain text.

use interlink_annotations_policy::annotations::{Author, Belongs, CATALOGUE, Known};
use interlink_annotations_policy::rules::{self, RULES, documentation};

/// Returns the documentation of all rules, as chapters of one Markdown text.
pub fn rules() -> String {
    let head = "# Rules\n\nMost examples are fragments of a manifest. Those under *Refused* violate the rule; those \
                under *Accepted* violate none.\n\n";
    let chapters = RULES.iter().filter_map(|rule| self::rule(rule.id));
    let chapters: Vec<_> = chapters.map(|text| format!("#{}", text.replace("\n## ", "\n### "))).collect();
    head.to_owned() + &chapters.join("\n")
}

/// Returns the Markdown documentation of the rule with this id, if there is one.
pub fn rule(id: &str) -> Option<String> {
    let rule = RULES.iter().find(|rule| rule.id == id)?;
    let text = documentation(id)?;
    let (title, body) = text.split_once('\n')?;
    Some(format!("{title}\n\nDefault level: {}.\n{body}", rule.default_level.name()))
}

/// Returns the ids of all rules, separated by commas.
pub fn rule_ids() -> String {
    rules::ids()
}

/// Returns a list of all rules in aligned columns of plain text.
pub fn rule_list() -> String {
    let width = RULES.iter().map(|rule| rule.id.len()).max().unwrap_or_default();
    let row = |id, level, refuses: &str| format!("{id:width$}  {level:6}  {refuses}\n");
    let rows = RULES.iter().map(|rule| row(rule.id, rule.default_level.name(), &plain(rule.refuses)));
    [row("RULE", "LEVEL", "REFUSES")].into_iter().chain(rows).collect()
}

/// Returns a Markdown table of all rules, with links to docs/rules.md from the repository's root.
pub fn rules_table() -> String {
    let rows = RULES.iter().map(|rule| {
        let (id, level) = (rule.id, rule.default_level.name());
        format!("| [`{id}`](docs/rules.md#{id}) | {} | {level} |\n", rule.refuses)
    });
    "| rule | refuses | default |\n|---|---|---|\n".to_owned() + &rows.collect::<String>()
}

/// Returns a Markdown table of all annotations that interLink knows.
pub fn annotations_table() -> String {
    let rows = CATALOGUE.iter().map(|annotation| {
        let Known { key, does, since, .. } = annotation;
        let (author, object) = (author(annotation), object(annotation));
        format!("| `{key}` | {author} | {object} | {} | {does} |\n", since.unwrap_or_default())
    });
    "| annotation | written by | on | since interLink | purpose |\n|---|---|---|---|---|\n".to_owned()
        + &rows.collect::<String>()
}

fn author(annotation: &Known) -> &'static str {
    match annotation.author {
        Author::User => "user",
        Author::InterLink => "interLink",
        Author::Either => "user or interLink",
    }
}

fn object(annotation: &Known) -> &'static str {
    match annotation.belongs {
        Belongs::Pod => "pod",
        Belongs::Node => "node",
        Belongs::ShadowTemplate => "shadow Deployment's template",
    }
}

/// Removes the backticks of Markdown.
pub(crate) fn plain(markdown: &str) -> String {
    markdown.replace('`', "")
}
