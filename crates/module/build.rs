//! Builds the policy's wasm module, and compiles it for the machine that the other packages will run on. They all use
//! it, so the tests run the published module.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use wasmtime::{Config, Engine};

const TARGET: &str = "wasm32-wasip1";

fn main() {
    for input in ["src", "crates/json-scan", "Cargo.toml", "Cargo.lock", ".cargo/config.toml", "rust-toolchain.toml"] {
        println!("cargo::rerun-if-changed=../../{input}");
    }
    let variable = |name| PathBuf::from(env::var_os(name).expect("cargo sets this variable"));
    let module = build_module(&variable("CARGO_MANIFEST_DIR").join("../.."));
    let module = fs::read(module).expect("the module can be read");
    let folder = variable("OUT_DIR");
    let compiled = compile(&module).unwrap_or_else(|error| {
        println!("cargo::warning=interlink-audit will compile the policy at each start: {error:#}");
        Vec::new()
    });
    fs::write(folder.join("policy.wasm"), module).expect("the module can be written");
    fs::write(folder.join("policy.cwasm"), compiled).expect("the compiled module can be written");
}

/// Compiles the module with the instructions that every machine of the target has.
///
/// # Errors
/// If the compiler cannot do that for the target.
fn compile(module: &[u8]) -> wasmtime::Result<Vec<u8>> {
    let target = env::var("TARGET").expect("cargo sets this variable");
    let mut config = Config::new();
    Engine::new(config.target(&target)?)?.precompile_module(module)
}

/// Runs cargo in another target folder, because the outer cargo has locked the usual one. Returns the module's path.
fn build_module(root: &Path) -> PathBuf {
    let target_dir = root.join("target/module");
    let mut cargo = Command::new(env::var_os("CARGO").expect("cargo sets this variable"));
    cargo
        .current_dir(root)
        .args(["build", "--release", "--lib", "--locked", "--target", TARGET])
        .args(["--package", "interlink-annotations-policy", "--target-dir"])
        .arg(&target_dir)
        .args(["--config", &format!("target.{TARGET}.rustflags = [{:?}]", remap_home())]);
    // The outer cargo's variables for the host would change the module.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        let inherited = ["CARGO_CFG_", "CARGO_FEATURE_", "CARGO_PROFILE_", "RUSTC_"];
        let flags = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC"];
        if inherited.iter().any(|prefix| name.starts_with(prefix)) || flags.contains(&&*name) {
            cargo.env_remove(&*name);
        }
    }
    let status = cargo.status().expect("cargo runs");
    assert!(
        status.success(),
        "cargo cannot build the policy's module; if the target is missing, run: rustup target add {TARGET}"
    );
    target_dir.join(TARGET).join("release/interlink_annotations_policy.wasm")
}

/// Returns the flag that removes cargo's home folder from the file names in panics, so that the module is the same
/// wherever it is built.
fn remap_home() -> String {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo"))).expect("cargo has a home folder");
    format!("--remap-path-prefix={}=", home.join("registry/src").display())
}
