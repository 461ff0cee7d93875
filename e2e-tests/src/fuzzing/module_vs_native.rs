//! The wasm module responds as the native code does.

use super::payload::payload;
use crate::dual_policy::DualPolicy;
use crate::fake_cluster::FakeCluster;

/// The CREATE of a pod whose address is compared with the cluster.
const REQUEST: &[u8] = br#"{
    "request": {
        "operation": "CREATE", "kind": {"group": "", "kind": "Pod"}, "userInfo": {"username": "alice"},
        "object": {
            "metadata": {"annotations": {"interlink.eu/pod-ip": "10.250.1.5"}},
            "spec": {"tolerations": [{"operator": "Exists"}]}
        }
    },
    "settings": {"podIP": {"cidrs": ["10.250.0.0/16"]}, "cluster": {"podIPRanges": true, "podIPConflicts": true}}
}"#;

thread_local! {
    static POLICY: DualPolicy = DualPolicy::load();
}

pub(super) fn check(bytes: &[u8]) {
    POLICY.with(|policy| {
        policy.validate_in(&payload(bytes), &FakeCluster::unreadable()).unwrap();
        // Any text as the list of pods.
        let cluster = FakeCluster::answering(String::from_utf8_lossy(bytes).into_owned());
        policy.validate_in(REQUEST, &cluster).unwrap();
        policy.validate_settings(bytes).unwrap();
    });
}
