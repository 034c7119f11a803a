//! PostgreSQL: the start of a session is asked for, as `pg_isready` does it, and given up.
//!
//! A server that asks for a password accepts connections: that is the answer. No password is sent.
//! <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP>
//!
//! The server's own log is its owner's to read: a check that comes every few seconds leaves no line
//! in it. What is asked for a password, and hears nothing more, is no event to the server. A
//! refusal is one: no entry in pg_hba.conf, TLS or a certificate required, no such database. Whether
//! there will be one, only asking tells; so it is asked once, and from then on in another way.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Peer, ProbeError, Stream, connect, quoted, read_more};

const NAME: &str = "PostgreSQL";

/// `cannot_connect_now`: the server starts up, shuts down or recovers.
const CANNOT_CONNECT_NOW: &[u8] = b"57P03";

/// GSSENCRequest: whether the session may be encrypted by Kerberos. A server answers it with one
/// byte, whatever its state, and logs nothing when the client then leaves. (After an SSLRequest it
/// would.)
const ENCRYPTION_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30];

/// SSLRequest: whether the session may be encrypted by TLS.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Terminate: so that the server does not wait for a first query.
const TERMINATE: [u8; 5] = [b'X', 0, 0, 0, 4];

/// Most servers that are remembered: more than a URL's hosts have addresses.
const MAX_REMEMBERED: usize = 64;

/// Which servers write into their log when they are asked for a session. Each is forgotten when it
/// fails: one that comes back is asked for its state, which only a session's start tells.
#[derive(Debug, Default)]
pub(in super::super) struct Memory(Mutex<Vec<SocketAddr>>);

/// What the answer of a server that accepts connections is to it.
#[derive(Debug, PartialEq, Eq)]
enum Accepts {
    /// It waits for a password. To leave is no event.
    Silently,
    /// It has begun a session.
    WithSession,
    /// It has refused, and logged that.
    WithTrace,
}

impl Memory {
    pub(super) async fn check(
        &self,
        peer: Peer<'_>,
        user: &str,
        database: &str,
        service: &str,
    ) -> Result<(), ProbeError> {
        let address = peer.address;
        // Taken out first: a check that times out ends here, and is a failure too.
        let is_remembered = self.forget(address);
        let result = if is_remembered {
            ask_quietly(peer).await.map(|()| Accepts::WithTrace)
        } else {
            ask(peer, user, database, service).await
        };
        if matches!(result, Ok(Accepts::WithTrace)) {
            self.remember(address);
        }
        result.map(drop)
    }

    /// Whether it was remembered.
    fn forget(&self, address: SocketAddr) -> bool {
        let mut servers = self.servers();
        let known = servers.iter().position(|known| *known == address);
        known.map(|at| servers.swap_remove(at)).is_some()
    }

    fn remember(&self, address: SocketAddr) {
        let mut servers = self.servers();
        if servers.len() >= MAX_REMEMBERED {
            servers.remove(0);
        }
        servers.push(address);
    }

    fn servers(&self) -> MutexGuard<'_, Vec<SocketAddr>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ask(
    peer: Peer<'_>,
    user: &str,
    database: &str,
    service: &str,
) -> Result<Accepts, ProbeError> {
    let mut stream = connect(peer.address).await?;
    match peer.encryption {
        None => ask_for_session(&mut stream, user, database, service).await,
        Some(encryption) => {
            ask_for_tls(&mut stream).await?;
            let mut stream = encryption.begin(stream).await?;
            let answer = ask_for_session(&mut stream, user, database, service).await;
            // The server would log a session of TLS that is cut.
            let _ = stream.shutdown().await;
            answer
        }
    }
}

/// Asks for a session. The answer is read whole: the server would log a connection that is reset.
async fn ask_for_session(
    stream: &mut impl Stream,
    user: &str,
    database: &str,
    service: &str,
) -> Result<Accepts, ProbeError> {
    stream.write_all(&startup(user, database, service)).await?;
    let mut answer = Vec::new();
    let verdict = loop {
        read_more(stream, &mut answer).await?;
        if let Some(verdict) = judge(&answer) {
            break verdict;
        }
    };
    if matches!(verdict, Ok(Accepts::WithSession)) {
        let _ = stream.write_all(&TERMINATE).await;
    }
    verdict
}

/// Asks whether there is a server. That it accepts connections was known.
async fn ask_quietly(peer: Peer<'_>) -> Result<(), ProbeError> {
    let mut stream = connect(peer.address).await?;
    if let Some(encryption) = peer.encryption {
        // To leave after the handshake is no event either.
        ask_for_tls(&mut stream).await?;
        let _ = encryption.begin(stream).await?.shutdown().await;
        return Ok(());
    }
    stream.write_all(&ENCRYPTION_REQUEST).await?;
    let mut answer = Vec::new();
    read_more(&mut stream, &mut answer).await?;
    match answer.first() {
        // An error is the answer of a server of the years before 2019.
        Some(b'G' | b'N' | b'E') => Ok(()),
        _ => Err(ProbeError::NotTheProtocol(NAME)),
    }
}

/// Asks for TLS, which the server must have. Not a byte behind its answer is read: that would be before
/// encryption, and not the server's.
async fn ask_for_tls(stream: &mut TcpStream) -> Result<(), ProbeError> {
    stream.write_all(&TLS_REQUEST).await?;
    match stream.read_u8().await? {
        b'S' => Ok(()),
        b'N' => Err(ProbeError::Rejected("the server has no TLS".to_owned())),
        _ => Err(ProbeError::NotTheProtocol(NAME)),
    }
}

/// The startup message: length, protocol 3.0, then names and values that end in zero.
fn startup(user: &str, database: &str, service: &str) -> Vec<u8> {
    let name = format!("{service} health check");
    let mut message = vec![0, 0, 0, 0, 0, 3, 0, 0];
    let parameters = ["user", user, "database", database, "application_name", name.as_str()];
    for text in parameters {
        message.extend_from_slice(text.as_bytes());
        message.push(0);
    }
    message.push(0);
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    message.splice(..4, length);
    message
}

/// The verdict of an answer, once enough of it has come.
fn judge(mut answer: &[u8]) -> Option<Result<Accepts, ProbeError>> {
    const NOT_POSTGRES: Option<Result<Accepts, ProbeError>> =
        Some(Err(ProbeError::NotTheProtocol(NAME)));
    loop {
        let (kind, rest) = answer.split_first()?;
        // Authentication, Error, Notice, ParameterStatus, BackendKeyData,
        // NegotiateProtocolVersion, ReadyForQuery.
        if !b"RENSKvZ".contains(kind) {
            return NOT_POSTGRES;
        }
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if !(5..super::MAX_ANSWER).contains(&length) {
            return NOT_POSTGRES;
        }
        let (body, rest) = rest.split_at_checked(length - 4)?;
        match (kind, body) {
            // The password was not needed, and the session begins.
            (b'R', [0, 0, 0, 0]) => {}
            // GSSAPI and SSPI: to leave there is a failed authentication.
            (b'R', [0, 0, 0, 7 | 9]) => return Some(Ok(Accepts::WithTrace)),
            (b'R', _) => return Some(Ok(Accepts::Silently)),
            (b'Z', _) => return Some(Ok(Accepts::WithSession)),
            (b'E', _) => return Some(judge_error(body)),
            _ => {}
        }
        answer = rest;
    }
}

fn judge_error(body: &[u8]) -> Result<Accepts, ProbeError> {
    let field = |kind: u8| {
        let field = body.split(|byte| *byte == 0).find(|field| field.first() == Some(&kind))?;
        field.get(1..)
    };
    match field(b'C') {
        Some(CANNOT_CONNECT_NOW) => {
            let words = field(b'M').unwrap_or(b"cannot connect now");
            Err(ProbeError::Rejected(quoted(words)))
        }
        // Any other error (no such database, no such user, TLS required, too many clients) comes
        // from a server that is up.
        Some(_) => Ok(Accepts::WithTrace),
        None => Err(ProbeError::NotTheProtocol(NAME)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[kind], &length[..], body].concat()
    }

    fn error(code: &str, words: &str) -> Vec<u8> {
        message(b'E', format!("SFATAL\0C{code}\0M{words}\0\0").as_bytes())
    }

    fn accepts(answer: &[u8]) -> Accepts {
        judge(answer).expect("a verdict").expect("a good one")
    }

    #[test]
    fn the_startup_message_counts_itself() {
        let message = startup("me", "db", "shop");
        assert_eq!(message[..4], u32::try_from(message.len()).unwrap().to_be_bytes());
        assert!(message.ends_with(b"\0\0"));
    }

    #[test]
    fn a_server_that_asks_who_we_are_is_up_and_one_that_starts_is_not() {
        let ask = |code: u8| message(b'R', &[0, 0, 0, code]);
        assert_eq!([3, 5].map(|code| accepts(&ask(code))), [Accepts::Silently, Accepts::Silently]);
        assert_eq!(accepts(&message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0")), Accepts::Silently);
        assert_eq!(accepts(&ask(7)), Accepts::WithTrace, "GSSAPI");
        let starting = error("57P03", "the database system is starting up");
        let rejected = judge(&starting).unwrap().unwrap_err().to_string();
        assert_eq!(rejected, "rejected: the database system is starting up");
        assert_eq!(accepts(&error("28000", "no pg_hba.conf entry")), Accepts::WithTrace);
    }

    #[test]
    fn a_session_that_needs_no_password_is_waited_for() {
        let begins = [message(b'R', &[0; 4]), message(b'S', b"a\0b\0"), message(b'K', &[1; 8])];
        let begins = begins.concat();
        assert!(judge(&begins).is_none());
        assert_eq!(accepts(&[&begins[..], &message(b'Z', b"I")].concat()), Accepts::WithSession);
        let no_database = [&begins[..], &error("3D000", "no such database")].concat();
        assert_eq!(accepts(&no_database), Accepts::WithTrace);
    }

    #[test]
    fn part_of_an_answer_is_no_verdict_and_another_protocol_is_refused() {
        let answers = [error("57P03", "x"), message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0")];
        for answer in answers {
            for length in 0..answer.len() {
                assert!(judge(&answer[..length]).is_none(), "{length}");
            }
        }
        for garbage in [
            &b"HTTP/1.1 400 Bad"[..],
            b"R\0\0\0\0\0",
            b"E\xff\xff\xff\xff",
            b"E\0\0\0\x05\0",
            b"R\0\0\0\x08\0\0\0\0+PONG",
        ] {
            assert!(
                matches!(judge(garbage), Some(Err(ProbeError::NotTheProtocol(_)))),
                "{garbage:?}"
            );
        }
    }
}
