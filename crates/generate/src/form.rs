//! The rules' part of Rancher's form.

use interlink_annotations_policy::rules::RULES;

use crate::reference::plain;

/// The longest line of a description, in characters: 120 where artifacthub-pkg.yml indents the questions by six.
const LINE_WIDTH: usize = 114;

/// Renders one question for each rule, as items of the form's list of questions.
pub(crate) fn rule_questions() -> String {
    let questions = RULES.iter().map(|rule| {
        let description = format!("What to do about {}.", plain(rule.refuses));
        format!(
            "- variable: rules.{id}\n  \
               label: {id}\n  \
               description: >-\n{description}  \
               group: Rules\n  \
               type: enum\n  \
               options: [Deny, Warn, Ignore]\n  \
               default: {level}\n",
            id = rule.id,
            level = rule.id.default_level().as_str(),
            description = wrapped(&description, "    "),
        )
    });
    questions.collect()
}

/// Breaks a text into lines for a folded YAML scalar, in which no character needs quotes.
fn wrapped(text: &str, indent: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= LINE_WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("{indent}{word}")),
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_long_lines_between_words() {
        let text = ["word"; 60].join(" ");
        let wrapped = wrapped(&text, "    ");
        assert!(wrapped.lines().all(|line| line.starts_with("    word") && line.len() <= LINE_WIDTH), "{wrapped}");
        assert_eq!(wrapped.split_whitespace().collect::<Vec<_>>().join(" "), text);
    }

    #[test]
    fn asks_one_question_for_each_rule() {
        let form: Vec<yaml_serde::Value> = yaml_serde::from_str(&rule_questions()).unwrap();
        assert_eq!(form.len(), RULES.len());
        for (question, rule) in form.iter().zip(&RULES) {
            let expected = format!("What to do about {}.", rule.refuses.replace('`', ""));
            assert_eq!(question["description"].as_str(), Some(&*expected));
            assert_eq!(question["variable"].as_str(), Some(&*format!("rules.{}", rule.id)));
            assert_eq!(question["default"].as_str(), Some(rule.id.default_level().as_str()));
        }
    }
}
