//! `make bench`: the instructions, time and memory that a request takes in the policy, and in other modules beside it.
//!
//! The number of instructions is the same on every run and machine, so it compares two commits. The time is not: it
//! compares the modules of one run.

#[cfg(test)]
mod budgets;
mod guest;
mod hostile;
mod pods;
mod requests;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{env, fs};

use comfy_table::{CellAlignment, Table, presets};
use guest::{CompiledModule, Guest};
use requests::Case;
use wasmtime_provider::wasmtime::{self, Result};

/// The calls before the one whose instructions are counted. They grow the memory.
const WARM_UP_CALLS: usize = 3;

/// The calls in a batch, which is timed as a whole.
const CALLS: u32 = 200;
const BATCHES: usize = 20;

const COMPILATIONS: usize = 3;

const HEADER: [&str; 11] = [
    "request",
    "bytes",
    "module",
    "instructions",
    "per byte",
    "ratio",
    "µs",
    "ratio",
    "fresh, µs",
    "ratio",
    "memory, KiB",
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let table = match arguments.as_slice() {
        [] => {
            eprintln!("usage: interlink-bench [--hostile | --pods] MODULE.wasm…");
            return ExitCode::from(2);
        }
        [option, module] if option == "--pods" => measure_pods(module),
        [option, module] if option == "--hostile" => measure_hostile(module),
        modules => measure_all(modules),
    };
    match table {
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

/// Measures every module with every request. The ratios are to the first module.
fn measure_all(modules: &[String]) -> Result<Table> {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(HEADER);
    for module in modules {
        let start = Guest::new(&fs::read(module)?)?.start_instructions;
        table.add_row(["start", "", &name(module), &start.to_string()]);
    }
    // The policy server compiles a module when it starts.
    let compile_time = |module: &String| {
        let bytes = fs::read(module)?;
        fastest(COMPILATIONS, 1, || CompiledModule::unmetered(&bytes).map(drop))
    };
    let compile_times = modules.iter().map(compile_time).collect::<Result<Vec<_>>>()?;
    for (module, time) in modules.iter().zip(&compile_times) {
        let ratio = time.as_secs_f64() / compile_times[0].as_secs_f64();
        let microseconds = format!("{:.0}", time.as_secs_f64() * 1e6);
        table.add_row(["compile", "", &name(module), "", "", "", &microseconds, &format!("{ratio:.2}")]);
    }
    for case in requests::cases() {
        let costs = modules.iter().map(|module| Cost::measure(module, &case)).collect::<Result<Vec<_>>>()?;
        for (module, cost) in modules.iter().zip(&costs) {
            table.add_row([
                case.name.to_owned(),
                case.payload.len().to_string(),
                name(module),
                cost.instructions.to_string(),
                format!("{:.1}", ratio(cost.instructions, case.payload.len() as u64)),
                format!("{:.2}", ratio(cost.instructions, costs[0].instructions)),
                format!("{:.1}", cost.time.as_secs_f64() * 1e6),
                format!("{:.2}", cost.time.as_secs_f64() / costs[0].time.as_secs_f64()),
                format!("{:.1}", cost.fresh.as_secs_f64() * 1e6),
                format!("{:.2}", cost.fresh.as_secs_f64() / costs[0].fresh.as_secs_f64()),
                (cost.memory / 1024).to_string(),
            ]);
        }
    }
    for column in (0..HEADER.len()).filter(|column| !["request", "module"].contains(&HEADER[*column])) {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    Ok(table)
}

/// Measures how a module compares an address with the pods of a cluster.
fn measure_pods(module: &str) -> Result<Table> {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["pods", "bytes", "instructions", "per byte", "first call, ms", "memory, MiB"]);
    let bytes = fs::read(module)?;
    for count in [100, 1_000, 10_000, 100_000] {
        let answer = pods::answer(count);
        let mut guest = Guest::new(&bytes)?;
        let (_, instructions) = guest.call_with("validate", &pods::request(), &answer)?;
        let mut unmetered = CompiledModule::unmetered(&bytes)?.start()?;
        let start = Instant::now();
        unmetered.call_with("validate", &pods::request(), &answer)?;
        table.add_row([
            count.to_string(),
            answer.len().to_string(),
            instructions.to_string(),
            format!("{:.2}", ratio(instructions, answer.len() as u64)),
            format!("{:.1}", start.elapsed().as_secs_f64() * 1e3),
            (guest.memory() >> 20).to_string(),
        ]);
    }
    Ok(table)
}

/// Measures the requests that take longest.
fn measure_hostile(module: &str) -> Result<Table> {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["request", "bytes", "instructions", "per byte", "ms", "memory, MiB"]);
    let bytes = fs::read(module)?;
    let compiled = CompiledModule::unmetered(&bytes)?;
    for case in hostile::cases() {
        let mut guest = Guest::new(&bytes)?;
        let (_, instructions) = guest.call("validate", &case.payload)?;
        let time = fastest(BATCHES, 1, || compiled.start()?.call("validate", &case.payload).map(drop))?;
        table.add_row([
            case.name.to_owned(),
            case.payload.len().to_string(),
            instructions.to_string(),
            format!("{:.1}", ratio(instructions, case.payload.len() as u64)),
            format!("{:.1}", time.as_secs_f64() * 1e3),
            format!("{:.1}", ratio(guest.memory() as u64, 1 << 20)),
        ]);
    }
    Ok(table)
}

#[expect(clippy::cast_precision_loss, reason = "the figures are far below 2^52")]
fn ratio(figure: u64, base: u64) -> f64 {
    figure as f64 / base as f64
}

/// Returns a module's file name without its extension.
fn name(module: &str) -> String {
    Path::new(module).file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The cost of one call.
struct Cost {
    instructions: u64,
    time: Duration,
    /// The time with an instance of its own, as Kubewarden's policy server gives each request.
    fresh: Duration,
    /// The size of the linear memory in bytes.
    memory: usize,
}

impl Cost {
    fn measure(path: &str, case: &Case) -> Result<Self> {
        let context = |error: wasmtime::Error| error.context(format!("{path}, {}", case.name));
        let module = fs::read(path)?;
        let mut guest = Guest::new(&module).map_err(context)?;
        let mut instructions = 0;
        for _ in 0..=WARM_UP_CALLS {
            (_, instructions) = guest.call("validate", &case.payload).map_err(context)?;
        }
        let compiled = CompiledModule::unmetered(&module)?;
        let mut unmetered = compiled.start()?;
        let time = fastest(BATCHES, CALLS, || unmetered.call("validate", &case.payload).map(drop)).map_err(context)?;
        let fresh =
            fastest(BATCHES, CALLS, || compiled.start()?.call("validate", &case.payload).map(drop)).map_err(context)?;
        Ok(Self { instructions, time, fresh, memory: guest.memory() })
    }
}

/// Returns the time of a call in the fastest batch, which other processes disturbed least.
fn fastest(batches: usize, calls: u32, mut call: impl FnMut() -> Result<()>) -> Result<Duration> {
    let mut fastest = Duration::MAX;
    for _ in 0..batches {
        let start = Instant::now();
        for _ in 0..calls {
            call()?;
        }
        fastest = fastest.min(start.elapsed() / calls);
    }
    Ok(fastest)
}
