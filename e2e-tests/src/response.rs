//! Properties that every `ValidationResponse` must have, and what the tests read from one.

use serde_json::Value;

/// The longest warning that Kubernetes passes on whole, in characters.
const MAX_WARNING: usize = 256;

/// The longest message, in characters.
const MAX_MESSAGE: usize = 1_999;

/// Checks that the message and the warnings of a response are short and safe to print.
///
/// # Errors
/// A text that is too long, or that could control a terminal or reverse the direction of writing.
pub fn check_texts(response: &Value) -> Result<(), String> {
    let warnings = response["warnings"].as_array().into_iter().flatten();
    let limits = warnings.map(|warning| (warning, MAX_WARNING)).chain([(&response["message"], MAX_MESSAGE)]);
    for (text, limit) in limits.filter_map(|(text, limit)| Some((text.as_str()?, limit))) {
        if text.chars().count() > limit {
            return Err(format!("a message or warning has more than {limit} characters: {text:?}"));
        }
        if text.chars().any(is_unsafe) {
            return Err(format!("a message or warning contains control characters: {text:?}"));
        }
    }
    Ok(())
}

/// Whether a character could control a terminal or reverse the direction of writing.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Returns the ids of the rules that a response reports, as violations or as warnings.
pub fn rule_ids(response: &Value) -> Vec<&str> {
    ["violations", "warnings"]
        .into_iter()
        .filter_map(|annotation| response["audit_annotations"][annotation].as_str())
        .flat_map(|ids| ids.split(','))
        .collect()
}
