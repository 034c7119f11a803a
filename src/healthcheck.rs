//! `pcf-api healthcheck`: one plain exchange with the server, for images that hold no shell and no
//! curl. No runtime, no thread, and no name look-up but for `--url`; it costs a process and a socket.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use std::{fmt, io};

use hyper::Uri;
use serde_json::Value;

use crate::authority::{BadPort, host_and_port, origin_form};
use crate::cli::{HealthcheckOptions, Output};
use crate::config::{Config, Sources};

const READY: &str = "/health/ready";
const LIVE: &str = "/health";

/// Exit status: the server says that it is not well.
const UNWELL: u8 = 1;

/// Exit status: there is no server that says anything.
const NO_ANSWER: u8 = 2;

/// Most bytes of an answer; 32 dependencies fit many times over.
const MAX_ANSWER: usize = 256 * 1024;

/// What the server said.
struct Answer {
    status: u16,
    body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
enum NoAnswer {
    /// The question cannot be asked.
    Usage(String),
    Connect(io::Error),
    Broken(io::Error),
    Timeout,
    NotHttp,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(reason) => f.write_str(reason),
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::Broken(error) => write!(f, "the connection broke: {error}"),
            Self::Timeout => f.write_str("no whole answer in time"),
            Self::NotHttp => f.write_str("the answer is not HTTP"),
        }
    }
}

impl std::error::Error for NoAnswer {}

impl NoAnswer {
    fn of(error: io::Error, otherwise: fn(io::Error) -> Self) -> Self {
        match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Self::Timeout,
            _ => otherwise(error),
        }
    }
}

/// Asks, prints and returns the exit status: 0 healthy or degraded, 1 unhealthy, starting or
/// draining, 2 no answer.
pub(crate) fn run(sources: &Sources, options: &HealthcheckOptions) -> ExitCode {
    let deadline = Instant::now() + options.timeout;
    let path = if options.is_live { LIVE } else { READY };
    let answer = match &options.url {
        None => ask_server(sources, path, deadline),
        Some(url) => ask_url(url, path, deadline),
    };
    match answer {
        Ok(answer) => {
            let is_well = (200..300).contains(&answer.status);
            match options.output {
                Output::Nothing => {}
                Output::Json => write(io::stdout(), &answer.body),
                Output::Words => write(io::stdout(), summary(&answer).as_bytes()),
            }
            if is_well { ExitCode::SUCCESS } else { ExitCode::from(UNWELL) }
        }
        Err(error) => {
            if options.output != Output::Nothing {
                write(io::stderr(), format!("pcf-api healthcheck: {error}\n").as_bytes());
            }
            ExitCode::from(NO_ANSWER)
        }
    }
}

/// Asks the server at its own configured address.
fn ask_server(sources: &Sources, path: &str, deadline: Instant) -> Result<Answer, NoAnswer> {
    let (host, port) =
        Config::load_address(sources).map_err(|error| NoAnswer::Usage(error.to_string()))?;
    let addresses: &[IpAddr] = match host {
        // Every address: the loopback of either family will do.
        host if host.is_unspecified() => {
            &[IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]
        }
        host => &[host],
    };
    let addresses: Vec<_> = addresses.iter().map(|host| SocketAddr::new(*host, port)).collect();
    ask(&addresses, "localhost", path, deadline)
}

/// Asks what someone else names, where the path may be left to us.
fn ask_url(url: &str, path: &str, deadline: Instant) -> Result<Answer, NoAnswer> {
    // SECURITY: the URL is not repeated, it may be refused because of a password in it.
    let usage = || {
        let reason = "--url: expected http://host[:port][/path], without a user and password";
        NoAnswer::Usage(reason.to_owned())
    };
    let uri: Uri = url.parse().map_err(|_| usage())?;
    let authority = uri.authority().ok_or_else(usage)?;
    if uri.scheme_str() != Some("http") || authority.as_str().contains('@') {
        return Err(usage());
    }
    let (host, port) = host_and_port(authority).map_err(|BadPort| usage())?;
    let addresses = look_up(host, port.unwrap_or(80), deadline)?;
    let path = match uri.path_and_query().map(|path| path.as_str()) {
        None | Some("/") => path.to_owned(),
        Some(path) => origin_form(path),
    };
    ask(&addresses, authority.as_str(), &path, deadline)
}

/// A resolver keeps no deadline of its own, so it gets a thread that may be left behind.
fn look_up(host: &str, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>, NoAnswer> {
    if let Ok(address) = host.parse() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let place = (host.to_owned(), port);
    thread::Builder::new()
        .spawn(move || {
            use std::net::ToSocketAddrs;
            let _ = sender.send(place.to_socket_addrs().map(Vec::from_iter));
        })
        .map_err(NoAnswer::Connect)?;
    match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(addresses) => addresses.map_err(NoAnswer::Connect),
        Err(_) => Err(NoAnswer::Timeout),
    }
}

/// The whole exchange, with the first of the addresses that takes the connection.
fn ask(
    addresses: &[SocketAddr],
    authority: &str,
    path: &str,
    deadline: Instant,
) -> Result<Answer, NoAnswer> {
    let mut stream = connect(addresses, deadline)?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {authority}\r\nuser-agent: pcf-api-healthcheck/{}\r\n\
         connection: close\r\n\r\n",
        crate::app::VERSION,
    );
    let broken = |error| NoAnswer::of(error, NoAnswer::Broken);
    stream.set_write_timeout(Some(left(deadline)?)).map_err(broken)?;
    stream.write_all(request.as_bytes()).map_err(broken)?;
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        stream.set_read_timeout(Some(left(deadline)?)).map_err(broken)?;
        let count = match stream.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken(error)),
        };
        bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
        match parse(&bytes, count == 0)? {
            Some(answer) => return Ok(answer),
            None if bytes.len() > MAX_ANSWER => return Err(NoAnswer::NotHttp),
            None => {}
        }
    }
}

fn connect(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, NoAnswer> {
    let mut last = NoAnswer::Connect(io::Error::other("the name has no address"));
    for address in addresses {
        match TcpStream::connect_timeout(address, left(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = NoAnswer::of(error, NoAnswer::Connect),
        }
    }
    Err(last)
}

fn left(deadline: Instant) -> Result<Duration, NoAnswer> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(NoAnswer::Timeout) } else { Ok(left) }
}

/// The answer, once it is whole: its head, and as much body as it says or until the end. Of a body
/// in chunks, which our server never sends here, only the status counts.
fn parse(mut bytes: &[u8], is_end: bool) -> Result<Option<Answer>, NoAnswer> {
    // Interim answers, such as 103, come before the one that counts: RFC 9110, 15.2.
    loop {
        match parse_one(bytes, is_end)? {
            Parsed::Interim(rest) => bytes = rest,
            Parsed::Whole(answer) => return Ok(Some(answer)),
            Parsed::Part => return Ok(None),
        }
    }
}

enum Parsed<'a> {
    Interim(&'a [u8]),
    Whole(Answer),
    Part,
}

fn parse_one(bytes: &[u8], is_end: bool) -> Result<Parsed<'_>, NoAnswer> {
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut response = httparse::Response::new(&mut headers);
    let head = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if is_end => return Err(NoAnswer::NotHttp),
        Ok(httparse::Status::Partial) => return Ok(Parsed::Part),
        Err(_) => return Err(NoAnswer::NotHttp),
    };
    let status = response.code.ok_or(NoAnswer::NotHttp)?;
    let field = |name: &str| {
        let found = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.and_then(|header| std::str::from_utf8(header.value).ok())
    };
    let body = bytes.get(head..).unwrap_or_default();
    if (100..200).contains(&status) {
        return Ok(Parsed::Interim(body));
    }
    let has_no_body = matches!(status, 204 | 304) || field("transfer-encoding").is_some();
    let length = if has_no_body {
        Some(0)
    } else {
        field("content-length").and_then(|length| length.trim().parse::<usize>().ok())
    };
    let whole = |body: &[u8]| Ok(Parsed::Whole(Answer { status, body: body.to_vec() }));
    match length {
        Some(length) if body.len() >= length => whole(body.get(..length).unwrap_or_default()),
        Some(_) if is_end => Err(NoAnswer::Broken(ErrorKind::UnexpectedEof.into())),
        None if is_end => whole(body),
        _ => Ok(Parsed::Part),
    }
}

/// One line for people: the status, and what is not healthy and why.
fn summary(answer: &Answer) -> String {
    let Ok(report) = serde_json::from_slice::<Value>(&answer.body) else {
        let text = String::from_utf8_lossy(&answer.body);
        let text: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
        return format!("{} {text}\n", answer.status);
    };
    let word = |value: &Value, key: &str| value.get(key)?.as_str().map(str::to_owned);
    let Some(status) = word(&report, "status") else {
        return format!("{}\n", answer.status);
    };
    let services = report.get("services").and_then(Value::as_object);
    let notes: Vec<String> = services
        .into_iter()
        .flatten()
        .filter_map(|(name, service)| {
            let (status, message) = (word(service, "status")?, word(service, "message")?);
            (status != "healthy").then(|| format!("{name} {status} ({message})"))
        })
        .collect();
    if notes.is_empty() {
        format!("{status}\n")
    } else {
        format!("{status}: {}\n", notes.join(", "))
    }
}

fn write(mut to: impl Write, bytes: &[u8]) {
    // Where nobody listens the exit status still tells.
    let _ = to.write_all(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_only_when_it_is_whole() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";
        for length in 0..whole.len() {
            assert!(parse(&whole[..length], false).unwrap().is_none(), "{length}");
            assert!(parse(&whole[..length], true).is_err(), "{length}");
        }
        assert_eq!(parse(whole, false).unwrap().unwrap().body, b"OK");
        let unsized_ = b"HTTP/1.0 503 No\r\n\r\nwhy";
        assert!(parse(unsized_, false).unwrap().is_none());
        let answer = parse(unsized_, true).unwrap().unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (503, &b"why"[..]));
        let status = |bytes| parse(bytes, false).unwrap().map(|answer| answer.status);
        assert_eq!(status(b"HTTP/1.1 103 Early Hints\r\n\r\n"), None);
        let after_hints = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(status(after_hints), Some(204));
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK";
        assert_eq!(status(chunked), Some(200));
        assert!(matches!(parse(b"SSH-2.0-OpenSSH\r\n", false), Err(NoAnswer::NotHttp)));
    }

    #[test]
    fn the_summary_names_what_is_not_healthy() {
        let body = br#"{"status":"degraded","services":{"a":{"status":"healthy","message":"ok"},
            "b":{"status":"unhealthy","message":"refused"}}}"#;
        let text = |body: &[u8]| summary(&Answer { status: 200, body: body.to_vec() });
        assert_eq!(text(body), "degraded: b unhealthy (refused)\n");
        assert_eq!(text(b"{\"status\":\"healthy\",\"services\":{}}"), "healthy\n");
        assert_eq!(text(b"OK"), "200 OK\n");
        assert_eq!(text(b"{}"), "200\n");
    }
}
