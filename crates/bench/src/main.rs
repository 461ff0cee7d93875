//! `make bench`: what the policy costs, in wasm instructions, beside a module that does nothing and one written
//! in the usual SDK idiom. The count is the same on every run and machine, so that two commits can be compared; the time
//! is not, and only tells the modules apart.

#[cfg(test)]
mod budgets;
mod guest;
mod requests;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{env, fs};

use comfy_table::{CellAlignment, Table, presets};
use guest::Guest;
use requests::Case;
use wasmtime_provider::wasmtime::{self, Result};

/// Calls before the one that is counted, so that memory has grown to its size.
const WARM_UP_CALLS: usize = 3;

/// Calls whose time is taken together, and how often.
const CALLS: u32 = 200;
const BATCHES: usize = 20;

fn main() -> ExitCode {
    let modules: Vec<String> = env::args().skip(1).collect();
    if modules.is_empty() {
        eprintln!("usage: interlink-bench MODULE.wasm…");
        return ExitCode::from(2);
    }
    match measure_all(&modules) {
        Ok(table) => {
            println!("{table}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Sets the first module beside the others: how many times as much each of these takes.
fn measure_all(modules: &[String]) -> Result<Table> {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header([
        "request",
        "bytes",
        "module",
        "instructions",
        "a byte",
        "ratio",
        "µs",
        "ratio",
        "memory, KiB",
    ]);
    for module in modules {
        let start = Guest::new(&fs::read(module)?)?.start;
        table.add_row(["start", "", &name(module), &start.to_string()]);
    }
    for case in requests::cases() {
        let costs = modules.iter().map(|module| Cost::of(module, &case)).collect::<Result<Vec<_>>>()?;
        for (module, cost) in modules.iter().zip(&costs) {
            table.add_row([
                case.name.to_owned(),
                case.payload.len().to_string(),
                name(module),
                cost.instructions.to_string(),
                format!("{:.1}", cost.instructions as f64 / case.payload.len() as f64),
                format!("{:.2}", cost.instructions as f64 / costs[0].instructions as f64),
                format!("{:.1}", cost.time.as_secs_f64() * 1e6),
                format!("{:.2}", cost.time.as_secs_f64() / costs[0].time.as_secs_f64()),
                (cost.memory / 1024).to_string(),
            ]);
        }
    }
    for column in [1, 3, 4, 5, 6, 7, 8] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    Ok(table)
}

fn name(module: &str) -> String {
    Path::new(module).file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// What one call of a module costs.
struct Cost {
    instructions: u64,
    time: Duration,
    /// Bytes of linear memory.
    memory: usize,
}

impl Cost {
    fn of(path: &str, case: &Case) -> Result<Self> {
        let context = |error: wasmtime::Error| error.context(format!("{path}, {}", case.name));
        let module = fs::read(path)?;
        let mut guest = Guest::new(&module).map_err(context)?;
        let mut instructions = 0;
        for _ in 0..=WARM_UP_CALLS {
            (_, instructions) = guest.call("validate", &case.payload).map_err(context)?;
        }
        let time = time(&mut Guest::uncounted(&module)?, case).map_err(context)?;
        Ok(Self { instructions, time, memory: guest.memory() })
    }
}

/// The time that a call takes in the fastest of some batches: others had to wait for something else.
fn time(guest: &mut Guest, case: &Case) -> Result<Duration> {
    let mut fastest = Duration::MAX;
    for _ in 0..BATCHES {
        let start = Instant::now();
        for _ in 0..CALLS {
            guest.call("validate", &case.payload)?;
        }
        fastest = fastest.min(start.elapsed() / CALLS);
    }
    Ok(fastest)
}
