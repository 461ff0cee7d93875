//! `make bench-audit`: the time and memory that `interlink-audit` takes for the dump of a large cluster.
//!
//! Other programs that process the same dump are timed in turn with it, so that the load of the machine is the same for
//! all. The first one only searches the bytes, which shows the minimum time for reading the file.

mod command;
mod dump;
mod repository;
mod search;

use std::process::ExitCode;
use std::time::Duration;
use std::{env, fs, io};

use comfy_table::{CellAlignment, Table, presets};
use command::Usage;

/// The number of runs. The fastest one counts, because other load on the machine only adds time.
const RUNS: usize = 5;

fn main() -> ExitCode {
    let [_, command, folder] = &*env::args().collect::<Vec<_>>() else {
        eprintln!("usage: interlink-bench-audit INTERLINK-AUDIT FOLDER\nThe input is written to the folder.");
        return ExitCode::from(2);
    };
    match measure(command, folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(command: &str, folder: &str) -> io::Result<()> {
    let dump = &format!("{folder}/dump.json");
    let repository = &format!("{folder}/repository");
    if !fs::exists(dump)? {
        println!("writing {folder}");
        fs::create_dir_all(repository)?;
        repository::write(repository)?;
        dump::write(dump)?;
    }
    println!("{dump}: {} objects, {} MB", dump::PODS + dump::DEPLOYMENTS, fs::metadata(dump)?.len() / 1_000_000);
    let mut rows = with_search(command, dump)?;
    rows.extend(others(dump)?);
    println!("{}", table(&rows));

    let first_row = (0..RUNS).map(|_| command::until_first_output(&[command, "audit", dump]));
    let first_row = first_row.collect::<io::Result<Vec<_>>>()?.into_iter().min();
    println!("first row of the dump: {:.0} ms", milliseconds(first_row.unwrap_or_default()));
    let one_file = format!("{repository}/{}", repository::FIRST_FILE);
    for (what, path) in [("one file", &one_file), ("a repository of 5,000 files", repository)] {
        let runs = (0..RUNS).map(|_| run(&[command, "check", "--quiet", path]));
        let time = best(runs.collect::<io::Result<Vec<_>>>()?).time;
        println!("{what}: {:.0} ms", milliseconds(time));
    }
    Ok(())
}

/// Times the search and the audit in turn.
fn with_search(command: &str, dump: &str) -> io::Result<Vec<(&'static str, Usage)>> {
    let (mut searches, mut audits) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        searches.push(search::run(dump)?);
        audits.push(run(&[command, "audit", "--quiet", dump])?);
    }
    Ok(vec![("search for interLink's names", best(searches)), ("interlink-audit audit", best(audits))])
}

/// Times other programs that find interLink's pods, if they are installed. Each takes most of a minute.
fn others(dump: &str) -> io::Result<Vec<(&'static str, Usage)>> {
    let mut rows = Vec::new();
    let jq = ["jq", "-c", ".items[] | select(.metadata.annotations.JobID) | .metadata.name", dump];
    let python = ["python3", "-c", PYTHON, dump];
    for (name, words) in [("jq", &jq[..]), ("Python's json", &python)] {
        match command::run(words)? {
            Some(usage) => rows.push((name, usage)),
            None => println!("{name} is left out, because {} is not installed", words[0]),
        }
    }
    Ok(rows)
}

/// Runs a command that must be installed.
fn run(words: &[&str]) -> io::Result<Usage> {
    command::run(words)?.ok_or_else(|| io::Error::other(format!("{} is not there", words[0])))
}

/// Finds the pods of interLink with the parser of Python's standard library.
const PYTHON: &str = "
import json, sys
for item in json.load(open(sys.argv[1]))['items']:
    if 'JobID' in item['metadata'].get('annotations', {}):
        print(item['metadata']['name'])
";

fn best(runs: Vec<Usage>) -> Usage {
    runs.into_iter().min_by_key(|usage| usage.time).expect("there is a run")
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn table(rows: &[(&str, Usage)]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(["what", "s", "ratio", "memory, MiB"]);
    for (name, usage) in rows {
        table.add_row([
            (*name).to_owned(),
            format!("{:.2}", usage.time.as_secs_f64()),
            format!("{:.2}", usage.time.as_secs_f64() / rows[0].1.time.as_secs_f64()),
            usage.memory.map_or_else(String::new, |memory| (memory >> 20).to_string()),
        ]);
    }
    for column in 1..4 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
