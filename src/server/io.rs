//! A socket as hyper sees it: bytes that were read before come first, what moves is noted in the
//! connection's flow, and the end of the socket stays ours.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use super::connection::Connection;
use super::linger::Linger;

pub(super) struct Io {
    stream: TcpStream,
    /// Read, and not handed over yet.
    ahead: Bytes,
    connection: Arc<Connection>,
    /// How the protocol closes the socket; none where it is taken back.
    linger: Option<Linger>,
}

impl Io {
    pub(super) fn new(stream: TcpStream, ahead: Bytes, connection: &Arc<Connection>) -> Self {
        connection.flow().read();
        Self { stream, ahead, connection: Arc::clone(connection), linger: None }
    }

    /// For a protocol that closes the socket itself.
    pub(super) fn closed_by(self, linger: Linger) -> Self {
        Self { linger: Some(linger), ..self }
    }

    pub(super) fn into_stream(self) -> TcpStream {
        self.stream
    }

    fn note<T>(&self, written: &Poll<T>) {
        match written {
            Poll::Ready(_) => self.connection.flow().unblocked(),
            Poll::Pending => self.connection.flow().blocked(|| self.connection.now()),
        }
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let count = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(self.ahead.get(..count).unwrap_or_default());
            self.ahead.advance(count);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.connection.flow().read();
        }
        poll
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(&poll);
        poll
    }

    /// A response is written from one buffer: for all but the largest, copying a body behind its
    /// head costs less than a vectored write. Bodies come in pieces (see [`crate::Body`]), which
    /// bounds the buffer.
    fn is_write_vectored(&self) -> bool {
        false
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A response that waits for the service's own stream writes nothing: that the client has
        // left would never be seen. Not by reading: what it sent before it left may stand in the way.
        if self.connection.flow().awaits_source() {
            let readiness = pin!(self.stream.ready(Interest::READABLE)).poll(context);
            if matches!(readiness, Poll::Ready(Ok(ready)) if ready.is_read_closed()) {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Nothing where the socket is taken back: it is closed by `linger::close`, or waits again.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { linger, stream, .. } = &mut *self;
        match linger {
            Some(linger) => linger.poll(stream, context).map(Ok),
            None => Poll::Ready(Ok(())),
        }
    }
}
