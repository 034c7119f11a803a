//! One request and its response over HTTP/1.1, and the ways in which that can fail.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Most bytes of a response.
const MAX_RESPONSE: usize = 64 * 1024;

/// What to ask, where, and how long to wait for the whole of it.
pub struct Target {
    pub address: SocketAddr,
    pub host: String,
    pub path: String,
    pub timeout: Duration,
}

/// A connection that may serve another request.
pub struct Connection(TcpStream);

/// Asks once, over the kept connection where there is one; a failure gives the connection up. The
/// body of the answer, or the kind of the failure.
pub fn ask(
    target: &Target,
    connection: &mut Option<Connection>,
    kept: bool,
) -> Result<Vec<u8>, String> {
    let deadline = Instant::now() + target.timeout;
    let mut stream = match connection.take() {
        Some(Connection(stream)) => stream,
        None => connect(target)?,
    };
    let response = exchange(target, &mut stream, kept, deadline)?;
    if kept && !response.is_last {
        *connection = Some(Connection(stream));
    }
    match response.status {
        200 => Ok(response.body),
        status => Err(format!("status {status}")),
    }
}

fn connect(target: &Target) -> Result<TcpStream, String> {
    let stream =
        TcpStream::connect_timeout(&target.address, target.timeout).map_err(|error| match error
            .kind()
        {
            ErrorKind::ConnectionRefused => "connection refused".to_owned(),
            ErrorKind::TimedOut => "connection timed out".to_owned(),
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "unreachable".to_owned(),
            kind => format!("connect: {kind}"),
        })?;
    stream.set_nodelay(true).map_err(|error| kind_of(&error))?;
    Ok(stream)
}

struct Response {
    status: u16,
    is_last: bool,
    body: Vec<u8>,
}

fn exchange(
    target: &Target,
    stream: &mut TcpStream,
    kept: bool,
    deadline: Instant,
) -> Result<Response, String> {
    let connection = if kept { "keep-alive" } else { "close" };
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: {}\r\nconnection: {connection}\r\n\r\n",
        target.path, target.host
    );
    stream.set_write_timeout(Some(target.timeout)).map_err(|error| kind_of(&error))?;
    stream.write_all(request.as_bytes()).map_err(|error| kind_of(&error))?;
    let mut bytes = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err("timed out".to_owned());
        }
        stream.set_read_timeout(Some(left)).map_err(|error| kind_of(&error))?;
        let mut part = [0; 4096];
        let count = stream.read(&mut part).map_err(|error| kind_of(&error))?;
        if count == 0 {
            let when = if bytes.is_empty() { "before" } else { "within" };
            return Err(format!("closed {when} the response"));
        }
        bytes.extend_from_slice(part.get(..count).unwrap_or_default());
        if let Some(response) = read(&bytes)? {
            return Ok(response);
        }
        if bytes.len() > MAX_RESPONSE {
            return Err("response too large".to_owned());
        }
    }
}

/// The response, once all of it is there.
fn read(bytes: &[u8]) -> Result<Option<Response>, String> {
    let malformed = || "malformed response".to_owned();
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(start) = head.parse(bytes).map_err(|_| malformed())? else {
        return Ok(None);
    };
    let find = |name: &str| {
        let header = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok()
    };
    let length: usize =
        find("content-length").and_then(|length| length.parse().ok()).ok_or_else(malformed)?;
    let is_last = find("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let status = head.code.ok_or_else(malformed)?;
    let body = bytes.get(start..start.saturating_add(length));
    Ok(body.map(|body| Response { status, is_last, body: body.to_vec() }))
}

fn kind_of(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "timed out".to_owned(),
        ErrorKind::ConnectionReset => "connection reset".to_owned(),
        ErrorKind::BrokenPipe => "closed before the request".to_owned(),
        kind => kind.to_string(),
    }
}
