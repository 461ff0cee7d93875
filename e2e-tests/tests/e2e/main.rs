//! Runs the policy's module in the runtime that Kubewarden uses, and the same code natively: their responses must be
//! equal.
//!
//! `cases/` holds the cases as data, one file for each topic; [`case::Case`] documents their fields.

mod case;
mod examples;
mod fuzz_corpus;
mod go_oracles;
mod limits;
mod log;
mod match_conditions;
mod model;
mod pod_lifecycle;
mod properties;
mod vap;

use std::env;
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
    // `make fuzz` needs the inputs as files, `make fuzz-corpus` writes the corpora.
    let conversions = [("FUZZ_UNPACK", fuzz_corpus::unpack as fn(&Path) -> _), ("FUZZ_PACK", fuzz_corpus::pack)];
    for (variable, convert) in conversions {
        if let Some(folder) = env::var_os(variable) {
            return match convert(Path::new(&folder)) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("{}", error.message().unwrap_or("failed"));
                    ExitCode::FAILURE
                }
            };
        }
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
    let trials = cases.chain(tests).chain(fuzz_corpus::trials()).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: String, test: impl FnOnce(&DualPolicy) -> Result<(), String> + Send + 'static) -> Trial {
    Trial::test(name, move || POLICY.with(test).map_err(Failed::from))
}
