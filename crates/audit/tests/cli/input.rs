//! Input that tries to hide an object, or to use up memory and time.

use super::run;

const EVIL: &str =
    r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "evil", "annotations": {"JobID": "1"}}}"#;

#[test]
fn finds_the_items_of_a_list_whose_names_have_escapes() {
    let head = r#""apiVersion": "v1", "kind": "List""#;
    for fields in [
        format!(r#""items": [], "it\u0065ms": [{EVIL}]"#),
        format!(r#""it\u0065ms": [{EVIL}], "items": []"#),
        format!(r#""it\u0065ms": [{EVIL}]"#),
    ] {
        let text = format!("{{{head}, {fields}}}");
        assert_ne!(run(&[("list.json", &text)], &["check", "list.json"]).0, 0, "{text}");
    }
}
