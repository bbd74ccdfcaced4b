//! `MiniS3`: a server on loopback that speaks as much of S3 as the client asks for, and does to it whatever networks and servers
//! do to clients.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use daglite_object_store::Place;

use super::mini_objects::{MiniObjects, decoded};
use super::seaweed::client;

/// What is done to requests.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    /// They are answered.
    None,
    /// They get this status and body.
    Answer(u16, String),
    /// The next so many get this status, and then they are answered.
    AnswerFirst(usize, u16),
    /// The connection is reset before the answer.
    Reset,
    /// The bodies of answers are cut in half, and the connection is closed.
    Cut,
    /// The bodies of answers are cut in half, and said to be that long.
    CutQuietly,
    /// A byte in the middle of the bodies of answers is another one.
    Flip,
    /// They are answered late.
    Late(Duration),
    /// They are never answered.
    Silent,
    /// The next one that writes to a path that has this is not answered as long as the fault stays, and then as if nothing
    /// had been.
    Hold(&'static str),
    /// One is held, and the others are answered.
    Holding,
    /// Those that write get this status.
    AnswerWrites(u16, String),
    /// What is announced as compressed, and is not.
    Gzip,
    /// Ranges are ignored, and a body without end is sent.
    Endless,
}

/// The server. It ends with the test.
pub(crate) struct MiniS3 {
    shared: Arc<Shared>,
    port: u16,
}

#[derive(Default)]
struct Shared {
    objects: Mutex<MiniObjects>,
    fault: Mutex<Option<Fault>>,
    requests: AtomicUsize,
    /// What came, without bodies.
    seen: Mutex<Vec<Request>>,
    ended: AtomicBool,
}

impl MiniS3 {
    /// A server without objects.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::<Shared>::default();
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                if serving.ended.load(Ordering::SeqCst) {
                    return;
                }
                let serving = Arc::clone(&serving);
                std::thread::spawn(move || serving.serve(connection));
            }
        });
        Self { shared, port }
    }

    /// Where it answers.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its root.
    pub(crate) fn place(&self) -> Place {
        let retry = daglite_object_store::object_store::RetryConfig {
            backoff: daglite_object_store::object_store::BackoffConfig {
                init_backoff: Duration::from_millis(10),
                max_backoff: Duration::from_millis(50),
                base: 2.0,
            },
            max_retries: 5,
            retry_timeout: Duration::from_secs(20),
        };
        Place::of(client(&self.endpoint()).with_retry(retry).build().unwrap(), "the mini S3")
    }

    /// What happens from now on.
    pub(crate) fn set(&self, fault: Fault) {
        *self.shared.fault.lock().unwrap() = Some(fault);
    }

    /// Whether a request is held.
    pub(crate) fn is_holding(&self) -> bool {
        *self.shared.fault.lock().unwrap() == Some(Fault::Holding)
    }

    /// How many requests came.
    pub(crate) fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// The objects whose names have `part`.
    pub(crate) fn objects(&self, part: &str) -> Vec<(String, Vec<u8>)> {
        self.shared.objects.lock().unwrap().with(part)
    }

    /// Changes each object whose name has `part`.
    pub(crate) fn change(&self, part: &str, change: impl Fn(&mut Vec<u8>)) {
        let changed = self.shared.objects.lock().unwrap().change(part, change);
        assert!(changed > 0, "no object has `{part}` in its name");
    }

    /// Keeps an object at this path.
    #[cfg(feature = "gcp")]
    pub(crate) fn insert(&self, path: &str, bytes: &[u8]) {
        self.shared.objects.lock().unwrap().insert(path.to_owned(), bytes.to_vec());
    }

    /// Makes each object whose name has `part` older by `days`.
    pub(crate) fn age(&self, part: &str, days: u32) {
        let aged = self.shared.objects.lock().unwrap().age(part, days);
        assert!(aged > 0, "no object has `{part}` in its name");
    }

    /// The requests that came with this method for a path that has `part`.
    pub(crate) fn seen(&self, method: &str, part: &str) -> Vec<Request> {
        let seen = self.shared.seen.lock().unwrap();
        let is_meant = |request: &&Request| request.method == method && request.path.contains(part);
        seen.iter().filter(is_meant).cloned().collect()
    }
}

impl Drop for MiniS3 {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The next one on a connection.
    fn read(reader: &mut impl BufRead) -> Option<Self> {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|&length| length > 0)?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, path) = (words.next()?, words.next()?);
        // Some clients write more of it as digits than others.
        let path = match path.split_once('?') {
            Some((name, question)) => format!("{}?{question}", decoded(name)),
            None => decoded(&path),
        };
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|&length| length > 0)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        Some(Self { method, path, headers, body })
    }
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: String::new(), body: Vec::new() }
    }

    pub(crate) fn xml(body: &str) -> Self {
        Self { status: 200, headers: String::new(), body: body.as_bytes().to_vec() }
    }
}

impl Shared {
    /// Answers the requests of a connection until it ends.
    fn serve(&self, mut connection: TcpStream) {
        let mut reader = BufReader::new(connection.try_clone().unwrap());
        while let Some(request) = Request::read(&mut reader) {
            self.requests.fetch_add(1, Ordering::SeqCst);
            self.seen.lock().unwrap().push(Request { body: Vec::new(), ..request.clone() });
            if self.answer_faulty(&request, &mut connection).is_none() {
                let _ = connection.shutdown(Shutdown::Both);
                return;
            }
        }
    }

    /// Answers one; none if the connection is to end.
    fn answer_faulty(&self, request: &Request, to: &mut TcpStream) -> Option<()> {
        let fault = self.fault.lock().unwrap().clone().unwrap_or(Fault::None);
        let is_head = request.method == "HEAD";
        let failure = |status: u16, body: &str| Answer {
            status,
            headers: "Content-Type: application/xml\r\n".to_owned(),
            body: body.as_bytes().to_vec(),
        };
        match fault {
            Fault::Answer(status, body) => send(to, &failure(status, &body), is_head),
            Fault::AnswerWrites(status, body) if request.method != "GET" && !is_head => {
                send(to, &failure(status, &body), is_head)
            }
            Fault::AnswerFirst(left, status) if left > 0 => {
                *self.fault.lock().unwrap() = Some(Fault::AnswerFirst(left - 1, status));
                send(to, &failure(status, ""), is_head)
            }
            Fault::Reset => None,
            Fault::Silent => {
                while !self.ended.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(20));
                }
                None
            }
            Fault::Hold(part) if request.method == "PUT" && request.path.contains(part) => {
                *self.fault.lock().unwrap() = Some(Fault::Holding);
                while *self.fault.lock().unwrap() == Some(Fault::Holding)
                    && !self.ended.load(Ordering::SeqCst)
                {
                    std::thread::sleep(Duration::from_millis(5));
                }
                send(to, &self.objects.lock().unwrap().answer(request), is_head)
            }
            Fault::Late(latency) => {
                std::thread::sleep(latency);
                send(to, &self.objects.lock().unwrap().answer(request), is_head)
            }
            Fault::Cut if request.method == "GET" => {
                let Answer { status, headers, body } = self.objects.lock().unwrap().answer(request);
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\n\r\n");
                to.write_all(head.as_bytes()).ok()?;
                to.write_all(&body[..length / 2]).ok()?;
                None
            }
            Fault::CutQuietly if request.method == "GET" => {
                let mut answer = self.objects.lock().unwrap().answer(request);
                answer.body.truncate(answer.body.len() / 2);
                // As a store would say that had lost the rest.
                answer.headers = format!(
                    "ETag: \"1\"\r\nLast-Modified: Tue, 01 Jan 2030 00:00:00 GMT\r\nContent-Range: bytes 0-{}/{}\r\n",
                    answer.body.len().max(1) - 1,
                    answer.body.len()
                );
                send(to, &answer, is_head)
            }
            Fault::Flip if request.method == "GET" => {
                let mut answer = self.objects.lock().unwrap().answer(request);
                let middle = answer.body.len() / 2;
                if let Some(byte) = answer.body.get_mut(middle) {
                    *byte ^= 1;
                }
                send(to, &answer, is_head)
            }
            Fault::Gzip if request.method == "GET" => {
                let mut answer = self.objects.lock().unwrap().answer(request);
                answer.headers.push_str("Content-Encoding: gzip\r\n");
                send(to, &answer, is_head)
            }
            Fault::Endless if request.method == "GET" => {
                let head = "HTTP/1.1 200 X\r\nETag: \"1\"\r\nLast-Modified: Tue, 01 Jan 2030 00:00:00 GMT\r\nTransfer-Encoding: chunked\r\n\r\n";
                to.write_all(head.as_bytes()).ok()?;
                let chunk = [b"10000\r\n".as_slice(), &[0; 0x10000], b"\r\n"].concat();
                while !self.ended.load(Ordering::SeqCst) {
                    to.write_all(&chunk).ok()?;
                }
                None
            }
            _ => send(to, &self.objects.lock().unwrap().answer(request), is_head),
        }
    }
}

/// Sends an answer.
fn send(to: &mut TcpStream, answer: &Answer, is_head: bool) -> Option<()> {
    let Answer { status, headers, body } = answer;
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\n\r\n");
    let mut bytes = head.into_bytes();
    if !is_head {
        bytes.extend_from_slice(body);
    }
    to.write_all(&bytes).ok()
}
