//! One check of one dependency: connect, say what its protocol asks for, and judge the answer.

mod connect;
mod http;
mod postgres;
mod redis;

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::target::{Protocol, Target};

/// Why a check failed. Its text is shown to anyone who may ask for readiness: it names no host, no
/// user and no secret.
#[derive(Debug)]
pub(super) enum ProbeError {
    /// The connection could not be made, or broke.
    Connection(io::Error),
    /// The dependency answered, and refused.
    Rejected(String),
    /// What came was not the protocol that was expected.
    NotTheProtocol(&'static str),
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(error) => f.write_str(match error.kind() {
                ErrorKind::ConnectionRefused => "connection refused",
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "connection reset",
                ErrorKind::UnexpectedEof => "closed without an answer",
                ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "not reachable",
                _ => "connection failed",
            }),
            Self::Rejected(reason) => write!(f, "rejected: {reason}"),
            Self::NotTheProtocol(expected) => write!(f, "answered, but not as {expected}"),
        }
    }
}

impl std::error::Error for ProbeError {}

impl From<io::Error> for ProbeError {
    fn from(error: io::Error) -> Self {
        Self::Connection(error)
    }
}

/// Checks the dependency at the first of these addresses that takes a connection.
pub(super) async fn check(target: &Target, addresses: &[SocketAddr]) -> Result<(), ProbeError> {
    let mut stream = connect::first(addresses).await?;
    stream.set_nodelay(true)?;
    match &target.protocol {
        Protocol::Tcp => Ok(()),
        Protocol::Http { authority, path } => http::check(&mut stream, authority, path).await,
        Protocol::Postgres { user, database } => postgres::check(&mut stream, user, database).await,
        Protocol::Redis { user, password } => {
            redis::check(&mut stream, user.as_deref(), password.as_deref()).await
        }
    }
}

/// Reads more bytes, up to a bound that no honest answer reaches.
async fn read_more(stream: &mut TcpStream, answer: &mut Vec<u8>) -> Result<(), ProbeError> {
    const MOST: usize = 16 * 1024;
    if answer.len() >= MOST {
        return Err(ProbeError::Rejected("the answer is too long".to_owned()));
    }
    match stream.read_buf(answer).await? {
        0 => Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
        _ => Ok(()),
    }
}

/// A dependency's own words, fit for a log line and a report: short, one line.
fn quoted(words: &[u8]) -> String {
    let words = String::from_utf8_lossy(words);
    words.chars().filter(|c| !c.is_control()).take(100).collect()
}
