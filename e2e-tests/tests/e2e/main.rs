//! Runs the policy's module in the runtime that Kubewarden uses, and the same code natively: their responses must be
//! equal.
//!
//! `cases/` holds the cases as data, one file for each topic; [`case::Case`] documents their fields.

mod case;
mod examples;
mod go_oracles;
mod limits;
mod log;
mod match_conditions;
mod model;
mod pod_lifecycle;
mod properties;
mod vap;

use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use interlink_e2e_tests::dual_policy::DualPolicy;
use libtest_mimic::{Arguments, Failed, Trial};

/// A test with its name.
type Test = (&'static str, fn(&DualPolicy) -> Result<(), String>);

thread_local! {
    /// A module has one memory, so each thread needs its own.
    static POLICY: DualPolicy = DualPolicy::load();
}

fn main() -> ExitCode {
    if let Some(folder) = env::var_os("FUZZ_CORPUS") {
        write_corpus(Path::new(&folder));
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::from_args();
    let cases = case::all().into_iter().map(|(name, case)| trial(name, move |policy| case.run(policy)));
    let tests = [
        pod_lifecycle::TESTS,
        examples::TESTS,
        go_oracles::TESTS,
        limits::TESTS,
        log::TESTS,
        match_conditions::TESTS,
        model::TESTS,
        properties::TESTS,
        vap::TESTS,
    ];
    let tests = tests.into_iter().flatten().map(|(name, test)| trial((*name).to_owned(), test));
    libtest_mimic::run(&arguments, cases.chain(tests).collect()).exit_code()
}

fn trial(name: String, test: impl FnOnce(&DualPolicy) -> Result<(), String> + Send + 'static) -> Trial {
    Trial::test(name, move || POLICY.with(test).map_err(Failed::from))
}

/// Writes the fuzz targets' seed corpora, one folder for each waPC function and one for the durations.
fn write_corpus(folder: &Path) {
    let calls =
        case::all().into_iter().map(|(name, case)| case.call().unwrap_or_else(|error| panic!("{name}: {error}")));
    let durations = go_oracles::durations().map(|(text, _)| ("durations", text));
    for (index, (target, text)) in calls.chain(durations).enumerate() {
        fs::create_dir_all(folder.join(target)).unwrap();
        fs::write(folder.join(target).join(format!("case-{index}")), text).unwrap();
    }
}
