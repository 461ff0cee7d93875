//! A fake registry, which answers as a test wants.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use crate::image;

/// Bytes in place of a module: pulling them succeeds, and loading them fails.
pub(crate) const MODULE: &[u8] = b"\0asm and so on";

/// The first byte of a TLS handshake. Such a client waits for an answer without ending a line.
const TLS_HANDSHAKE: u8 = 22;

/// The answers of a fake registry.
pub(crate) struct Fake {
    /// The status and the body of the answer to a request for the manifest.
    pub(crate) manifest: (u16, String),
    /// The body of the answer to a request for the layer.
    pub(crate) blob: Vec<u8>,
    /// Header lines of a 401 answer to the first request, in which PORT stands for the port; empty to require no token.
    pub(crate) challenge: String,
    /// The status and the body of the answer to a request for a token.
    pub(crate) token: (u16, String),
    /// Whether requests for the layer are redirected to another host, and there once more.
    pub(crate) redirects: bool,
    /// The path and the Authorization header of each request that has one.
    pub(crate) authorized: Arc<Mutex<Vec<String>>>,
}

impl Default for Fake {
    /// Returns a registry without faults.
    fn default() -> Self {
        Self {
            manifest: (200, manifest().to_string()),
            blob: MODULE.to_vec(),
            challenge: String::new(),
            token: (200, String::new()),
            redirects: false,
            authorized: Arc::default(),
        }
    }
}

/// Returns the manifest of [`MODULE`].
pub(crate) fn manifest() -> Value {
    let (_, _, manifest) = image::build(MODULE);
    serde_json::to_value(manifest).unwrap()
}

impl Fake {
    /// Serves until the tests end. Returns the port.
    pub(crate) fn serve(self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let challenge = self.challenge.replace("PORT", &port.to_string());
        let redirect = format!("location: http://127.0.0.1:{port}/redirected\r\n");
        thread::spawn(move || {
            for stream in listener.incoming() {
                // The client may disconnect at any time.
                self.answer(stream.unwrap(), &challenge, &redirect).ok();
            }
        });
        port
    }

    fn answer(&self, mut stream: TcpStream, challenge: &str, redirect: &str) -> std::io::Result<()> {
        let (mut head, mut part) = (Vec::new(), [0; 4096]);
        while !head.ends_with(b"\r\n\r\n") && head.first() != Some(&TLS_HANDSHAKE) {
            match stream.read(&mut part)? {
                0 => return Ok(()),
                length => head.extend_from_slice(&part[..length]),
            }
        }
        let head = String::from_utf8_lossy(&head);
        let path = head.split(' ').nth(1).unwrap_or_default();
        let authorization = head.lines().find_map(|line| line.strip_prefix("authorization: "));
        self.authorized.lock().unwrap().extend(authorization.map(|value| format!("{path} {value}")));
        let (status, lines, body) = match path {
            "/v2/" => (if challenge.is_empty() { 200 } else { 401 }, challenge, &b"{}"[..]),
            path if path.starts_with("/token") => (self.token.0, "", self.token.1.as_bytes()),
            path if path.contains("/manifests/") => (self.manifest.0, "", self.manifest.1.as_bytes()),
            path if path.contains("/blobs/") && self.redirects => (307, redirect, &b""[..]),
            "/redirected" => (307, "location: /redirected/again\r\n", &b""[..]),
            _ => (200, "", self.blob.as_slice()),
        };
        let length = body.len();
        write!(stream, "HTTP/1.1 {status} -\r\n{lines}connection: close\r\ncontent-length: {length}\r\n\r\n")?;
        stream.write_all(body)
    }
}
