//! `make bench`: what the policy costs, in wasm instructions, beside a module that does nothing and one written
//! in the usual SDK idiom. The count is the same on every run and machine, so that two commits can be compared.

#[cfg(test)]
mod budgets;
mod guest;
mod requests;

use std::{env, fs, path::Path, process::ExitCode};

use comfy_table::{CellAlignment, Table, presets};
use guest::Guest;

/// Calls before the one that is counted, so that memory has grown to its size.
const WARM_UP_CALLS: usize = 3;

fn main() -> ExitCode {
    let modules: Vec<String> = env::args().skip(1).collect();
    if modules.is_empty() {
        eprintln!("usage: interlink-benches MODULE.wasm…");
        return ExitCode::from(2);
    }
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header([
        "module",
        "module bytes",
        "request",
        "request bytes",
        "instructions",
        "per byte",
        "memory, KiB",
    ]);
    for module in &modules {
        if let Err(error) = measure(module, &mut table) {
            eprintln!("{module}: {error:#}");
            return ExitCode::FAILURE;
        }
    }
    for column in [1, 3, 4, 5, 6] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    println!("{table}");
    ExitCode::SUCCESS
}

fn measure(path: &str, table: &mut Table) -> wasmtime_provider::wasmtime::Result<()> {
    let module = fs::read(path)?;
    let name = Path::new(path).file_stem().unwrap_or_default();
    for case in requests::cases() {
        let mut guest = Guest::new(&module)?;
        for _ in 0..WARM_UP_CALLS {
            guest.call("validate", &case.payload)?;
        }
        let (_, instructions) = guest.call("validate", &case.payload)?;
        table.add_row([
            name.to_string_lossy().into_owned(),
            module.len().to_string(),
            case.name.to_owned(),
            case.payload.len().to_string(),
            instructions.to_string(),
            format!("{:.1}", instructions as f64 / case.payload.len() as f64),
            (guest.memory() / 1024).to_string(),
        ]);
    }
    Ok(())
}
