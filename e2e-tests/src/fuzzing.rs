//! The properties that fuzzing checks. `make fuzz` checks them for bytes that libFuzzer chooses, `make test` for those in
//! `fuzz/corpus`.
//!
//! To add one, list it here and in `fuzz/Cargo.toml`, write `fuzz/fuzz_targets/NAME.rs`, and run it in the Makefile. If it
//! tests another crate than the policy and json-scan, list that crate in `fuzz/instrument`, and optimize it in
//! `fuzz/Cargo.toml`.

mod durations;
mod escapes;
mod field_ownership;
mod json_scan;
mod module_vs_native;
mod payload;
mod settings;
mod validate;

/// A function that panics if a property does not hold for some bytes.
pub type Check = fn(&[u8]);

/// The checks, by the names of their fuzz targets.
pub const CHECKS: [(&str, Check); 7] = [
    ("durations", durations::check),
    ("escapes", escapes::check),
    ("field_ownership", field_ownership::check),
    ("json_scan", json_scan::check),
    ("module_vs_native", module_vs_native::check),
    ("validate", validate::check),
    ("validate_settings", settings::check),
];

/// Checks the property of a fuzz target.
///
/// # Panics
/// If the property does not hold, or there is no such target.
pub fn check(target: &str, bytes: &[u8]) {
    let (_, check) = CHECKS.iter().find(|(name, _)| *name == target).expect("the target is in the list");
    check(bytes);
}
