//! `--module registry://…`: the module comes back from a real registry as it was pushed, and whatever else a registry
//! may send is refused with a word that helps.

mod docker_registry;
mod fake;
mod image;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use interlink_audit::MODULE;
use libtest_mimic::{Arguments, Trial};
use oci_client::secrets::RegistryAuth::{Anonymous, Basic};
use serde_json::json;

use docker_registry::DockerRegistry;
use fake::Fake;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let is_missing = |program: &&str| Command::new(program).arg("--version").output().is_err();
    let missing: Vec<_> = [docker_registry::PROGRAM, "openssl"].into_iter().filter(is_missing).collect();
    let real: [(&str, fn()); 5] = [
        ("what was pushed judges as the module within", what_was_pushed_judges_as_the_module_within),
        ("what was not pushed is not found", what_was_not_pushed_is_not_found),
        ("what was changed in the storage is refused", what_was_changed_in_the_storage_is_refused),
        ("credentials come from docker", credentials_come_from_docker),
        ("a certificate is checked", a_certificate_is_checked),
    ];
    let fake: [(&str, fn()); 4] = [
        ("HTTP is for loopback, or on demand", http_is_for_loopback_or_on_demand),
        ("what is no policy is refused", what_is_no_policy_is_refused),
        ("bytes are checked against digests", bytes_are_checked_against_digests),
        ("a registry may say anything", a_registry_may_say_anything),
    ];
    if !missing.is_empty() {
        println!(
            "\nSKIPPED: {} tests of crates/audit/tests/registry need {} on PATH",
            real.len(),
            missing.join(" and ")
        );
    }
    let trial = |(name, test): (&str, fn())| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    let real = real.map(|test| trial(test).with_ignored_flag(!missing.is_empty()));
    libtest_mimic::run(&arguments, real.into_iter().chain(fake.map(trial)).collect()).exit_code()
}

/// Runs `check` over the examples, and tells its exit code, report and errors.
fn check(arguments: &[&str], docker_config: &Path, environment: &[(&str, &str)]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_interlink-audit"))
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .args(["check", "--policy", "deploy/protect.yaml", "examples/good", "examples/bad", "--format", "json"])
        .args(arguments)
        .env("DOCKER_CONFIG", docker_config)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn check_anonymously(arguments: &[&str]) -> (i32, String, String) {
    check(arguments, Path::new("/nowhere"), &[])
}

/// Why this module is not evaluated.
fn refusal_of(module: &str) -> String {
    refused(module, check_anonymously(&["--module", module]))
}

fn refused(module: &str, (code, report, errors): (i32, String, String)) -> String {
    assert_eq!((code, report.as_str()), (2, ""), "{errors}");
    errors.strip_prefix(&format!("error: {module}: ")).unwrap_or_else(|| panic!("{errors}")).trim_end().to_owned()
}

fn what_was_pushed_judges_as_the_module_within() {
    let registry = DockerRegistry::start(&[]);
    let digest = registry.push("policies/interlink:v1", MODULE, &Anonymous);
    let within = check_anonymously(&[]);
    assert_eq!(within.0, 1, "the bad examples are refused");
    for name in [":v1", &format!("@{digest}"), &format!(":v1@{digest}")] {
        let module = format!("registry://localhost:{}/policies/interlink{name}", registry.port);
        assert!(interlink_audit::registry::pull(&module, false).unwrap() == MODULE, "{module}");
        assert_eq!(check_anonymously(&["--module", &module]), within, "{module}");
    }
}

fn what_was_not_pushed_is_not_found() {
    let registry = DockerRegistry::start(&[]);
    registry.push("policies/interlink:v1", MODULE, &Anonymous);
    let other = format!("sha256:{}", "0".repeat(64));
    for name in ["policies/interlink:v2", "policies/interlink", "other:v1", &format!("policies/interlink@{other}")] {
        assert_eq!(
            refusal_of(&format!("registry://localhost:{}/{name}", registry.port)),
            "is not in the registry; check the repository, and the tag or digest"
        );
    }
}

fn what_was_changed_in_the_storage_is_refused() {
    let registry = DockerRegistry::start(&[]);
    registry.push("interlink:v1", MODULE, &Anonymous);
    let mut bytes = MODULE.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let stored = registry.stored(MODULE);
    assert_eq!(stored.len(), 1);
    fs::write(&stored[0], bytes).unwrap();
    let told = refusal_of(&format!("registry://127.0.0.1:{}/interlink:v1", registry.port));
    assert!(told.starts_with("is not what was asked for: its digest is sha256:"), "{told}");
}

fn credentials_come_from_docker() {
    let folder = tempfile::tempdir().unwrap();
    let passwords = folder.path().join("htpasswd");
    // The password of jane is "secret".
    fs::write(&passwords, "jane:$2b$04$AKtazbVdgUn9KvHd74mf1OxOXGmXCPYT62NOwY/TcXj/I/xX7MP5e\n").unwrap();
    let settings =
        [("AUTH", "htpasswd"), ("AUTH_HTPASSWD_REALM", "test"), ("AUTH_HTPASSWD_PATH", passwords.to_str().unwrap())];
    let registry = DockerRegistry::start(&settings);
    registry.push("interlink:v1", MODULE, &Basic("jane".to_owned(), "secret".to_owned()));
    let host = format!("localhost:{}", registry.port);
    let module = format!("registry://{host}/interlink:v1");
    let as_docker_logged_in = |auth| {
        fs::write(folder.path().join("config.json"), json!({"auths": {&host: auth}}).to_string()).unwrap();
        check(&["--module", &module], folder.path(), &[])
    };
    let none = refusal_of(&module);
    assert_eq!(none, format!("may not be pulled, or does not exist; try: docker login {host}"));
    let wrong = refused(&module, as_docker_logged_in(json!({"auth": "amFuZTpndWVzcw=="})));
    assert!(wrong.ends_with(&format!("docker's configuration are not enough; try: docker login {host}")), "{wrong}");
    let right = as_docker_logged_in(json!({"auth": "amFuZTpzZWNyZXQ="}));
    assert_eq!(right, check_anonymously(&[]));
}

/// The address 0.0.0.0 is no loopback address, but leads to this machine, and so to a registry that is not asked by
/// HTTP.
fn a_certificate_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=registry"])
        .args(["-addext", "subjectAltName=IP:0.0.0.0", "-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let path = |name| folder.path().join(name).display().to_string();
    let (certificate, key) = (path("certificate.pem"), path("key.pem"));
    let registry = DockerRegistry::start(&[("HTTP_TLS_CERTIFICATE", &certificate), ("HTTP_TLS_KEY", &key)]);
    let module = format!("registry://0.0.0.0:{}/interlink:v1", registry.port);
    let told = refusal_of(&module);
    assert!(told.contains("cannot be reached, invalid peer certificate"), "{told}");
    assert!(told.ends_with("; let SSL_CERT_FILE name a file with its CA's certificate"), "{told}");
    let trusted = check(&["--module", &module], folder.path(), &[("SSL_CERT_FILE", &certificate)]);
    assert!(refused(&module, trusted).starts_with("is not in the registry"));
}

fn http_is_for_loopback_or_on_demand() {
    let module = format!("registry://0.0.0.0:{}/interlink:v1", Fake::default().serve());
    let told = refusal_of(&module);
    assert!(told.contains("cannot be reached, received corrupt message"), "{told}");
    assert!(told.ends_with(", and add --plain-http if it has no TLS"), "{told}");
    let told = refused(&module, check_anonymously(&["--module", &module, "--plain-http"]));
    assert!(told.starts_with("is not a policy module that can be loaded"), "{told}");
}

/// Why what a fake registry has is not evaluated.
fn refusal_by(fake: Fake, name: &str) -> String {
    refusal_of(&format!("registry://localhost:{}/{name}", fake.serve()))
}

/// Why a manifest in which this is changed is not followed.
fn refusal_with(pointer: &str, value: serde_json::Value) -> String {
    let mut manifest = fake::manifest();
    *manifest.pointer_mut(pointer).unwrap() = value;
    refusal_by(Fake { manifest: (200, manifest.to_string()), ..Fake::default() }, "interlink:v1")
}

fn what_is_no_policy_is_refused() {
    let layer = &fake::manifest()["layers"][0];
    let index = json!({"schemaVersion": 2, "manifests": []}).to_string();
    let told = refusal_by(Fake { manifest: (200, index), ..Fake::default() }, "interlink:v1");
    assert_eq!(told, "is no Kubewarden policy, it is a list of images; push one with: kwctl push");
    assert_eq!(
        refusal_with("/layers/0/mediaType", json!("application/vnd.oci.image.layer.v1.tar")),
        "is no Kubewarden policy, its layer is application/vnd.oci.image.layer.v1.tar, in place of \
         application/vnd.wasm.content.layer.v1+wasm; push one with: kwctl push"
    );
    for (layers, count) in [(json!([layer, layer]), 2), (json!([]), 0)] {
        assert_eq!(
            refusal_with("/layers", layers),
            format!("is no Kubewarden policy, it has {count} layers in place of one; push one with: kwctl push")
        );
    }
    for size in [i64::MAX, -1, 20_000_001] {
        assert_eq!(
            refusal_with("/layers/0/size", json!(size)),
            format!("has {size} bytes, and no more than 20000000 are pulled")
        );
    }
}

fn bytes_are_checked_against_digests() {
    let digest = format!("sha256:{}", "0".repeat(64));
    let other_manifest = refusal_by(Fake::default(), &format!("interlink@{digest}"));
    let mut changed = fake::MODULE.to_vec();
    changed[0] ^= 1;
    let other_blob = refusal_by(Fake { blob: changed, ..Fake::default() }, "interlink:v1");
    let longer = refusal_by(Fake { blob: [fake::MODULE; 2].concat(), ..Fake::default() }, "interlink:v1");
    let shorter = refusal_with("/layers/0/size", json!(fake::MODULE.len() + 1));
    assert!(other_manifest.contains(&format!(", not {digest};")), "{other_manifest}");
    assert!(other_blob.starts_with("is not what was asked for: its digest is "), "{other_blob}");
    for told in [longer, shorter] {
        assert_eq!(told, "has another size than its manifest tells; push it again");
    }
}

/// What a registry has no right to say ends in a message all the same.
fn a_registry_may_say_anything() {
    let challenge = "www-authenticate: Bearer realm=\"http://localhost:PORT/token\"\r\n".to_owned();
    let token = |token: &str| Fake { challenge: challenge.clone(), token: token.to_owned(), ..Fake::default() };
    let manifest = |status, text: &str| Fake { manifest: (status, text.to_owned()), ..Fake::default() };
    let denied = r#"{"errors": [{"code": "DENIED"}]}"#;
    let many = r#"{"errors": [{"code": "TOOMANYREQUESTS", "message": "wait"}]}"#;
    for (fake, expected) in [
        (token(r#"{"token": "a"}"#), "is not a policy module that can be loaded"),
        (token(r#"{"token": "a\nb"}"#), "cannot be pulled, the registry's answer is of no use"),
        (token("{"), "cannot be pulled, the registry's answer is of no use"),
        (manifest(200, "{"), "cannot be pulled, the registry's answer is of no use"),
        (manifest(200, "{\"schemaVersion\": 1}"), "cannot be pulled, the registry's answer is of no use"),
        (manifest(500, &"\u{1b}[2J".repeat(1000)), "cannot be pulled, the registry's answer is of no use"),
        (manifest(429, many), "is refused by the registry: OCI API errors: [OCI API error: wait]"),
        (manifest(403, denied), "may not be pulled, or does not exist; try: docker login "),
        (manifest(403, ""), "may not be pulled, or does not exist; try: docker login "),
        (manifest(401, ""), "may not be pulled, or does not exist; try: docker login "),
        (manifest(404, "<html>"), "is not in the registry"),
    ] {
        let told = refusal_by(fake, "interlink:v1");
        assert!(told.starts_with(expected), "{told}");
        assert!(!told.contains('\u{1b}') && told.len() < 500, "{told:?}");
    }
}
