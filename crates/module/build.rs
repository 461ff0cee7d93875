//! Builds the policy's module, the one way for all: what ships is what is tested.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-wasip1";

fn main() {
    for input in ["src", "Cargo.toml", "Cargo.lock", ".cargo/config.toml", "rust-toolchain.toml"] {
        println!("cargo::rerun-if-changed=../../{input}");
    }
    let variable = |name| PathBuf::from(env::var_os(name).expect("cargo sets it"));
    let module = build_module(&variable("CARGO_MANIFEST_DIR").join("../.."));
    fs::copy(module, variable("OUT_DIR").join("policy.wasm")).expect("the module can be copied");
}

/// Runs cargo in a target folder of its own, since the outer cargo holds the usual one.
fn build_module(root: &Path) -> PathBuf {
    let target_dir = root.join("target/module");
    let mut cargo = Command::new(env::var_os("CARGO").expect("cargo sets it"));
    cargo
        .current_dir(root)
        .args(["build", "--release", "--lib", "--locked", "--target", TARGET])
        .args(["--package", "interlink-annotations-policy", "--target-dir"])
        .arg(&target_dir)
        .args(["--config", &format!("target.{TARGET}.rustflags = [{:?}]", without_home())]);
    // What the outer cargo sets for the host's build would change the module.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        let inherited = ["CARGO_CFG_", "CARGO_FEATURE_", "CARGO_PROFILE_", "RUSTC_"];
        let flags = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC"];
        if inherited.iter().any(|prefix| name.starts_with(prefix)) || flags.contains(&&*name) {
            cargo.env_remove(&*name);
        }
    }
    let status = cargo.status().expect("cargo can be run");
    assert!(
        status.success(),
        "the policy's module was not built; if the target is missing, run: rustup target add {TARGET}"
    );
    target_dir.join(TARGET).join("release/interlink_annotations_policy.wasm")
}

/// Panics name the files of libraries. Without the folder that cargo keeps them in, the module is the same whoever
/// builds it.
fn without_home() -> String {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo"))).expect("cargo has a home");
    format!("--remap-path-prefix={}=", home.join("registry/src").display())
}
