//! The module answers as the native code does.
#![no_main]

use interlink_annotations_policy_fuzz::payload;
use interlink_e2e_tests::both::Both;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static BOTH: Both = Both::load();
}

fuzz_target!(|bytes: &[u8]| {
    BOTH.with(|both| {
        both.validate(&payload(bytes)).unwrap();
        both.validate_settings(bytes).unwrap();
    });
});
