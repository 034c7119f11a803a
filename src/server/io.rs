//! A socket as hyper sees it: bytes that were read before come first, what moves is noted in the
//! connection's flow, no connection reads for long at a time, and the end of the socket stays ours.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, Interest, ReadBuf, Take};
use tokio::task::yield_now;

use super::gate;
use super::linger::Linger;
use super::socket::{Socket, keeps_buffers};
use crate::layers::Flow;

/// How much a connection may read in one turn: 2 KiB of compressed header fields may become thousands
/// of fields, and others wait.
const TURN: u64 = 8 * 1024;

/// The same after a turn in which requests of HTTP/2 began, for all that is read begins before any is
/// answered: about twenty small ones.
const TURN_OF_REQUESTS: u64 = 256;

pub(super) struct Io {
    /// Limited to what is left of this turn, or of this read.
    stream: Take<Socket>,
    /// Read, and not handed over yet.
    ahead: Bytes,
    flow: Arc<Flow>,
    /// Which turn this is, how much may still be read in it, and how many requests of HTTP/2 had begun
    /// before it.
    turn: u32,
    left: u64,
    requests: u32,
    /// Set where only some requests may pass.
    gate: Option<Gate>,
    /// How the protocol closes the socket; none where it is taken back.
    linger: Option<Linger>,
}

/// Lets heads through one by one, as long as they are for this thread.
struct Gate {
    /// Read, and not handed over yet; so many of them may pass.
    bytes: BytesMut,
    passing: usize,
    /// Told when a head is not for this thread.
    is_shut: Arc<AtomicBool>,
}

impl Io {
    pub(super) fn new(stream: Socket, ahead: Bytes, flow: &Arc<Flow>) -> Self {
        flow.read();
        let flow = Arc::clone(flow);
        let stream = stream.take(TURN);
        Self { stream, ahead, flow, turn: 0, left: TURN, requests: 0, gate: None, linger: None }
    }

    /// For a protocol that closes the socket itself.
    pub(super) fn closed_by(self, linger: Linger) -> Self {
        Self { linger: Some(linger), ..self }
    }

    /// Lets only those requests pass that this thread answers; tells when there is another.
    pub(super) fn gated(self, is_shut: Arc<AtomicBool>) -> Self {
        let gate = Gate { bytes: self.ahead.into(), passing: 0, is_shut };
        Self { ahead: Bytes::new(), gate: Some(gate), ..self }
    }

    /// The socket, and what was read and not handed over.
    pub(super) fn into_parts(self) -> (Socket, Bytes) {
        let ahead = self.gate.map_or(self.ahead, |gate| gate.bytes.freeze());
        (self.stream.into_inner(), ahead)
    }

    /// How much may be read in this turn; nothing where it is over.
    fn turn(&mut self) -> u64 {
        let (turn, requests) = self.flow.turn();
        if self.turn != turn {
            self.left = if requests == self.requests { TURN } else { TURN_OF_REQUESTS };
            (self.turn, self.requests) = (turn, requests);
        }
        self.left
    }

    fn note<T>(&self, written: &Poll<T>) {
        match written {
            Poll::Ready(_) => self.flow.unblocked(),
            Poll::Pending => self.flow.blocked(),
        }
    }

    /// Hands over what is at hand, and may be, up to `most` bytes; ready with what is left of the
    /// buffer where there is nothing at hand.
    fn hand_over(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let most = most.min(buffer.remaining());
        let Some(gate) = &mut self.gate else {
            let count = self.ahead.len().min(most);
            buffer.put_slice(self.ahead.get(..count).unwrap_or_default());
            self.ahead.advance(count);
            if self.ahead.is_empty() {
                // Even empty it has the whole buffer.
                self.ahead = Bytes::new();
            }
            return Poll::Ready(Ok(count));
        };
        ready!(gate.let_in(&self.flow, self.stream.get_mut(), context))?;
        let count = gate.passing.min(most);
        buffer.put_slice(gate.bytes.get(..count).unwrap_or_default());
        gate.bytes.advance(count);
        gate.passing -= count;
        Poll::Ready(Ok(count))
    }
}

impl Gate {
    /// Reads until a head may pass, or the client has closed.
    fn let_in(
        &mut self,
        flow: &Arc<Flow>,
        stream: &mut Socket,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.passing == 0 {
            match gate::judge(flow, &self.bytes) {
                gate::Verdict::Here(bytes) => self.passing = bytes,
                gate::Verdict::Workers => {
                    self.is_shut.store(true, Relaxed);
                    return Poll::Pending;
                }
                gate::Verdict::Part => {
                    let mut bytes = [0; 1024];
                    let mut buffer = ReadBuf::new(&mut bytes);
                    ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer))?;
                    if buffer.filled().is_empty() {
                        break;
                    }
                    flow.read();
                    self.bytes.extend_from_slice(buffer.filled());
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.flow.is_finishing() {
            return Poll::Ready(Ok(()));
        }
        let turn = self.turn();
        if turn == 0 {
            // The next turn comes once the others had theirs; merely woken, it would be at once.
            return pin!(yield_now()).poll(context).map(Ok);
        }
        let most = usize::try_from(turn).unwrap_or(usize::MAX);
        let count = ready!(self.hand_over(context, buffer, most))?;
        if count > 0 || self.gate.is_some() {
            self.left -= count as u64;
            return Poll::Ready(Ok(()));
        }
        self.stream.set_limit(turn);
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let count = buffer.filled().len() - before;
        if count > 0 {
            self.flow.read();
        }
        self.left = self.left.saturating_sub(count as u64);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(self.stream.get_mut()).poll_write(context, bytes);
        self.note(&poll);
        poll
    }

    /// A response is written from one buffer: for all but the largest, copying a body behind its
    /// head costs less than a vectored write. Bodies come in pieces (see `layers::observe`), which
    /// bounds the buffer.
    fn is_write_vectored(&self) -> bool {
        false
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A response that waits for the service's own stream writes nothing: that the client has
        // left would never be seen. Not by reading: what it sent before it left may stand in the way.
        let awaits_source = self.flow.awaits_source();
        if awaits_source || self.flow.is_slow() {
            let readiness = pin!(self.stream.get_ref().ready(Interest::READABLE)).poll(context);
            if matches!(readiness, Poll::Ready(Ok(ready)) if ready.is_read_closed()) {
                if awaits_source {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
                }
                self.flow.half_close();
            }
        }
        let poll = Pin::new(self.stream.get_mut()).poll_flush(context);
        // Where it is encrypted, what was written may still be here.
        if keeps_buffers(self.stream.get_ref()) {
            self.note(&poll);
        }
        poll
    }

    /// Nothing where the socket is taken back: it is closed by `linger::close`, or waits again.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { linger, stream, flow, .. } = &mut *self;
        match linger {
            Some(linger) => {
                flow.linger();
                linger.poll(stream.get_mut(), context).map(Ok)
            }
            None => Poll::Ready(Ok(())),
        }
    }
}
