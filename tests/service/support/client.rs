//! A plain HTTP/1.1 client on one socket: what is sent is exactly what the test says.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::PATIENCE;

pub struct Client {
    pub stream: TcpStream,
    ahead: Vec<u8>,
}

/// A response, taken apart.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Client {
    pub fn connect(port: u16) -> Self {
        Self::of(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap())
    }

    /// One on a connection that stands.
    pub fn of(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, ahead: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends without minding that the server may have closed.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// A request line, the usual headers and an empty body.
    pub fn request(&mut self, method: &str, path: &str) -> Response {
        self.send(format!("{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        self.response_to(method)
    }

    pub fn get(&mut self, path: &str) -> Response {
        self.request("GET", path)
    }

    pub fn post(&mut self, path: &str, media_type: &str, body: &[u8]) -> Response {
        self.send(format!(
            "POST {path} HTTP/1.1\r\nHost: test\r\nContent-Type: {media_type}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        ));
        // One that refuses the body may close before all of it is sent; what it said is there to be read.
        self.try_send(body);
        self.response()
    }

    pub fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    /// Reads one response; a response to HEAD has no body.
    pub fn response_to(&mut self, method: &str) -> Response {
        self.try_response_to(method).unwrap_or_else(|error| panic!("no response: {error}"))
    }

    pub fn try_response_to(&mut self, method: &str) -> Result<Response, String> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 64];
            let mut head = httparse::Response::new(&mut headers);
            if let httparse::Status::Complete(length) =
                head.parse(&self.ahead).map_err(|error| error.to_string())?
            {
                let status = head.code.unwrap();
                let headers: Vec<(String, String)> = head
                    .headers
                    .iter()
                    .map(|h| (h.name.to_lowercase(), String::from_utf8_lossy(h.value).into_owned()))
                    .collect();
                self.ahead.drain(..length);
                let mut response = Response { status, headers, body: Vec::new() };
                if status == 100 {
                    continue;
                }
                if method != "HEAD" && status != 204 {
                    let length = response.header("content-length").map(|l| l.parse().unwrap());
                    response.body = self.body(length)?;
                }
                return Ok(response);
            }
            if self.read_more()? == 0 {
                return Err(format!("closed after {:?}", String::from_utf8_lossy(&self.ahead)));
            }
        }
    }

    /// What the server sends before it closes or resets; that it does is waited for.
    pub fn rest_until_close(&mut self) -> Vec<u8> {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => self.ahead.extend_from_slice(&buffer[..count]),
                Err(error) if is_timeout(&error) => panic!("not closed within {PATIENCE:?}"),
                Err(_) => break,
            }
        }
        std::mem::take(&mut self.ahead)
    }

    /// Whether the connection is still open and silent after this time.
    pub fn is_open_after(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let found = self.stream.read(&mut [0; 1]);
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let is_open = matches!(&found, Err(error) if is_timeout(error));
        if !is_open {
            eprintln!("not open and silent: {found:?}");
        }
        is_open
    }

    pub fn finish_sending(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    fn body(&mut self, length: Option<usize>) -> Result<Vec<u8>, String> {
        loop {
            match length {
                Some(length) if self.ahead.len() >= length => {
                    return Ok(self.ahead.drain(..length).collect());
                }
                _ => {}
            }
            if self.read_more()? == 0 {
                return match length {
                    Some(length) => Err(format!("closed at {} of {length}", self.ahead.len())),
                    None => Ok(std::mem::take(&mut self.ahead)),
                };
            }
        }
    }

    fn read_more(&mut self) -> Result<usize, String> {
        let mut buffer = vec![0; 64 * 1024];
        let count = self.stream.read(&mut buffer).map_err(|error| error.to_string())?;
        self.ahead.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The status and the envelope's code; checks that the envelope is whole.
    pub fn error(&self) -> (u16, String) {
        let json = self.json();
        let error = json["error"].as_object().unwrap_or_else(|| panic!("{self:?}"));
        let text = |key: &str| error[key].as_str().unwrap().to_owned();
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        assert_eq!(self.header("x-request-id"), Some(text("trace_id").as_str()), "{self:?}");
        let traceparent = self.header("traceparent").unwrap();
        assert_eq!(traceparent.split('-').nth(1), Some(text("trace_id").as_str()), "{self:?}");
        assert!(!text("message").is_empty() && text("timestamp").ends_with('Z'), "{self:?}");
        (self.status, text("code"))
    }
}
