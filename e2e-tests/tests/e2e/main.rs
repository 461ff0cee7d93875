//! The module in the runtime that Kubewarden uses, and the same code natively: both must give one answer.
//!
//! `cases/` holds the cases as data, a file for each topic; `case.rs` says what a case looks like.

mod case;
mod examples;
mod generated;
mod life;
mod match_conditions;

use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use interlink_e2e_tests::both::Both;

thread_local! {
    /// A module has one memory, so that each thread needs its own.
    static BOTH: Both = Both::load();
}

fn main() -> ExitCode {
    if let Some(folder) = env::var_os("FUZZ_CORPUS") {
        write_corpus(Path::new(&folder));
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::from_args();
    let cases = case::all().into_iter().map(|(name, case)| trial(name, move |both| case.run(both)));
    let tests = generated::TESTS.into_iter().chain(match_conditions::TESTS);
    let tests = tests.map(|(name, test)| trial(name.to_owned(), test));
    let told = [
        trial("the life of a pod".to_owned(), life::life_of_a_pod),
        trial("the examples of the documentation".to_owned(), examples::of_the_documentation),
    ];
    libtest_mimic::run(&arguments, cases.chain(tests).chain(told).collect()).exit_code()
}

fn trial(name: String, test: impl FnOnce(&Both) -> Result<(), String> + Send + 'static) -> Trial {
    Trial::test(name, move || BOTH.with(test).map_err(Failed::from))
}

/// Writes what the fuzzer begins with: for each of its targets, a folder of payloads or texts.
fn write_corpus(folder: &Path) {
    let calls =
        case::all().into_iter().map(|(name, case)| case.call().unwrap_or_else(|error| panic!("{name}: {error}")));
    let durations = generated::go_durations().map(|(text, _)| ("durations", text));
    for (index, (target, text)) in calls.chain(durations).enumerate() {
        fs::create_dir_all(folder.join(target)).unwrap();
        fs::write(folder.join(target).join(format!("case-{index}")), text).unwrap();
    }
}
