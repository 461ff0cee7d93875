//! A registry that says whatever a test wants.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use serde_json::Value;

use crate::image;

/// The bytes that stand for a module: what is tested here is refused before they are looked at.
pub const MODULE: &[u8] = b"\0asm and so on";

/// What a client begins with that wants TLS. It would wait for an answer, and end no line.
const TLS_HANDSHAKE: u8 = 22;

/// What a fake registry has.
pub struct Fake {
    /// The status and the body of the answer to who asks for a manifest.
    pub manifest: (u16, String),
    /// What it gives for the layer.
    pub blob: Vec<u8>,
    /// More lines of the head of its first answer, in which PORT stands for its port.
    pub challenge: String,
    /// What it gives for a token.
    pub token: String,
}

impl Default for Fake {
    /// One that gives what it ought to.
    fn default() -> Self {
        Self {
            manifest: (200, manifest().to_string()),
            blob: MODULE.to_vec(),
            challenge: String::new(),
            token: String::new(),
        }
    }
}

/// The manifest of `MODULE`.
pub fn manifest() -> Value {
    let (_, _, manifest) = image::of(MODULE);
    serde_json::to_value(manifest).unwrap()
}

impl Fake {
    /// Serves for as long as the tests run, on the port that it tells.
    pub fn serve(self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let challenge = self.challenge.replace("PORT", &port.to_string());
        thread::spawn(move || {
            for stream in listener.incoming() {
                // Who asks may leave at any time.
                self.answer(stream.unwrap(), &challenge).ok();
            }
        });
        port
    }

    fn answer(&self, mut stream: TcpStream, challenge: &str) -> std::io::Result<()> {
        let (mut head, mut part) = (Vec::new(), [0; 4096]);
        while !head.ends_with(b"\r\n\r\n") && head.first() != Some(&TLS_HANDSHAKE) {
            match stream.read(&mut part)? {
                0 => return Ok(()),
                length => head.extend_from_slice(&part[..length]),
            }
        }
        let head = String::from_utf8_lossy(&head);
        let (status, lines, body) = match head.split(' ').nth(1).unwrap_or_default() {
            "/v2/" => (if challenge.is_empty() { 200 } else { 401 }, challenge, &b"{}"[..]),
            path if path.starts_with("/token") => (200, "", self.token.as_bytes()),
            path if path.contains("/manifests/") => (self.manifest.0, "", self.manifest.1.as_bytes()),
            _ => (200, "", self.blob.as_slice()),
        };
        let length = body.len();
        write!(stream, "HTTP/1.1 {status} -\r\n{lines}connection: close\r\ncontent-length: {length}\r\n\r\n")?;
        stream.write_all(body)
    }
}
