//! Checks that the generated blocks are those that the rules' own files give.

use std::path::Path;

#[test]
fn generated_files_are_up_to_date() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    for page in interlink_generate::pages(root).unwrap() {
        assert!(page.current == page.generated, "{} is stale; run: make generate", page.path.display());
    }
}
