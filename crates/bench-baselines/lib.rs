//! Policy modules that `make bench` compares with this one. Each is an example, because a package has many of these and
//! only one library.
//!
//! To add one, write `examples/NAME.rs`, list it in `Cargo.toml` as a `cdylib`, and add it to `BASELINES` in the
//! Makefile.
