//! `--module registry://…`: pulls from a real registry give the module that was pushed, and every faulty answer of a
//! fake one gives a helpful error.

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
        ("pulls_the_pushed_module", pulls_the_pushed_module),
        ("reports_a_missing_module", reports_a_missing_module),
        ("rejects_a_module_changed_in_storage", rejects_a_module_changed_in_storage),
        ("uses_credentials_of_docker_login", uses_credentials_of_docker_login),
        ("verifies_certificates", verifies_certificates),
    ];
    let fake: [(&str, fn()); 7] = [
        ("uses_http_only_on_loopback_or_when_asked", uses_http_only_on_loopback_or_when_asked),
        ("rejects_images_that_are_not_policies", rejects_images_that_are_not_policies),
        ("rejects_wrong_digests_and_sizes", rejects_wrong_digests_and_sizes),
        ("reports_every_faulty_answer", reports_every_faulty_answer),
        ("accepts_the_largest_manifest", accepts_the_largest_manifest),
        ("sends_credentials_only_to_the_registrys_host", sends_credentials_only_to_the_registrys_host),
        ("sends_no_token_to_other_hosts", sends_no_token_to_other_hosts),
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

/// Runs `check` over the examples. Returns the exit code, standard output and standard error.
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

/// Returns the error for this module.
fn error_for(module: &str) -> String {
    error_in(module, check_anonymously(&["--module", module]))
}

/// Returns the error for this module from the outcome of a run.
fn error_in(module: &str, (code, report, errors): (i32, String, String)) -> String {
    assert_eq!((code, report.as_str()), (2, ""), "{errors}");
    errors.strip_prefix(&format!("error: {module}: ")).unwrap_or_else(|| panic!("{errors}")).trim_end().to_owned()
}

fn pulls_the_pushed_module() {
    let registry = DockerRegistry::start(&[]);
    let digest = registry.push("policies/interlink:v1", MODULE, &Anonymous);
    let built_in = check_anonymously(&[]);
    assert_eq!(built_in.0, 1, "the bad examples are refused");
    for name in [":v1", &format!("@{digest}"), &format!(":v1@{digest}")] {
        let module = format!("registry://localhost:{}/policies/interlink{name}", registry.port);
        assert!(interlink_audit::registry::pull(&module, false).unwrap() == MODULE, "{module}");
        assert_eq!(check_anonymously(&["--module", &module]), built_in, "{module}");
    }
}

fn reports_a_missing_module() {
    let registry = DockerRegistry::start(&[]);
    registry.push("policies/interlink:v1", MODULE, &Anonymous);
    let other = format!("sha256:{}", "0".repeat(64));
    for name in ["policies/interlink:v2", "policies/interlink", "other:v1", &format!("policies/interlink@{other}")] {
        assert_eq!(
            error_for(&format!("registry://localhost:{}/{name}", registry.port)),
            "is not in the registry; check the repository, and the tag or digest"
        );
    }
}

fn rejects_a_module_changed_in_storage() {
    let registry = DockerRegistry::start(&[]);
    registry.push("interlink:v1", MODULE, &Anonymous);
    let mut bytes = MODULE.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let stored = registry.find_blob(MODULE);
    assert_eq!(stored.len(), 1);
    fs::write(&stored[0], bytes).unwrap();
    let error = error_for(&format!("registry://127.0.0.1:{}/interlink:v1", registry.port));
    assert!(error.starts_with("was changed in the registry: its digest is sha256:"), "{error}");
}

fn uses_credentials_of_docker_login() {
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
    let none = error_for(&module);
    assert_eq!(none, format!("access is denied, or it does not exist; try: docker login {host}"));
    let wrong = error_in(&module, as_docker_logged_in(json!({"auth": "amFuZTpndWVzcw=="})));
    assert!(wrong.ends_with(&format!("credentials in Docker's configuration; try: docker login {host}")), "{wrong}");
    let right = as_docker_logged_in(json!({"auth": "amFuZTpzZWNyZXQ="}));
    assert_eq!(right, check_anonymously(&[]));
}

/// The address 0.0.0.0 leads to this machine, but is not a loopback address: the registry there is asked over HTTPS.
fn verifies_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let openssl = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=registry"])
        .args(["-addext", "subjectAltName=IP:0.0.0.0", "-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(openssl.status.success(), "{openssl:?}");
    let path = |name| folder.path().join(name).display().to_string();
    let (certificate, key) = (path("certificate.pem"), path("key.pem"));
    let registry = DockerRegistry::start(&[("HTTP_TLS_CERTIFICATE", &certificate), ("HTTP_TLS_KEY", &key)]);
    let module = format!("registry://0.0.0.0:{}/interlink:v1", registry.port);
    let error = error_for(&module);
    assert!(error.contains("cannot be reached: invalid peer certificate"), "{error}");
    assert!(error.ends_with("; set SSL_CERT_FILE to a file with its CA's certificate"), "{error}");
    let trusted = check(&["--module", &module], folder.path(), &[("SSL_CERT_FILE", &certificate)]);
    assert!(error_in(&module, trusted).starts_with("is not in the registry"));
}

fn uses_http_only_on_loopback_or_when_asked() {
    let module = format!("registry://0.0.0.0:{}/interlink:v1", Fake::default().serve());
    let error = error_for(&module);
    assert!(error.contains("cannot be reached: received corrupt message"), "{error}");
    assert!(error.ends_with(", and add --plain-http if it has no TLS"), "{error}");
    let error = error_in(&module, check_anonymously(&["--module", &module, "--plain-http"]));
    assert!(error.starts_with("is not a policy module that can be loaded"), "{error}");
}

/// Returns the error for what a fake registry sends.
fn error_from(fake: Fake, name: &str) -> String {
    error_for(&format!("registry://localhost:{}/{name}", fake.serve()))
}

/// Returns the error for a manifest with this change.
fn error_with(pointer: &str, value: serde_json::Value) -> String {
    let mut manifest = fake::manifest();
    *manifest.pointer_mut(pointer).unwrap() = value;
    error_from(Fake { manifest: (200, manifest.to_string()), ..Fake::default() }, "interlink:v1")
}

fn rejects_images_that_are_not_policies() {
    let layer = &fake::manifest()["layers"][0];
    let index = json!({"schemaVersion": 2, "manifests": []}).to_string();
    let error = error_from(Fake { manifest: (200, index), ..Fake::default() }, "interlink:v1");
    assert_eq!(error, "is not a Kubewarden policy: it is an index of images; push one with: kwctl push");
    assert_eq!(
        error_with("/layers/0/mediaType", json!("application/vnd.oci.image.layer.v1.tar")),
        "is not a Kubewarden policy: its layer is application/vnd.oci.image.layer.v1.tar, not \
         application/vnd.wasm.content.layer.v1+wasm; push one with: kwctl push"
    );
    for (layers, count) in [(json!([layer, layer]), 2), (json!([]), 0)] {
        assert_eq!(
            error_with("/layers", layers),
            format!("is not a Kubewarden policy: it has {count} layers, not one; push one with: kwctl push")
        );
    }
    for size in [i64::MAX, -1, 20_000_001] {
        assert_eq!(
            error_with("/layers/0/size", json!(size)),
            format!("has a size of {size} bytes; the size must be from 0 to 20000000 bytes")
        );
    }
}

fn rejects_wrong_digests_and_sizes() {
    let digest = format!("sha256:{}", "0".repeat(64));
    let other_manifest = error_from(Fake::default(), &format!("interlink@{digest}"));
    let mut changed = fake::MODULE.to_vec();
    changed[0] ^= 1;
    let other_blob = error_from(Fake { blob: changed, ..Fake::default() }, "interlink:v1");
    let longer = error_from(Fake { blob: [fake::MODULE; 2].concat(), ..Fake::default() }, "interlink:v1");
    let shorter = error_with("/layers/0/size", json!(fake::MODULE.len() + 1));
    assert!(other_manifest.contains(&format!(", not {digest};")), "{other_manifest}");
    assert!(other_blob.starts_with("was changed in the registry: its digest is "), "{other_blob}");
    for error in [longer, shorter] {
        assert_eq!(error, "does not have the size in its manifest; push it again");
    }
}

fn reports_every_faulty_answer() {
    let challenge = "www-authenticate: Bearer realm=\"http://localhost:PORT/token\"\r\n".to_owned();
    let token_status =
        |status, text: &str| Fake { challenge: challenge.clone(), token: (status, text.to_owned()), ..Fake::default() };
    let token = |text: &str| token_status(200, text);
    let manifest = |status, text: &str| Fake { manifest: (status, text.to_owned()), ..Fake::default() };
    let denied = r#"{"errors": [{"code": "DENIED"}]}"#;
    let invalid = |reason| format!("cannot be pulled, the registry's response is invalid: {reason}");
    let many = r#"{"errors": [{"code": "TOOMANYREQUESTS", "message": "wait"}]}"#;
    for (fake, expected) in [
        (token(r#"{"token": "a"}"#), "is not a policy module that can be loaded"),
        (token(r#"{"token": "a\nb"}"#), "cannot be pulled, the registry's response is invalid"),
        (token("{"), "cannot be pulled, the registry's response is invalid"),
        (manifest(200, "{"), "cannot be pulled, the registry's response is invalid"),
        (manifest(200, "{\"schemaVersion\": 1}"), "cannot be pulled, the registry's response is invalid"),
        (manifest(500, &"\u{1b}[2J".repeat(1000)), "cannot be pulled, the registry's response is invalid"),
        (token_status(429, many), "is refused by the registry: OCI API errors: [OCI API error: wait]"),
        (token_status(429, ""), &invalid("its status is 429 Too Many Requests")),
        (token_status(503, ""), &invalid("its status is 503 Service Unavailable")),
        (token_status(400, ""), "access is denied, or it does not exist; try: docker login "),
        (token_status(404, ""), "access is denied, or it does not exist; try: docker login "),
        (manifest(429, many), "is refused by the registry: OCI API errors: [OCI API error: wait]"),
        (manifest(403, denied), "access is denied, or it does not exist; try: docker login "),
        (manifest(403, ""), "access is denied, or it does not exist; try: docker login "),
        (manifest(401, ""), "access is denied, or it does not exist; try: docker login "),
        (manifest(404, "<html>"), "is not in the registry"),
        (manifest(200, &" ".repeat((4 << 20) + 1)), &invalid("the manifest is larger than 4 MiB")),
        (token(&" ".repeat((64 << 10) + 1)), &invalid("the token is larger than 64 KiB")),
        (manifest(503, &"a".repeat(1 << 20)), &invalid("its status is 503 Service Unavailable, with the text aaa")),
    ] {
        let error = error_from(fake, "interlink:v1");
        assert!(error.starts_with(expected), "{error}");
        // An escape is shown as six characters.
        assert!(!error.contains('\u{1b}') && error.replace("\\u{1b}", "-").len() < 500, "{error:?}");
    }
}

fn accepts_the_largest_manifest() {
    let manifest = fake::manifest().to_string();
    let padding = " ".repeat((4 << 20) - manifest.len());
    let error = error_from(Fake { manifest: (200, manifest + &padding), ..Fake::default() }, "interlink:v1");
    assert!(error.starts_with("is not a policy module that can be loaded"), "{error}");
}

/// Pulls as jane from a fake registry on localhost with this challenge, in which PORT stands for the port. Returns the
/// error, and the paths and credentials that were sent.
fn pull_as_jane(challenge: &str, fake: Fake) -> (String, Vec<String>) {
    let authorized = fake.authorized.clone();
    let challenge = format!("www-authenticate: {challenge}\r\n");
    let port = Fake { challenge, token: (200, r#"{"token": "a"}"#.to_owned()), ..fake }.serve();
    let folder = tempfile::tempdir().unwrap();
    let auths = json!({"auths": {format!("localhost:{port}"): {"auth": "amFuZTpzZWNyZXQ="}}});
    fs::write(folder.path().join("config.json"), auths.to_string()).unwrap();
    let module = format!("registry://localhost:{port}/interlink:v1");
    let error = error_in(&module, check(&["--module", &module], folder.path(), &[]));
    let authorized = authorized.lock().unwrap().clone();
    (error.replace(&port.to_string(), "PORT"), authorized)
}

fn sends_credentials_only_to_the_registrys_host() {
    const REFUSED: &str = "access is denied, or it does not exist; the registry does not accept the credentials in \
                           Docker's configuration; try: docker login localhost:PORT";
    const WITHHELD: &str = "access is denied, or it does not exist; the credentials in Docker's configuration were not \
                            sent to 127.0.0.1:PORT, because it is another host than the registry's; if you trust it, \
                            get a file for --module with: kwctl pull --output-path policy.wasm \
                            registry://localhost:PORT/interlink:v1";
    let for_token = "/token?scope=repository%3Ainterlink%3Apull&service=fake Basic amFuZTpzZWNyZXQ=";
    let with_token = "/v2/interlink/manifests/v1 Bearer a";
    let without_token = "/v2/interlink/manifests/v1 Basic amFuZTpzZWNyZXQ=";
    for (challenge, error, authorized) in [
        ("Basic realm=\"fake\"", REFUSED, &[without_token][..]),
        ("Bearer realm=\"http://localhost:PORT/token\",service=\"fake\"", REFUSED, &[for_token, with_token]),
        ("Bearer realm=\"http://127.0.0.1:PORT/token\",service=\"fake\"", WITHHELD, &[with_token]),
    ] {
        let denying = Fake { manifest: (401, String::new()), ..Fake::default() };
        let (actual, sent) = pull_as_jane(challenge, denying);
        assert_eq!(actual, error, "{challenge}");
        assert_eq!(sent, authorized, "{challenge}");
    }
}

fn sends_no_token_to_other_hosts() {
    let redirecting = Fake { redirects: true, ..Fake::default() };
    let (error, sent) = pull_as_jane("Bearer realm=\"http://127.0.0.1:PORT/token\"", redirecting);
    assert!(error.starts_with("is not a policy module that can be loaded"), "{error}");
    let layer = fake::manifest()["layers"][0]["digest"].as_str().unwrap().to_owned();
    assert_eq!(sent, ["/v2/interlink/manifests/v1 Bearer a", &format!("/v2/interlink/blobs/{layer} Bearer a")]);
}
