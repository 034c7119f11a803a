//! One check of one place: connect, say what its protocol asks for, and judge the answer.

mod attempts;
mod http;
mod postgres;
mod redis;

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;

use super::security::Encryption;
use super::target::Protocol;
use crate::identity::Identity;
use crate::text::is_deceptive;

pub(super) use attempts::{Attempt, first};
pub(super) use postgres::Memory;

/// Most bytes of an answer, which no honest one reaches.
const MAX_ANSWER: usize = 16 * 1024;

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
    /// The connection stands, and cannot be encrypted.
    #[cfg(feature = "tls")]
    Encryption(&'static str),
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
            #[cfg(feature = "tls")]
            Self::Encryption(reason) => write!(f, "no TLS: {reason}"),
        }
    }
}

impl std::error::Error for ProbeError {}

impl From<io::Error> for ProbeError {
    fn from(error: io::Error) -> Self {
        #[cfg(feature = "tls")]
        if let Some(reason) = crate::tls::why(&error) {
            return Self::Encryption(reason);
        }
        Self::Connection(error)
    }
}

/// Where a dependency is, and how it is spoken to there.
#[derive(Clone, Copy)]
pub(super) struct Peer<'a> {
    pub(super) address: SocketAddr,
    pub(super) encryption: Option<&'a Encryption>,
}

/// What is spoken on: a socket, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// Checks the dependency there.
pub(super) async fn check(
    protocol: &Protocol,
    peer: Peer<'_>,
    memory: &Memory,
    asker: Identity,
) -> Result<(), ProbeError> {
    if let Protocol::Postgres { user, database } = protocol {
        return memory.check(peer, user, database, asker.name).await;
    }
    let mut stream = connect(peer.address).await?;
    match peer.encryption {
        None => talk(&mut stream, protocol, asker).await,
        Some(encryption) => talk(&mut encryption.begin(stream).await?, protocol, asker).await,
    }
}

async fn talk(
    stream: &mut impl Stream,
    protocol: &Protocol,
    asker: Identity,
) -> Result<(), ProbeError> {
    match protocol {
        Protocol::Tcp | Protocol::Postgres { .. } => Ok(()),
        Protocol::Http { authority, path } => http::check(stream, authority, path, asker).await,
        Protocol::Redis { user, password } => {
            redis::check(stream, user.as_deref(), password.as_deref()).await
        }
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads more bytes, up to [`MAX_ANSWER`].
async fn read_more(stream: &mut impl Stream, answer: &mut Vec<u8>) -> Result<(), ProbeError> {
    if answer.len() >= MAX_ANSWER {
        return Err(ProbeError::Rejected("the answer is too long".to_owned()));
    }
    match stream.read_buf(answer).await? {
        0 => Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
        _ => Ok(()),
    }
}

/// A dependency's own words, fit for a log line and a report: short, one line.
pub(super) fn quoted(words: &[u8]) -> String {
    let words = String::from_utf8_lossy(words);
    words.chars().filter(|c| !is_deceptive(*c)).take(100).collect()
}
