//! PostgreSQL: the start of a session is asked for, as `pg_isready` does it, and given up.
//!
//! A server that asks for a password accepts connections: that is the answer. No password is sent.
//! <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP>

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{ProbeError, quoted, read_more};

const NAME: &str = "PostgreSQL";

/// `cannot_connect_now`: the server starts up, shuts down or recovers.
const CANNOT_CONNECT_NOW: &[u8] = b"57P03";

pub(super) async fn check(
    stream: &mut TcpStream,
    user: &str,
    database: &str,
) -> Result<(), ProbeError> {
    stream.write_all(&startup(user, database)).await?;
    let mut answer = Vec::new();
    loop {
        read_more(stream, &mut answer).await?;
        if let Some(verdict) = judge(&answer) {
            // Says farewell, so that the server does not log a lost connection.
            let _ = stream.write_all(&[b'X', 0, 0, 0, 4]).await;
            return verdict;
        }
    }
}

/// The startup message: length, protocol 3.0, then names and values that end in zero.
fn startup(user: &str, database: &str) -> Vec<u8> {
    let mut message = vec![0, 0, 0, 0, 0, 3, 0, 0];
    let parameters =
        ["user", user, "database", database, "application_name", "pcf-api health check"];
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
fn judge(answer: &[u8]) -> Option<Result<(), ProbeError>> {
    let (kind, rest) = answer.split_first()?;
    let (length, body) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    match kind {
        b'R' if (8..1024).contains(&length) => Some(Ok(())),
        b'E' if (5..16 * 1024).contains(&length) => {
            let body = body.get(..length - 4)?;
            let field = |kind: u8| {
                let field =
                    body.split(|byte| *byte == 0).find(|field| field.first() == Some(&kind))?;
                field.get(1..)
            };
            match field(b'C') {
                Some(CANNOT_CONNECT_NOW) => {
                    let words = field(b'M').unwrap_or(b"cannot connect now");
                    Some(Err(ProbeError::Rejected(quoted(words))))
                }
                // Any other error (no such database, no such user, TLS required, too many
                // clients) comes from a server that is up.
                Some(_) => Some(Ok(())),
                None => Some(Err(ProbeError::NotTheProtocol(NAME))),
            }
        }
        _ => Some(Err(ProbeError::NotTheProtocol(NAME))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str, message: &str) -> Vec<u8> {
        let body = format!("SFATAL\0C{code}\0M{message}\0\0");
        let mut answer = vec![b'E'];
        answer.extend_from_slice(&u32::try_from(body.len() + 4).unwrap().to_be_bytes());
        answer.extend_from_slice(body.as_bytes());
        answer
    }

    #[test]
    fn the_startup_message_counts_itself() {
        let message = startup("me", "db");
        assert_eq!(message[..4], u32::try_from(message.len()).unwrap().to_be_bytes());
        assert!(message.ends_with(b"\0\0"));
    }

    #[test]
    fn a_server_that_asks_who_we_are_is_up_and_one_that_starts_is_not() {
        let ask = [b'R', 0, 0, 0, 8, 0, 0, 0, 5];
        assert!(matches!(judge(&ask), Some(Ok(()))));
        let starting = error("57P03", "the database system is starting up");
        let rejected = judge(&starting).unwrap().unwrap_err().to_string();
        assert_eq!(rejected, "rejected: the database system is starting up");
        assert!(matches!(judge(&error("3D000", "no such database")), Some(Ok(()))));
    }

    #[test]
    fn part_of_an_answer_is_no_verdict_and_another_protocol_is_refused() {
        let starting = error("57P03", "x");
        for length in 0..starting.len() {
            assert!(judge(&starting[..length]).is_none(), "{length}");
        }
        for garbage in
            [&b"HTTP/1.1 400 Bad"[..], b"R\0\0\0\0\0", b"E\xff\xff\xff\xff", b"E\0\0\0\x05\0"]
        {
            assert!(
                matches!(judge(garbage), Some(Err(ProbeError::NotTheProtocol(_)))),
                "{garbage:?}"
            );
        }
    }
}
