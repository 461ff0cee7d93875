//! The inputs of the fuzz targets: the cases, and the corpus, which has what fuzzing found.
//!
//! The corpus of a target is a file with one input on each line: a JSON string in which each character stands for a
//! byte. libFuzzer needs folders with one file for each input.

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::{fs, io};

use interlink_e2e_tests::fuzzing::{CHECKS, Check};
use libtest_mimic::{Failed, Trial};

use crate::{case, go_oracles};

/// Returns the file with the corpus of a target.
fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target).with_extension("jsonl")
}

/// Returns a test for each fuzz target, which checks all inputs in the corpus.
pub(crate) fn trials() -> impl Iterator<Item = Trial> {
    let trial = |(target, check)| Trial::test(format!("fuzz corpus: {target}"), move || check_corpus(target, check));
    CHECKS.into_iter().map(trial)
}

fn check_corpus(target: &str, check: Check) -> Result<(), Failed> {
    let corpora: &[_] = match target {
        // Its own corpus has only what the others lack.
        "module_vs_native" => &["validate", "validate_settings", target],
        _ => &[target],
    };
    for name in corpora {
        let inputs = read(name)?;
        if inputs.is_empty() {
            return Err(format!("{} is empty", corpus(name).display()).into());
        }
        for (index, input) in inputs.iter().enumerate() {
            // The panic's message goes to standard error.
            catch_unwind(|| check(input)).map_err(|_| format!("{}:{} fails", corpus(name).display(), index + 1))?;
        }
    }
    Ok(())
}

fn read(target: &str) -> Result<Vec<Vec<u8>>, Failed> {
    let path = corpus(target);
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut inputs = Vec::new();
    for line in text.lines() {
        let characters: String = serde_json::from_str(line)?;
        inputs.push(characters.chars().map(u8::try_from).collect::<Result<_, _>>()?);
    }
    Ok(inputs)
}

/// Writes the cases and the corpora as folders for libFuzzer: `cases/TARGET` and `corpus/TARGET`.
pub(crate) fn unpack(folder: &Path) -> Result<(), Failed> {
    let calls = case::all().into_iter().map(|(name, case)| case.call().map_err(|error| format!("{name}: {error}")));
    let durations = go_oracles::durations().map(|(text, _)| Ok(("durations", text)));
    for (index, case) in calls.chain(durations).enumerate() {
        let (target, text) = case?;
        write(&folder.join("cases").join(target), &format!("case-{index}"), text.as_ref())?;
    }
    for (target, _) in CHECKS {
        for (index, input) in read(target)?.into_iter().enumerate() {
            write(&folder.join("corpus").join(target), &format!("{target}-{index}"), &input)?;
        }
    }
    Ok(())
}

fn write(folder: &Path, file: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(file), bytes)
}

/// Writes the corpora from libFuzzer's folders, one for each target.
pub(crate) fn pack(folder: &Path) -> Result<(), Failed> {
    for (target, _) in CHECKS {
        let mut inputs = Vec::new();
        for file in fs::read_dir(folder.join(target))? {
            inputs.push(fs::read(file?.path())?);
        }
        // The order must not depend on the names of the files.
        inputs.sort();
        let mut text = String::new();
        for input in inputs {
            let characters: String = input.into_iter().map(char::from).collect();
            text = text + &serde_json::to_string(&characters)? + "\n";
        }
        fs::write(corpus(target), text)?;
    }
    Ok(())
}
