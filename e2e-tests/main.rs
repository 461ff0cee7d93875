//! The module in the runtime that Kubewarden uses, and the same code natively: both must give one answer.
//!
//! `cases/` holds the cases as data, a file for each topic; `case.rs` says what a case looks like.

mod answer;
mod both;
mod case;
mod examples;
mod generated;
mod life;
mod request;

use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use both::Both;
use case::Case;

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
    let generated = generated::TESTS.map(|(name, test)| trial(name.to_owned(), test));
    let told = [
        trial("the life of a pod".to_owned(), life::life_of_a_pod),
        trial("the examples of the documentation".to_owned(), examples::of_the_documentation),
    ];
    let cases = cases().into_iter().map(|(name, case)| trial(name, move |both| case.run(both)));
    let trials = cases.chain(generated).chain(told).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: String, test: impl FnOnce(&Both) -> Result<(), String> + Send + 'static) -> Trial {
    Trial::test(name, move || BOTH.with(test).map_err(Failed::from))
}

/// Every case, with its topic and name.
fn cases() -> Vec<(String, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../e2e-tests/cases");
    let entries = fs::read_dir(folder).expect("the folder of cases can be read");
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let cases = files.iter().flat_map(|file| {
        let topic = file.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(file).unwrap();
        let cases: Vec<Case> =
            yaml_serde::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(!cases.is_empty(), "{topic} has no case");
        cases.into_iter().map(move |case| (format!("{topic}: {}", case.name), case))
    });
    cases.collect()
}

/// Writes what the fuzzer begins with: for each of its targets, a folder of payloads or texts.
fn write_corpus(folder: &Path) {
    let calls = cases().into_iter().map(|(name, case)| case.call().unwrap_or_else(|error| panic!("{name}: {error}")));
    let durations = generated::go_durations().map(|(text, _)| ("durations", text));
    for (index, (target, text)) in calls.chain(durations).enumerate() {
        fs::create_dir_all(folder.join(target)).unwrap();
        fs::write(folder.join(target).join(format!("case-{index}")), text).unwrap();
    }
}
