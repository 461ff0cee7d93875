//! A real registry: Debian's `docker-registry`, on a free port.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use tempfile::TempDir;

use crate::image;

pub(crate) const PROGRAM: &str = "docker-registry";

/// A registry that runs until it is dropped.
pub(crate) struct DockerRegistry {
    process: Child,
    pub(crate) port: u16,
    folder: TempDir,
}

impl DockerRegistry {
    /// Starts a registry with these settings, named as its environment variables without `REGISTRY_`.
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = "{version: 0.1, storage: {filesystem: {rootdirectory: storage}}, http: {addr: '127.0.0.1:0'}}";
        fs::write(folder.path().join("config.yml"), config).unwrap();
        let log = folder.path().join("log");
        let process = Command::new(PROGRAM)
            .args(["serve", "config.yml"])
            .envs(settings.iter().map(|(name, value)| (format!("REGISTRY_{name}"), value)))
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut registry = Self { process, port: 0, folder };
        registry.port = registry.await_port(&log);
        registry
    }

    /// Waits until the registry listens, and returns its port from the log.
    fn await_port(&mut self, log: &Path) -> u16 {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let text = fs::read_to_string(log).unwrap();
            let port = text.split_once("listening on 127.0.0.1:").and_then(|(_, rest)| {
                let (digits, _) = rest.split_once(|character: char| !character.is_ascii_digit())?;
                digits.parse().ok()
            });
            match port {
                Some(port) => return port,
                None if self.process.try_wait().unwrap().is_some() => panic!("{PROGRAM} ended:\n{text}"),
                None if Instant::now() > deadline => panic!("{PROGRAM} does not listen:\n{text}"),
                None => thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Pushes a module, and returns its digest.
    pub(crate) fn push(&self, name: &str, module: &[u8], auth: &RegistryAuth) -> String {
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = Client::try_from(ClientConfig { protocol: ClientProtocol::Http, ..Default::default() }).unwrap();
        let image: Reference = format!("localhost:{}/{name}", self.port).parse().unwrap();
        let (layers, config, manifest) = image::build(module);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let pushed = runtime.block_on(client.push(&image, &layers, config, auth, Some(manifest))).unwrap();
        pushed.manifest_url.rsplit_once('/').unwrap().1.to_owned()
    }

    /// Returns the files in the registry's storage that hold a blob of these bytes.
    pub(crate) fn find_blob(&self, bytes: &[u8]) -> Vec<PathBuf> {
        let blobs = walkdir::WalkDir::new(self.folder.path().join("storage/docker/registry/v2/blobs"));
        let files = blobs.into_iter().map(|entry| entry.unwrap().into_path()).filter(|path| path.is_file());
        files.filter(|file| fs::read(file).unwrap() == bytes).collect()
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
