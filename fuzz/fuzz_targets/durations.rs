#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| interlink_e2e_tests::fuzzing::check("durations", bytes));
