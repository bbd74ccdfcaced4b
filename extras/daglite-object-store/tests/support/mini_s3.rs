//! `MiniS3`: a server on loopback that speaks as much of S3 as the client asks for, and does to it whatever networks and servers
//! do to clients.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use daglite_object_store::Place;

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
    objects: Mutex<HashMap<String, Vec<u8>>>,
    fault: Mutex<Option<Fault>>,
    requests: AtomicUsize,
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

    /// How many requests came.
    pub(crate) fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// The objects whose names have `part`.
    pub(crate) fn objects(&self, part: &str) -> Vec<(String, Vec<u8>)> {
        let objects = self.shared.objects.lock().unwrap();
        let found = objects.iter().filter(|(name, _)| name.contains(part));
        found.map(|(name, bytes)| (name.clone(), bytes.clone())).collect()
    }

    /// Changes each object whose name has `part`.
    pub(crate) fn change(&self, part: &str, change: impl Fn(&mut Vec<u8>)) {
        let mut objects = self.shared.objects.lock().unwrap();
        let mut changed = 0;
        for (_, bytes) in objects.iter_mut().filter(|(name, _)| name.contains(part)) {
            change(bytes);
            changed += 1;
        }
        assert!(changed > 0, "no object has `{part}` in its name");
    }
}

impl Drop for MiniS3 {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

/// A request.
struct Request {
    method: String,
    path: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Request {
    /// The next one on a connection.
    fn read(reader: &mut impl BufRead) -> Option<Self> {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|&length| length > 0)?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, path) = (words.next()?, words.next()?);
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
struct Answer {
    status: u16,
    headers: String,
    body: Vec<u8>,
}

impl Answer {
    fn empty(status: u16) -> Self {
        Self { status, headers: String::new(), body: Vec::new() }
    }
}

impl Shared {
    /// Answers the requests of a connection until it ends.
    fn serve(&self, mut connection: TcpStream) {
        let mut reader = BufReader::new(connection.try_clone().unwrap());
        while let Some(request) = Request::read(&mut reader) {
            self.requests.fetch_add(1, Ordering::SeqCst);
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
            Fault::Late(latency) => {
                std::thread::sleep(latency);
                send(to, &self.answer(request), is_head)
            }
            Fault::Cut if request.method == "GET" => {
                let Answer { status, headers, body } = self.answer(request);
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\n\r\n");
                to.write_all(head.as_bytes()).ok()?;
                to.write_all(&body[..length / 2]).ok()?;
                None
            }
            Fault::CutQuietly if request.method == "GET" => {
                let mut answer = self.answer(request);
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
                let mut answer = self.answer(request);
                let middle = answer.body.len() / 2;
                if let Some(byte) = answer.body.get_mut(middle) {
                    *byte ^= 1;
                }
                send(to, &answer, is_head)
            }
            Fault::Gzip if request.method == "GET" => {
                let mut answer = self.answer(request);
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
            _ => send(to, &self.answer(request), is_head),
        }
    }

    /// A sound answer.
    fn answer(&self, request: &Request) -> Answer {
        let mut objects = self.objects.lock().unwrap();
        let name = request.path.split('?').next().unwrap_or_default().to_owned();
        let there = objects.get(&name);
        let tag = there.map(|bytes| format!("\"{}\"", blake3::hash(bytes).to_hex()));
        let question = request.path.split_once('?').map(|(_, question)| question);
        match request.method.as_str() {
            "POST" if question.is_some_and(|question| question.starts_with("uploads")) => {
                let body = "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>";
                Answer { status: 200, headers: String::new(), body: body.into() }
            }
            "POST" => {
                let mut whole = Vec::new();
                for number in 1.. {
                    let Some(part) = objects.remove(&format!("{name}#{number}")) else { break };
                    whole.extend(part);
                }
                objects.insert(name, whole);
                let body = "<CompleteMultipartUploadResult><ETag>\"1\"</ETag></CompleteMultipartUploadResult>";
                Answer { status: 200, headers: String::new(), body: body.into() }
            }
            "PUT" if question.is_some() => {
                let pairs = question.unwrap_or_default().split('&');
                let number = pairs.filter_map(|pair| pair.strip_prefix("partNumber=")).next();
                objects.insert(format!("{name}#{}", number.unwrap()), request.body.clone());
                Answer { status: 200, headers: "ETag: \"1\"\r\n".to_owned(), body: Vec::new() }
            }
            "PUT" => {
                let is_taken = request.headers.contains_key("if-none-match") && there.is_some();
                let is_other = request
                    .headers
                    .get("if-match")
                    .is_some_and(|wanted| Some(wanted) != tag.as_ref());
                if is_taken || is_other {
                    return Answer::empty(412);
                }
                let tag = format!("ETag: \"{}\"\r\n", blake3::hash(&request.body).to_hex());
                objects.insert(name, request.body.clone());
                Answer { status: 200, headers: tag, body: Vec::new() }
            }
            "DELETE" => {
                objects.remove(&name);
                Answer::empty(204)
            }
            "GET" | "HEAD" => {
                let (Some(bytes), Some(tag)) = (there, tag) else { return Answer::empty(404) };
                let headers =
                    format!("ETag: {tag}\r\nLast-Modified: Tue, 01 Jan 2030 00:00:00 GMT\r\n");
                let range = request.headers.get("range").and_then(|range| {
                    let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
                    Some((start.parse::<usize>().ok()?, end.parse::<usize>().ok()?))
                });
                match range {
                    Some((start, end)) => {
                        let (all, end) = (bytes.len(), bytes.len().min(end + 1));
                        let range = format!("Content-Range: bytes {start}-{}/{all}\r\n", end - 1);
                        let body = bytes[start..end].to_vec();
                        Answer { status: 206, headers: headers + &range, body }
                    }
                    None => Answer { status: 200, headers, body: bytes.clone() },
                }
            }
            _ => Answer::empty(405),
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
