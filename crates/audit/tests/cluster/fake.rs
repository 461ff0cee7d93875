//! A fake API server, which records what it is asked.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

/// A connection.
trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

/// A request for a list.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The query as it was sent.
    pub(crate) query: String,
    /// The headers, by their names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
}

/// What the server sends.
pub(crate) struct Answer {
    status: u16,
    headers: String,
    steps: Vec<Step>,
    /// Whether the connection ends before the answer does.
    is_cut: bool,
}

/// The status of an answer that is never sent.
pub(crate) const NO_ANSWER: u16 = 0;

/// A step of sending an answer.
pub(crate) enum Step {
    Send(String),
    Pause(Duration),
    /// Waits until a request has this text in its query.
    WaitFor(&'static str),
}

pub(crate) struct ApiServer {
    pub(crate) port: u16,
    /// The server's own certificate, as PEM, if it uses TLS.
    pub(crate) certificate: Option<String>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<String>) -> Self {
        Self::steps(status, vec![Step::Send(body.into())])
    }

    pub(crate) fn steps(status: u16, steps: Vec<Step>) -> Self {
        Self { status, headers: String::new(), steps, is_cut: false }
    }

    /// Answers with a list of a typed kind, whose items do not have it.
    pub(crate) fn list(kind: &str, version: &str, continue_token: &str, items: &[Value]) -> Self {
        Self::new(200, list_text(kind, version, continue_token, items))
    }

    /// Answers with an error of the Kubernetes API.
    pub(crate) fn error(code: u16, message: &str) -> Self {
        let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "message": message, "code": code});
        Self::new(code, status.to_string())
    }

    pub(crate) fn redirect(location: &str) -> Self {
        Self { headers: format!("location: {location}\r\n"), ..Self::new(307, "") }
    }

    pub(crate) fn cut(self) -> Self {
        Self { is_cut: true, ..self }
    }
}

/// Returns the text of a list as the API server writes it, with the metadata before the items.
pub(crate) fn list_text(kind: &str, version: &str, continue_token: &str, items: &[Value]) -> String {
    let metadata = json!({"resourceVersion": "9", "continue": continue_token});
    let items = json!(items);
    format!(r#"{{"kind":"{kind}List","apiVersion":"{version}","metadata":{metadata},"items":{items}}}"#)
}

impl ApiServer {
    /// Serves until the tests end. Where the function returns nothing, there are no objects.
    pub(crate) fn start(answer: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static) -> Self {
        Self::serve(None, answer)
    }

    /// Serves with TLS.
    pub(crate) fn start_tls(answer: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static) -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = config.with_single_cert(vec![cert.der().clone()], key).unwrap();
        Self { certificate: Some(cert.pem()), ..Self::serve(Some(Arc::new(config)), answer) }
    }

    fn serve(
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answer, recorded) = (Arc::new(answer), Arc::clone(&requests));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, recorded, tls) = (Arc::clone(&answer), Arc::clone(&recorded), tls.clone());
                thread::spawn(move || {
                    let stream = stream.unwrap();
                    let mut stream: Box<dyn Stream> = match tls {
                        Some(tls) => Box::new(StreamOwned::new(ServerConnection::new(tls).unwrap(), stream)),
                        None => Box::new(stream),
                    };
                    let Some(request) = read(&mut *stream) else { return };
                    recorded.lock().unwrap().push(request.clone());
                    let empty = || Answer::list("", "v1", "", &[]);
                    // The client may disconnect at any time.
                    send(&mut *stream, answer(&request).unwrap_or_else(empty), &recorded).ok();
                });
            }
        });
        Self { port, certificate: None, requests }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn read(stream: &mut dyn Stream) -> Option<Request> {
    let (mut head, mut part) = (Vec::new(), [0; 4096]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut part).ok()? {
            0 => return None,
            length => head.extend_from_slice(&part[..length]),
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let method = words.next()?.to_owned();
    let (path, query) = words.next()?.split_once('?').unwrap_or_default();
    let headers = lines.filter_map(|line| line.split_once(": ")).map(|(name, it)| (name.to_lowercase(), it.to_owned()));
    Some(Request { method, path: path.to_owned(), query: query.to_owned(), headers: headers.collect() })
}

/// Sends an answer in chunks, so that one that is cut is not whole.
fn send(stream: &mut dyn Stream, answer: Answer, requests: &Mutex<Vec<Request>>) -> std::io::Result<()> {
    let Answer { status, headers, steps, is_cut } = answer;
    if status == NO_ANSWER {
        return Ok(());
    }
    write!(stream, "HTTP/1.1 {status} -\r\n{headers}connection: close\r\ntransfer-encoding: chunked\r\n\r\n")?;
    for step in steps {
        match step {
            Step::Send(text) if text.is_empty() => {}
            Step::Send(text) => write!(stream, "{:x}\r\n{text}\r\n", text.len())?,
            Step::Pause(time) => thread::sleep(time),
            Step::WaitFor(text) => {
                let start = Instant::now();
                while !requests.lock().unwrap().iter().any(|request| request.query.contains(text)) {
                    assert!(start.elapsed() < Duration::from_secs(20), "no request with {text}");
                    thread::sleep(Duration::from_millis(10));
                }
            }
        }
        stream.flush()?;
    }
    if is_cut { Ok(()) } else { write!(stream, "0\r\n\r\n") }
}
