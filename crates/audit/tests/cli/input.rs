//! Input that tries to hide an object, or to use up memory and time.

use std::fs;
use std::path::Path;

use serde_json::Value;

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

/// Makes a link, and the folder that it is in.
#[cfg(unix)]
fn link(folder: &Path, target: &str, name: &str) {
    let name = folder.join(name);
    fs::create_dir_all(name.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(target, name).unwrap();
}

/// Runs `check` on the folder `m`, and returns the exit code and the files of the refused objects.
#[cfg(unix)]
fn check_folder(folder: &Path) -> (i32, Vec<String>) {
    let (code, report, errors) = outcome(command(folder, &["check", "--format", "json", "m"]).output().unwrap());
    let report: Value = serde_json::from_str(&report).unwrap_or_else(|_| panic!("{errors}"));
    let files = report["results"].as_array().unwrap().iter();
    (code, files.map(|result| result["file"].as_str().unwrap().to_owned()).collect())
}

#[cfg(unix)]
#[test]
fn reads_each_file_of_a_folder_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // A mounted ConfigMap, one of whose files is in a folder.
    fs::create_dir_all(folder.join("m/..2026_11_30/sub")).unwrap();
    for file in ["m/..2026_11_30/a.yaml", "m/..2026_11_30/sub/b.yaml", "m/..2026_11_30/unlinked.yaml"] {
        fs::write(folder.join(file), EVIL).unwrap();
    }
    for (target, name) in [("..2026_11_30", "..data"), ("..data/a.yaml", "a.yaml"), ("..data/sub", "sub")] {
        link(folder, target, &format!("m/{name}"));
    }
    let files = ["m/..2026_11_30/sub/b.yaml", "m/..2026_11_30/unlinked.yaml", "m/a.yaml"];
    assert_eq!(check_folder(folder), (1, files.map(str::to_owned).to_vec()));
}

#[cfg(unix)]
#[test]
fn does_not_let_a_link_hide_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir_all(folder.join("m/evil")).unwrap();
    fs::write(folder.join("m/evil/evil.yaml"), EVIL).unwrap();
    link(folder, "evil", "m/..data");
    assert_eq!(check_folder(folder), (1, vec!["m/evil/evil.yaml".to_owned()]));
}

#[cfg(unix)]
#[test]
fn follows_links_to_files_only() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for file in ["outside/evil.yaml", "m/.git/evil.yaml", "m/here.yaml"] {
        fs::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
        fs::write(folder.join(file), EVIL).unwrap();
    }
    link(folder, "../outside", "m/folder");
    link(folder, "/", "m/root.yaml");
    link(folder, "/dev/zero", "m/zero.yaml");
    link(folder, "../outside/evil.yaml", "m/linked.yaml");
    assert_eq!(check_folder(folder), (1, vec!["m/here.yaml".to_owned(), "m/linked.yaml".to_owned()]));
    link(folder, "none", "m/broken.yaml");
    let (_, _, errors) = outcome(command(folder, &["check", "m"]).output().unwrap());
    assert!(errors.starts_with("error: m/broken.yaml: does not exist"), "{errors}");
}

#[cfg(unix)]
#[test]
fn does_not_follow_links_in_circles() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for depth in 0..40 {
        for name in ["a", "b"] {
            link(folder, &format!("../{}", depth + 1), &format!("m/{depth}/{name}"));
        }
    }
    fs::create_dir(folder.join("m/40")).unwrap();
    fs::write(folder.join("m/40/evil.yaml"), EVIL).unwrap();
    assert_eq!(check_folder(folder), (1, vec!["m/40/evil.yaml".to_owned()]));
}

#[test]
fn matches_earlier_versions_in_the_namespace_of_the_request() {
    let evil = |namespace: &str| {
        format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: evil, annotations: {{JobID: '1'}}{namespace}}}\n")
    };
    let (unnamed, default, physics) = (evil(""), evil(", namespace: default"), evil(", namespace: physics"));
    let files = [("unnamed.yaml", &*unnamed), ("default.yaml", &default), ("physics.yaml", &physics)];
    for (old, new, evaluated_as) in [
        ("default.yaml", "unnamed.yaml", "creation"),
        ("unnamed.yaml", "default.yaml", "creation"),
        ("physics.yaml", "unnamed.yaml", "update"),
        ("unnamed.yaml", "physics.yaml", "update"),
        ("unnamed.yaml", "unnamed.yaml", "update"),
        ("default.yaml", "default.yaml", "update"),
    ] {
        let (_, table, _) = run(&files, &["check", "--old", old, "-n", "physics", new]);
        assert!(table.contains(&format!("{new}:1, {evaluated_as}")), "{old}: {table}");
    }
}

#[test]
fn reports_lists_that_are_nested_too_deeply() {
    let nested = format!(r#"{{"JobID": 1, "items": [{}{}]}} {EVIL}"#, "[".repeat(100_000), "]".repeat(100_000));
    let (code, table, errors) = run(&[("f.json", &nested)], &["check", "f.json"]);
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains("is nested more than 128 levels deep"), "{errors}");
    assert!(table.contains("1 refused, 0 accepted, 1 not evaluated"), "{table}");
}

#[cfg(unix)]
#[test]
fn refuses_devices_where_a_file_is_read_as_a_whole() {
    for flag in ["--policy", "--settings", "--old"] {
        let (code, _, errors) = run(&[("good.yaml", super::GOOD)], &["check", flag, "/dev/zero", "good.yaml"]);
        let error = "error: /dev/zero: is not a regular file; use - for standard input\n";
        assert_eq!((code, errors.as_str()), (2, error), "{flag}");
    }
    let (code, _, errors) = run(&[("good.yaml", super::GOOD)], &["check", "--module", "/dev/zero", "good.yaml"]);
    assert_eq!((code, errors.as_str()), (2, "error: /dev/zero: is not a regular file\n"));
}

#[test]
fn limits_files_that_are_read_as_a_whole() {
    let long = format!("# {}\n{}", "x".repeat(9 << 20), super::GOOD);
    let files = [("good.yaml", super::GOOD), ("long.yaml", &long)];
    let (code, _, errors) = run(&files, &["check", "--settings", "long.yaml", "good.yaml"]);
    assert_eq!((code, errors.as_str()), (2, "error: long.yaml: is larger than 8 MiB\n"));
    let (code, _, errors) = run(&files, &["check", "--policy", "long.yaml", "good.yaml"]);
    let error = "error: long.yaml:2: is larger than 8 MiB; write it as JSON, whose lists are read as streams\n";
    assert_eq!((code, errors.as_str()), (2, error));
}

#[cfg(target_os = "linux")]
#[test]
fn reads_a_pipe_that_the_user_names() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    std::io::Write::write_all(&mut writer, EVIL.as_bytes()).unwrap();
    drop(writer);
    let output = command(folder.path(), &["check", "/dev/stdin"]).stdin(reader).output().unwrap();
    assert_eq!(outcome(output).0, 1);
}
