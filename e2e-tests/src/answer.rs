//! What every answer must be, whatever the request.

use serde_json::Value;

/// Whether a text has a character that could steer a terminal or turn the line around.
fn steers(text: &str) -> bool {
    text.chars().any(|c| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
}

/// Makes sure that the message and the warnings of an answer can be shown.
///
/// # Errors
/// A text that is too long, or steers.
pub fn check_texts(answer: &Value) -> Result<(), String> {
    let warnings = answer["warnings"].as_array().into_iter().flatten();
    let limits = warnings.map(|warning| (warning, 256)).chain([(&answer["message"], 1_999)]);
    for (text, longest) in limits.filter_map(|(text, longest)| Some((text.as_str()?, longest))) {
        if text.chars().count() > longest || steers(text) {
            return Err(format!("a message or warning is too long or steers: {text:?}"));
        }
    }
    Ok(())
}
