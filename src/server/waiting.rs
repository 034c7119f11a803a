//! A connection that waits for its next request, with nothing but its socket.

use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::connection::Connection;
use super::h2;

/// How long a connection that has never asked may still do so when the service closes: it may have
/// been accepted a moment ago, with its request on the way.
const FIRST_REQUEST_GRACE: Duration = Duration::from_secs(1);

/// How much is read at once; the head of most requests fits.
const READ: usize = 1024;

/// The next bytes of the client, or none when the connection is over: closed by the client, or by us
/// because nothing came in time.
pub(super) async fn for_bytes(stream: &TcpStream, connection: &Connection) -> Option<Bytes> {
    let mut phases = connection.app().lifecycle.changes();
    let (config, class) = (&connection.app().config.server, connection.class());
    // Since the last request, not since now: empty lines lead back here, and would keep it for ever.
    let idle = connection.elapsed(connection.flow().moved_at());
    let mut deadline =
        Instant::now() + class.at_most(config.keep_alive_timeout).saturating_sub(idle);
    let mut begun = Vec::new();
    loop {
        if connection.app().lifecycle.is_closing() {
            // What has arrived is still answered; what has not is not waited for.
            let grace =
                if connection.flow().has_served() { Duration::ZERO } else { FIRST_REQUEST_GRACE };
            deadline = deadline.min(Instant::now() + grace);
        }
        tokio::select! {
            biased;
            readable = stream.readable() => {
                readable.ok()?;
                match read(stream, &mut begun) {
                    Read::Bytes if !h2::may_begin(&begun) => return Some(begun.into()),
                    Read::Bytes => {
                        // The rest of an HTTP/2 preface is waited for as for a request's head, for
                        // `P` may also become POST.
                        let limit = class.at_most(config.header_read_timeout);
                        deadline = deadline.min(Instant::now() + limit);
                        connection.flow().read();
                        connection.flow().await_head(|| connection.now());
                    }
                    Read::Nothing => {}
                    Read::End => return None,
                }
            }
            // What has begun is left to HTTP/1.1, which answers that the rest did not come.
            () = sleep_until(deadline) => return (!begun.is_empty()).then(|| begun.into()),
            _ = phases.changed() => {}
        }
    }
}

enum Read {
    Bytes,
    Nothing,
    End,
}

fn read(stream: &TcpStream, bytes: &mut Vec<u8>) -> Read {
    let mut buffer = [0; READ];
    match stream.try_read(&mut buffer) {
        Ok(0) => Read::End,
        Ok(count) => {
            bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
            Read::Bytes
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Read::Nothing,
        Err(_) => Read::End,
    }
}
