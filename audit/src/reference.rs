//! What there is to look up: the rules and the annotations, in Markdown.

use interlink_annotations_policy::annotations::{Author, Belongs, CATALOGUE, Known};
use interlink_annotations_policy::rules::{RULES, documentation};

/// Every rule with its documentation.
pub fn rules() -> String {
    let rules = RULES.iter().filter_map(|rule| {
        let text = documentation(rule.id)?;
        let (title, body) = text.split_once('\n')?;
        // The rules are chapters of one text.
        let (title, body) = (format!("#{title}"), body.replace("\n## ", "\n### "));
        Some(format!("{title}\n\nLevel: {} unless set\n{body}", rule.default_level.name()))
    });
    let head = "# Rules\n\n\
                Generated from the rules' own files in src/rules by `make docs`. A test runs each example: those under\n\
                *Refused* break the rule, those under *Accepted* break none. They leave out what does not matter.\n\n";
    head.to_owned() + &rules.collect::<Vec<_>>().join("\n")
}

/// The catalogue as a table.
pub fn annotations() -> String {
    let rows = CATALOGUE.iter().map(|known| {
        let Known { key, does, since, .. } = known;
        let (author, belongs, since) = (author(known), belongs(known), since.unwrap_or(""));
        format!("| `{key}` | {author} | {belongs} | {since} | {does} |\n")
    });
    "| annotation | written by | on | since | what it is |\n|---|---|---|---|---|\n".to_owned()
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
