//! `MiniObjects`: what a small server keeps, and its sound answers, in as much of the dialects of S3 and of GCS as clients ask for.

use std::collections::{BTreeMap, BTreeSet};

use super::mini_s3::{Answer, Request};

/// The day of January 2030 that new objects are of.
const TODAY: u32 = 28;

/// An object.
#[derive(Clone)]
pub(crate) struct Object {
    bytes: Vec<u8>,
    /// The day of January 2030 that it is of.
    day: u32,
    /// How many had been written when it was: what GCS puts conditions on.
    generation: u64,
}

impl Object {
    /// What S3 puts conditions on.
    fn tag(&self) -> String {
        format!("\"{}\"", blake3::hash(&self.bytes).to_hex())
    }

    /// What is said of it.
    fn headers(&self) -> String {
        let weekday =
            ["Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Mon"][(self.day - 1) as usize % 7];
        let (tag, day, generation) = (self.tag(), self.day, self.generation);
        format!(
            "ETag: {tag}\r\nx-goog-generation: {generation}\r\nLast-Modified: {weekday}, {day:02} Jan 2030 00:00:00 GMT\r\n"
        )
    }
}

/// The objects, by the path of their address.
#[derive(Default)]
pub(crate) struct MiniObjects {
    all: BTreeMap<String, Object>,
    written: u64,
}

impl MiniObjects {
    /// The objects whose names have `part`.
    pub(crate) fn with(&self, part: &str) -> Vec<(String, Vec<u8>)> {
        let found = self.all.iter().filter(|(name, _)| name.contains(part));
        found.map(|(name, object)| (name.clone(), object.bytes.clone())).collect()
    }

    /// Changes each object whose name has `part`; answers how many there were.
    pub(crate) fn change(&mut self, part: &str, change: impl Fn(&mut Vec<u8>)) -> usize {
        let found = self.all.iter_mut().filter(|(name, _)| name.contains(part));
        found.map(|(_, object)| change(&mut object.bytes)).count()
    }

    /// Makes each object whose name has `part` older by `days`; answers how many there were.
    pub(crate) fn age(&mut self, part: &str, days: u32) -> usize {
        let found = self.all.iter_mut().filter(|(name, _)| name.contains(part));
        found.map(|(_, object)| object.day -= days).count()
    }

    /// Keeps an object.
    pub(crate) fn insert(&mut self, name: String, bytes: Vec<u8>) -> &Object {
        self.written += 1;
        let object = Object { bytes, day: TODAY, generation: self.written };
        self.all.entry(name).insert_entry(object).into_mut()
    }

    /// A sound answer.
    pub(crate) fn answer(&mut self, request: &Request) -> Answer {
        let (name, question) = match request.path.split_once('?') {
            Some((name, question)) => (name.to_owned(), Some(question)),
            None => (request.path.clone(), None),
        };
        match (request.method.as_str(), question) {
            ("POST", Some(question)) if question.starts_with("uploads") => Answer::xml(
                "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>",
            ),
            ("POST", Some(question)) if question.starts_with("delete") => {
                self.delete(&name, request)
            }
            ("POST", _) => self.complete(name),
            ("PUT", Some(question)) => {
                let number = field(question, "partNumber").unwrap();
                self.insert(format!("{name}#{number}"), request.body.clone());
                Answer { status: 200, headers: "ETag: \"1\"\r\n".to_owned(), body: Vec::new() }
            }
            ("PUT", None) => self.put(request, name),
            ("DELETE", None) => {
                self.all.remove(&name);
                Answer::empty(204)
            }
            ("DELETE", Some(_)) => {
                self.all.retain(|there, _| !there.starts_with(&format!("{name}#")));
                Answer::empty(204)
            }
            ("GET", Some(question)) if question.contains("list-type=2") => {
                self.list(&name, question)
            }
            ("GET" | "HEAD", _) => self.get(request, &name),
            _ => Answer::empty(405),
        }
    }

    /// Removes those that the body names.
    fn delete(&mut self, bucket: &str, request: &Request) -> Answer {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let keys = body.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
        let mut answer = "<DeleteResult>".to_owned();
        for key in keys {
            let bucket = bucket.trim_end_matches('/');
            let meant = format!("{bucket}/{}", key.replace("&amp;", "&"));
            self.all.retain(|name, _| *name != meant);
            answer += &format!("<Deleted><Key>{key}</Key></Deleted>");
        }
        Answer::xml(&(answer + "</DeleteResult>"))
    }

    /// Makes one of its parts.
    fn complete(&mut self, name: String) -> Answer {
        let mut whole = Vec::new();
        for number in 1.. {
            let Some(part) = self.all.remove(&format!("{name}#{number}")) else { break };
            whole.extend(part.bytes);
        }
        let headers = self.insert(name, whole).headers();
        let body =
            "<CompleteMultipartUploadResult><ETag>\"1\"</ETag></CompleteMultipartUploadResult>";
        Answer { headers, ..Answer::xml(body) }
    }

    /// Writes one, if its conditions are met.
    fn put(&mut self, request: &Request, name: String) -> Answer {
        let there = self.all.get(&name);
        let header = |name: &str| request.headers.get(name);
        let is_taken = header("if-none-match").is_some() && there.is_some();
        let is_other = |wanted: Option<&String>, is: Option<String>| {
            wanted.is_some_and(|wanted| Some(wanted) != is.as_ref())
        };
        let generation = there.map_or(0, |there| there.generation).to_string();
        if is_taken
            || is_other(header("if-match"), there.map(Object::tag))
            || is_other(header("x-goog-if-generation-match"), Some(generation))
        {
            return Answer::empty(412);
        }
        let headers = self.insert(name, request.body.clone()).headers();
        Answer { status: 200, headers, body: Vec::new() }
    }

    /// One of them, or a range of it.
    fn get(&self, request: &Request, name: &str) -> Answer {
        let Some(object) = self.all.get(name) else { return Answer::empty(404) };
        let (bytes, headers) = (&object.bytes, object.headers());
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

    /// The names in a bucket, from a prefix on, up to a delimiter.
    fn list(&self, bucket: &str, question: &str) -> Answer {
        let field = |name| field(question, name).map(|text| decoded(&text.replace('+', " ")));
        let (prefix, delimiter) = (field("prefix").unwrap_or_default(), field("delimiter"));
        let mut groups = BTreeSet::new();
        let mut body = "<ListBucketResult>".to_owned();
        for (name, object) in &self.all {
            let key = name.strip_prefix(bucket).and_then(|name| name.strip_prefix('/'));
            let Some(key) = key.filter(|key| !key.contains('#')) else { continue };
            let Some(rest) = key.strip_prefix(&prefix) else { continue };
            if let Some(delimiter) = &delimiter
                && let Some((group, _)) = rest.split_once(delimiter.as_str())
            {
                groups.insert(format!("{prefix}{group}{delimiter}"));
                continue;
            }
            let (key, size, day, tag) =
                (escaped(key), object.bytes.len(), object.day, object.tag());
            body += &format!(
                "<Contents><Key>{key}</Key><Size>{size}</Size><LastModified>2030-01-{day:02}T00:00:00.000Z</LastModified>\
                 <ETag>{tag}</ETag></Contents>"
            );
        }
        for group in groups {
            body +=
                &format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escaped(&group));
        }
        Answer::xml(&(body + "</ListBucketResult>"))
    }
}

/// A field of a question, as it is written.
fn field<'a>(question: &'a str, name: &str) -> Option<&'a str> {
    question.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// Text of an address, as it is meant.
pub(crate) fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// Text as XML has it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
