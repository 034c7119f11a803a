//! `pcf-api healthcheck`: one plain exchange with the server, for images that hold no shell and no
//! curl. No runtime, no thread, and no name look-up but for `--url`; it costs a process and a socket.

mod answer;
mod stream;

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;
use std::{fmt, io};

use hyper::Uri;
use serde_json::Value;

use crate::authority::{BadPort, host_and_port, origin_form};
use crate::cli::{HealthcheckOptions, Output};
use crate::config::Config;
use crate::identity::Identity;
use crate::settings::{ConfigError, Sources};
use crate::text::{escaped, is_deceptive};

use answer::{Answer, parse};
use stream::{Encryption, Stream};

const READY: &str = "/health/ready";
const LIVE: &str = "/health";

/// Exit status: the server says that it is not well.
const UNWELL: u8 = 1;

/// Exit status: there is no server that says anything.
const NO_ANSWER: u8 = 2;

/// Most bytes of an answer; 32 dependencies fit many times over.
const MAX_ANSWER: usize = 256 * 1024;

/// Most characters that are printed of an answer that is no report.
const MAX_SHOWN: usize = 200;

/// What may be asked.
const EXPECTED_URL: &str = if cfg!(feature = "tls") {
    "expected http:// or https://host[:port][/path]"
} else {
    "expected http://host[:port][/path]"
};

/// Why there is no answer.
#[derive(Debug)]
enum NoAnswer {
    /// The question cannot be asked.
    Usage(String),
    Connect(io::Error),
    Broken(io::Error),
    /// The connection stands, and cannot be encrypted.
    #[cfg(feature = "tls")]
    Encryption(String),
    Timeout,
    NotHttp,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(reason) => f.write_str(reason),
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::Broken(error) => write!(f, "the connection broke: {error}"),
            #[cfg(feature = "tls")]
            Self::Encryption(reason) => write!(f, "no TLS: {reason}"),
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
            _ => Self::of_encryption(&error).unwrap_or_else(|| otherwise(error)),
        }
    }

    #[cfg(feature = "tls")]
    fn of_encryption(error: &io::Error) -> Option<Self> {
        Some(Self::Encryption(crate::tls::why(error)?.to_owned()))
    }

    #[cfg(not(feature = "tls"))]
    fn of_encryption(_: &io::Error) -> Option<Self> {
        None
    }
}

/// Asks, prints and returns the exit status: 0 healthy or degraded, 1 unhealthy, starting or
/// draining, 2 no answer.
pub(crate) fn run(identity: Identity, sources: &Sources, options: &HealthcheckOptions) -> ExitCode {
    let deadline = Instant::now() + options.timeout;
    let path = if options.is_live { LIVE } else { READY };
    let answer = match &options.url {
        None => ask_server(identity, sources, path, deadline),
        Some(url) => ask_url(identity, url, path, deadline),
    };
    match answer {
        Ok(answer) => {
            let is_well = (200..300).contains(&answer.status);
            match options.output {
                Output::Nothing => {}
                Output::Json => write(io::stdout(), &safe_json(&answer.body)),
                Output::Words => write(io::stdout(), &summary(&answer)),
            }
            if is_well { ExitCode::SUCCESS } else { ExitCode::from(UNWELL) }
        }
        Err(error) => {
            if options.output != Output::Nothing {
                write(io::stderr(), &format!("{} healthcheck: {error}", identity.name));
            }
            ExitCode::from(NO_ANSWER)
        }
    }
}

/// Asks the server at its own configured address.
fn ask_server(
    identity: Identity,
    sources: &Sources,
    path: &str,
    deadline: Instant,
) -> Result<Answer, NoAnswer> {
    let usage = |error: ConfigError| NoAnswer::Usage(error.to_string());
    let (host, port) = Config::load_address(sources).map_err(usage)?;
    let encryption = Encryption::of_server(sources).map_err(usage)?;
    let addresses: &[IpAddr] = match host {
        // Every address: the loopback of either family will do.
        host if host.is_unspecified() => {
            &[IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]
        }
        host => &[host],
    };
    let addresses: Vec<_> = addresses.iter().map(|host| SocketAddr::new(*host, port)).collect();
    ask(identity, &addresses, encryption, "localhost", path, deadline)
}

/// Asks what someone else names, where the path may be left to us.
fn ask_url(
    identity: Identity,
    url: &str,
    path: &str,
    deadline: Instant,
) -> Result<Answer, NoAnswer> {
    // SECURITY: the URL is not repeated, it may be refused because of a password in it.
    let usage = || NoAnswer::Usage(format!("--url: {EXPECTED_URL}, without a user and password"));
    let uri: Uri = url.parse().map_err(|_| usage())?;
    let authority = uri.authority().ok_or_else(usage)?;
    if authority.as_str().contains('@') {
        return Err(usage());
    }
    let (host, port) = host_and_port(authority.as_str()).map_err(|BadPort| usage())?;
    let (encryption, default_port) =
        Encryption::of_url(uri.scheme_str().unwrap_or_default(), host).ok_or_else(usage)??;
    let addresses = look_up(host, port.unwrap_or(default_port), deadline)?;
    let path = match uri.path_and_query().map(|path| path.as_str()) {
        None | Some("/") => path.to_owned(),
        Some(path) => origin_form(path),
    };
    ask(identity, &addresses, encryption, authority.as_str(), &path, deadline)
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
    identity: Identity,
    addresses: &[SocketAddr],
    encryption: Encryption,
    authority: &str,
    path: &str,
    deadline: Instant,
) -> Result<Answer, NoAnswer> {
    let mut stream = Stream::connect_with(addresses, encryption, deadline)?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {authority}\r\nuser-agent: {}-healthcheck/{}\r\n\
         connection: close\r\n\r\n",
        identity.name, identity.version,
    );
    let broken = |error| NoAnswer::of(error, NoAnswer::Broken);
    stream.write_all(request.as_bytes()).map_err(broken)?;
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
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

/// For people: the status, and what is not healthy and why; of a refusal its message.
fn summary(answer: &Answer) -> String {
    let status = answer.status;
    let with_status =
        |text: &str| format!("{status} {}", text.chars().take(MAX_SHOWN).collect::<String>());
    let text = match serde_json::from_slice::<Value>(&answer.body) {
        Ok(json) => summary_of(&json)
            .or_else(|| Some(with_status(json.get("error")?.get("message")?.as_str()?)))
            .unwrap_or_else(|| status.to_string()),
        Err(_) => with_status(&String::from_utf8_lossy(&answer.body)),
    };
    text.chars().filter(|c| !is_deceptive(*c)).collect()
}

fn summary_of(report: &Value) -> Option<String> {
    let word = |value: &Value, key: &str| value.get(key)?.as_str().map(str::to_owned);
    let status = word(report, "status")?;
    let services = report.get("services").and_then(Value::as_object);
    let notes: Vec<String> = services
        .into_iter()
        .flatten()
        .filter_map(|(name, service)| {
            let (status, message) = (word(service, "status")?, word(service, "message")?);
            (status != "healthy").then(|| format!("{name} {status} ({message})"))
        })
        .collect();
    Some(if notes.is_empty() { status } else { format!("{status}: {}", notes.join(", ")) })
}

/// The same JSON without a character that a terminal would obey.
fn safe_json(body: &[u8]) -> String {
    let mut text = String::new();
    for c in String::from_utf8_lossy(body).trim().chars() {
        match c {
            '\n' | '\r' | '\t' => text.push(' '),
            c if is_deceptive(c) => text.push_str(&escaped(c)),
            c => text.push(c),
        }
    }
    text
}

fn write(mut to: impl Write, line: &str) {
    // Where nobody listens the exit status still tells.
    let _ = to.write_all(format!("{line}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &[u8]) -> String {
        summary(&Answer { status: 200, body: body.to_vec() })
    }

    #[test]
    fn the_summary_names_what_is_not_healthy() {
        let body = br#"{"status":"degraded","services":{"a":{"status":"healthy","message":"ok"},
            "b":{"status":"unhealthy","message":"refused"}}}"#;
        assert_eq!(text(body), "degraded: b unhealthy (refused)");
        assert_eq!(text(b"{\"status\":\"healthy\",\"services\":{}}"), "healthy");
        assert_eq!(text(b"OK"), "200 OK");
        assert_eq!(text(b"{}"), "200");
    }

    #[test]
    fn the_summary_of_a_refusal_is_its_message_up_to_a_bound() {
        let told = |message: &str| {
            let body = serde_json::json!({ "error": { "code": "X", "message": message } });
            summary(&Answer { status: 400, body: body.to_string().into_bytes() })
        };
        assert_eq!(told("ask with\n https://\u{1b}[2J"), "400 ask with https://[2J");
        assert_eq!(told(&"ü".repeat(9000)).chars().count(), 204);
        let other = Answer { status: 404, body: b"{\"error\":\"gone\"}".to_vec() };
        assert_eq!(summary(&other), "404");
    }

    #[test]
    fn nothing_that_is_printed_steers_a_terminal() {
        let words = "{\"status\":\"a\\u001b[2Jb\",\"services\":{\"c\\u202e\":{\"status\":\"d\\n\",\"message\":\"e\\u0007\"}}}";
        assert_eq!(text(words.as_bytes()), "a[2Jb: c d (e)");
        assert_eq!(text("a\n\u{1b}[2J\u{9b}2J\u{202e}b".as_bytes()), "200 a[2J2Jb");
        let json = "{\n\t\"a\": \"\u{1b}\u{7f}\u{9b}\u{202e}ü\"\r\n}\n";
        assert_eq!(safe_json(json.as_bytes()), r#"{  "a": "\u001b\u007f\u009b\u202eü"  }"#);
        assert_eq!(safe_json(b"\xffOK"), "\u{fffd}OK");
    }
}
