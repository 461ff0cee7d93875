//! Errors of the TOML library, in the words of this command.

use interlink_annotations_policy::response::show_name;
use interlink_audit::suggestion::closest;
use toml::Table;
use toml::de::Error;

/// Returns the line of an error, counted from 0, if it is known.
pub(crate) fn line(error: &Error, text: &str) -> Option<usize> {
    error.span().map(|span| text[..span.start].matches('\n').count())
}

/// Describes an error: the field, the problem and the fix.
pub(crate) fn describe(error: &Error, text: &str) -> String {
    let field = line(error, text).and_then(|line| text.lines().nth(line)).and_then(field).unwrap_or_default();
    let table: Table = toml::from_str(text).unwrap_or_default();
    let is_table = table.get("exceptions").is_some_and(toml::Value::is_table);
    format!("{field}{}{}", reworded(error.message()), if is_table { "; write [[exceptions]]" } else { "" })
}

/// Returns the name of the field or table on a line, as the beginning of a message.
fn field(line: &str) -> Option<String> {
    let table = || line.trim().strip_prefix('[')?.strip_suffix(']');
    let name = line.split_once('=').map(|(name, _)| name).or_else(table)?.trim_matches(['[', ']']);
    Some(format!("{}: ", show_name(name.trim())))
}

/// Rewords a message of the library. It has names and numbers in backticks.
fn reworded(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let name = quoted.next().unwrap_or_default();
    if let Some(text) = message.strip_prefix("invalid type: ")
        && let Some((actual, expected)) = text.split_once(", expected ")
    {
        return format!("must be {}, but is {}", expected.replace("a sequence", "a list"), with_article(actual));
    }
    // An enum could also be a table.
    if message == "wanted string or table" {
        return "must be a string".to_owned();
    }
    match message.split_once(" `") {
        Some(("missing field", _)) => format!("has no field {name}"),
        Some(("unknown field", _)) => format!("is not a field; {}", suggestion(name, &quoted.collect::<Vec<_>>())),
        Some(("unknown variant", _)) => format!("is {name:?}; {}", suggestion(name, &quoted.collect::<Vec<_>>())),
        _ => message.to_owned(),
    }
}

/// Returns the library's description of a value with an article.
fn with_article(value: &str) -> String {
    match value {
        "map" => "a table".to_owned(),
        "sequence" => "a list".to_owned(),
        _ => format!("the {}", value.replace('`', "").replace("floating point", "floating-point number")),
    }
}

/// Suggests a known name.
fn suggestion(name: &str, known: &[&str]) -> String {
    match closest(name, known.iter().copied()) {
        Some(name) => format!("did you mean {name}?"),
        None => format!("use one of {}", known.join(", ")),
    }
}
