//! Closing a connection so that the client gets the whole response.
//!
//! A socket that is closed while bytes of the client are unread, or are still to come, is reset by
//! the kernel, and the reset may overtake the response: a client that is still sending its too large
//! body would see "connection reset" in place of 413, and one of HTTP/2, which says what it has
//! taken, would lose the end of its last answer. So the sending half is closed first, and what the
//! client still sends is read and thrown away, within bounds. RFC 9112, 9.6.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::socket::Socket;

/// How long a client may be silent before the socket is closed.
const QUIET: Duration = Duration::from_secs(1);

const MOST_BYTES: usize = 8 * 1024 * 1024;

/// The end of a connection.
pub(super) struct Linger {
    /// How long it may take.
    limit: Duration,
    /// From when on, and when a client is silent for too long; nothing before the first poll.
    began: Option<(Instant, Pin<Box<Sleep>>)>,
    /// Whether the sending half is closed. An encrypted one has a farewell to send before.
    is_shut: bool,
    left: usize,
}

impl Linger {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, began: None, is_shut: false, left: MOST_BYTES }
    }

    /// Ready when the client has closed its side, or a bound is reached.
    pub(super) fn poll(&mut self, stream: &mut Socket, context: &mut Context<'_>) -> Poll<()> {
        let (began, silence) = self
            .began
            .get_or_insert_with(|| (Instant::now(), Box::pin(sleep(QUIET.min(self.limit)))));
        if !self.is_shut {
            match Pin::new(&mut *stream).poll_shutdown(context) {
                Poll::Ready(Ok(())) => self.is_shut = true,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => return silence.as_mut().poll(context),
            }
        }
        while self.left > 0 && silence.as_mut().poll(context).is_pending() {
            // On the stack only while it is read: thousands may linger.
            let mut bytes = [0; 8 * 1024];
            let mut buffer = ReadBuf::new(&mut bytes);
            let read = ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
            self.left = self.left.saturating_sub(buffer.filled().len());
            silence.as_mut().reset((Instant::now() + QUIET).min(*began + self.limit));
        }
        Poll::Ready(())
    }
}

/// Closes a socket that nobody else has.
pub(super) async fn close(mut stream: Socket) {
    let mut linger = Linger::new(QUIET);
    poll_fn(|context| linger.poll(&mut stream, context)).await;
}
