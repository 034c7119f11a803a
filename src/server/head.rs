//! A connection that waits for the head of its next request, with nothing but its socket and what
//! has come of the head so far.
//!
//! hyper holds two buffers of 8 KiB for each connection; a head that is whole is all that it needs to
//! begin. So ten thousand connections that are idle, or that send half a head, cost little, and
//! their time is kept in one place.

use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, sleep_until};

use super::admission::RESERVE_PATIENCE;
use super::socket::{Socket, keeps_buffers};
use super::{Limits, h2, refusal};
use crate::bounds::{Kind, Reason, Waiter};
use crate::code::Code;
use crate::error::Error;
use crate::layers::Flow;

/// How long a connection that has never asked may still do so when the service closes: it may have
/// been accepted a moment ago, with its request on the way.
const FIRST_REQUEST_GRACE: Duration = Duration::from_secs(1);

/// How much is read at once; the head of most requests fits.
const READ: usize = 2048;

/// Heads up to this size are part of what a connection costs anyway.
const SMALL: usize = 1024;

/// What came of waiting.
pub(super) enum Head {
    /// A request's head is whole, or HTTP/2 begins. More may follow it.
    Begun(Bytes),
    /// It was refused, and told so.
    Refused,
    /// The connection is over: closed by the client, or by us because nothing came in time.
    Over,
}

/// Waits for a head. `begun` was read before.
pub(super) async fn wait(
    stream: &mut Socket,
    flow: &Arc<Flow>,
    limits: &Limits,
    begun: Bytes,
) -> Head {
    let mut phases = flow.layers.lifecycle.changes();
    let mut head = Partial { bytes: begun.into(), searched: 0 };
    let mut hold = flow.share.hold();
    let mut waiter = Waiter::default();
    loop {
        match head.look(flow, limits) {
            Look::Whole => return Head::Begun(head.bytes.freeze()),
            Look::Part => {}
            Look::Refused(error) => {
                refusal::tell(stream, flow, &error).await;
                return Head::Refused;
            }
        }
        if head.bytes.capacity() > SMALL && hold.resize(head.bytes.capacity()).is_err() {
            refusal::shed(stream, flow, &head.bytes, Reason::BufferedBytes).await;
            return Head::Refused;
        }
        match read(stream, &mut head.bytes) {
            Read::Bytes => {
                flow.read();
                continue;
            }
            Read::Nothing => {}
            Read::End => return Head::Over,
        }

        let is_begun = !head.bytes.is_empty();
        let (kind, since) = waits_since(flow, is_begun, keeps_buffers(stream));
        waiter.wait(&flow.layers.bounds.waiting, kind, since);
        let deadline = pin!(sleep_until(deadline(flow, limits, since, is_begun)));
        tokio::select! {
            biased;
            readable = stream.readable() => if readable.is_err() { return Head::Over },
            () = waiter.cut() => {
                flow.layers.bounds.evict();
                return Head::Over;
            }
            () = deadline => {
                if !is_begun || flow.layers.lifecycle.is_closing() {
                    return Head::Over;
                }
                let message = "the request's head did not arrive in time";
                refusal::tell(stream, flow, &Error::new(Code::REQUEST_TIMEOUT, message)).await;
                return Head::Refused;
            }
            _ = phases.changed() => {}
        }
    }
}

/// What is waited for, and since when.
fn waits_since(flow: &Flow, is_begun: bool, keeps_buffers: bool) -> (Kind, u64) {
    let kind = if flow.is_reserve() {
        Kind::Reserve
    } else if is_begun || !flow.has_served() {
        Kind::Head
    } else if keeps_buffers {
        Kind::Lull
    } else {
        Kind::Idle
    };
    if is_begun {
        flow.await_head();
    }
    // Of a head that has begun, since its first byte; else since the last request, and not since
    // now: empty lines lead back here, and would keep a connection for ever.
    (kind, flow.head_since().unwrap_or_else(|| flow.moved_at()))
}

fn deadline(flow: &Flow, limits: &Limits, since: u64, is_begun: bool) -> Instant {
    let limit = if is_begun || !flow.has_served() {
        limits.header_read_timeout
    } else {
        limits.keep_alive_timeout
    };
    let limit = if flow.is_reserve() { limit.min(RESERVE_PATIENCE) } else { limit };
    let mut left = limit.saturating_sub(flow.elapsed(since));
    if flow.layers.lifecycle.is_closing() {
        // What has arrived is still answered; what has not is not waited for.
        let grace = if flow.has_served() { Duration::ZERO } else { FIRST_REQUEST_GRACE };
        left = left.min(grace);
    }
    Instant::now() + left
}

/// What has come of a head.
struct Partial {
    bytes: BytesMut,
    /// So many of them hold no end of a head.
    searched: usize,
}

enum Look {
    Whole,
    Part,
    Refused(Error),
}

impl Partial {
    fn look(&mut self, flow: &Flow, limits: &Limits) -> Look {
        // Empty lines in front of a request are to be ignored: RFC 9112, 2.2.
        let empty = self.bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if empty > 0 {
            drop(self.bytes.split_to(empty));
            self.searched = 0;
        }
        if self.bytes.is_empty() {
            flow.forget_head();
            return Look::Part;
        }
        if !flow.has_served() && h2::may_begin(&self.bytes) {
            return if h2::begins(&self.bytes) { Look::Whole } else { Look::Part };
        }
        if end_of_head(&self.bytes, self.searched).is_some() {
            return Look::Whole;
        }
        // Another protocol, which may never send an empty line.
        if !begins_with_a_word(&self.bytes) {
            let message = "the request does not begin with a method";
            return Look::Refused(Error::new(Code::INVALID_INPUT, message));
        }
        self.searched = self.bytes.len().saturating_sub(3);
        if self.bytes.len() <= limits.largest_head() {
            return Look::Part;
        }
        let line = self.bytes.iter().take_while(|byte| **byte != b'\n').count();
        Look::Refused(if line > limits.request.max_uri_bytes {
            limits.request.uri_too_long()
        } else {
            limits.request.header_fields_too_large()
        })
    }
}

/// Whether these bytes may be the beginning of a method and a space: RFC 9110, 5.6.2.
fn begins_with_a_word(bytes: &[u8]) -> bool {
    let end = bytes.iter().position(|byte| *byte == b' ').unwrap_or(bytes.len());
    let is_in_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    bytes.iter().take(end).all(is_in_word)
}

/// Where the first head ends; `searched` bytes are known to hold no end. A line ends in a newline,
/// with or without the carriage return in front of it: RFC 9112, 2.2.
pub(super) fn end_of_head(bytes: &[u8], searched: usize) -> Option<usize> {
    let rest = bytes.get(searched..)?;
    let mut lines = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    lines.find_map(|(at, _)| match rest.get(at + 1..)? {
        [b'\n', ..] => Some(searched + at + 2),
        [b'\r', b'\n', ..] => Some(searched + at + 3),
        _ => None,
    })
}

enum Read {
    Bytes,
    Nothing,
    End,
}

fn read(stream: &mut Socket, bytes: &mut BytesMut) -> Read {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_protocol_is_seen_by_its_first_bytes() {
        for (bytes, is_word) in [
            (&b"GE"[..], true),
            (b"M-SEARCH * ", true),
            (b"\x16\x03\x01\x02\0", false),
            (b"SSH-2.0-OpenSSH_9.2p1\r\n", false),
            (b"G\xc3\xa9T /", false),
        ] {
            assert_eq!(begins_with_a_word(bytes), is_word, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_head_ends_with_an_empty_line_however_lines_end() {
        for (bytes, end) in [
            (&b"GET / HTTP/1.1\r\nHost: x\r\n\r\nmore"[..], Some(27)),
            (b"GET / HTTP/1.1\nHost: x\n\nmore", Some(24)),
            (b"GET / HTTP/1.1\nHost: x\n\r\n", Some(25)),
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r", None),
            (b"GET / HTTP/1.1\r\nHost: x\r\n", None),
            (b"", None),
        ] {
            assert_eq!(end_of_head(bytes, 0), end, "{:?}", String::from_utf8_lossy(bytes));
            // Found as well when it comes byte by byte.
            let searched = bytes.len().min(end.unwrap_or(0)).saturating_sub(4);
            assert_eq!(end_of_head(bytes, searched), end);
        }
    }
}
