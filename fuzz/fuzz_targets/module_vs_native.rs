//! The wasm module responds as the native code does.
#![no_main]

use interlink_annotations_policy_fuzz::payload;
use interlink_e2e_tests::dual_policy::DualPolicy;
use interlink_e2e_tests::fake_cluster::FakeCluster;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static POLICY: DualPolicy = DualPolicy::load();
}

fuzz_target!(|bytes: &[u8]| {
    POLICY.with(|policy| {
        policy.validate_in(&payload(bytes), &FakeCluster::unreadable()).unwrap();
        policy.validate_settings(bytes).unwrap();
    });
});
