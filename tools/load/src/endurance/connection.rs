//! As much of an HTTP/1.1 client (RFC 9112) as the instrument needs: keep-alive, one request at a time, bodies with a length.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Longest wait for an answer. The server itself gives up earlier.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection that is opened when it is needed.
#[derive(Debug)]
pub(crate) struct Connection {
    address: String,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
    /// Requests so far.
    pub(crate) requests: u64,
}

/// What came back, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    /// The body as JSON; null where it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

impl Connection {
    pub(crate) fn new(address: &str) -> Self {
        Self { address: address.to_owned(), stream: None, buffer: Vec::new(), requests: 0 }
    }

    pub(crate) fn get(&mut self, path: &str, token: &str) -> io::Result<Answer> {
        self.request("GET", path, token, "")
    }

    pub(crate) fn post(&mut self, path: &str, token: &str, body: &Value) -> io::Result<Answer> {
        self.request("POST", path, token, &body.to_string())
    }

    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        token: &str,
        body: &str,
    ) -> io::Result<Answer> {
        self.requests += 1;
        let authorization =
            if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{authorization}\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = self.exchange(request.as_bytes());
        if answer.is_err() {
            self.stream = None;
        }
        answer
    }

    fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => {
                let stream = TcpStream::connect(&self.address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                none.insert(stream)
            }
        };
        stream.write_all(request)?;
        self.buffer.clear();
        let head_end = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            more(stream, &mut self.buffer)?;
        };
        let head = String::from_utf8_lossy(self.buffer.get(..head_end).unwrap_or_default()).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other("an answer without a status"))?;
        let length = header(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let start = head_end.saturating_add(4);
        let end = start.saturating_add(length);
        while self.buffer.len() < end {
            more(stream, &mut self.buffer)?;
        }
        let body = String::from_utf8_lossy(self.buffer.get(start..end).unwrap_or_default()).into_owned();
        if header(&head, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            self.stream = None;
        }
        Ok(Answer { status, body })
    }
}

fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<()> {
    let mut part = [0; 8192];
    let length = stream.read(&mut part)?;
    if length == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    buffer.extend_from_slice(part.get(..length).unwrap_or_default());
    Ok(())
}

fn header<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
        .map(|(_, value)| value.trim())
}
