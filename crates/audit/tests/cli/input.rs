//! Input that tries to hide an object, or to use up memory and time.

use std::fs;

use super::{command, outcome, run};

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

#[cfg(target_os = "linux")]
#[test]
fn reads_a_file_whose_name_is_not_utf8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = tempfile::tempdir().unwrap();
    let manifests = folder.path().join("m");
    fs::create_dir(&manifests).unwrap();
    fs::write(manifests.join(OsStr::from_bytes(b"\xFF.yaml")), EVIL).unwrap();
    fs::write(manifests.join("\u{FFFD}.yaml"), super::GOOD).unwrap();
    let (code, table, errors) = outcome(command(folder.path(), &["check", "m"]).output().unwrap());
    assert_eq!((code, errors.as_str()), (1, ""), "{table}");
    assert!(table.contains("m/\u{FFFD}.yaml:1"), "{table}");
}
