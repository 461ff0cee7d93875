//! What there is to look up: the rules and the annotations, in Markdown.

use interlink_annotations_policy::annotations::{Author, Belongs, CATALOGUE, Known};
use interlink_annotations_policy::rules::{RULES, documentation};

/// Every rule with its documentation, as chapters of one text.
pub fn rules() -> String {
    let head = "# Rules\n\nMost examples are fragments of a manifest. Those under *Refused* break the rule, those under \
                *Accepted* break none.\n\n";
    let chapters = RULES.iter().filter_map(|rule| self::rule(rule.id));
    let chapters: Vec<_> = chapters.map(|text| format!("#{}", text.replace("\n## ", "\n### "))).collect();
    head.to_owned() + &chapters.join("\n")
}

/// A rule's documentation, with its level.
pub fn rule(id: &str) -> Option<String> {
    let rule = RULES.iter().find(|rule| rule.id == id)?;
    let text = documentation(id)?;
    let (title, body) = text.split_once('\n')?;
    Some(format!("{title}\n\nLevel: {}, unless the settings say otherwise.\n{body}", rule.default_level.name()))
}

/// The catalogue as a table.
pub fn annotations() -> String {
    let rows = CATALOGUE.iter().map(|known| {
        let Known { key, does, since, .. } = known;
        let (author, belongs, since) = (author(known), belongs(known), since.unwrap_or(""));
        format!("| `{key}` | {author} | {belongs} | {since} | {does} |\n")
    });
    "| annotation | written by | on | since interLink | what it is |\n|---|---|---|---|---|\n".to_owned()
        + &rows.collect::<String>()
}

fn author(known: &Known) -> &'static str {
    match known.author {
        Author::User => "you",
        Author::InterLink => "interLink",
        Author::Either => "you or interLink",
    }
}

fn belongs(known: &Known) -> &'static str {
    match known.belongs {
        Belongs::Pod => "pod",
        Belongs::Node => "node",
        Belongs::ShadowTemplate => "shadow Deployment's template",
    }
}
