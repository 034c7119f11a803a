//! A socket that may be encrypted.

use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::bounds::Hold;
use crate::tls::Carrier;

/// What a session costs during its handshake, and as long as it lives. Measured: docs/tls.md.
pub(in crate::server) const HANDSHAKE_BYTES: usize = 24 * 1024;
const SESSION_BYTES: usize = 12 * 1024;

/// A connection's socket.
pub(in crate::server) enum Socket {
    Plain(TcpStream),
    Encrypted(Box<Session>),
}

/// What TLS knows of a connection.
pub(in crate::server) struct Session {
    stream: TlsStream<Carrier>,
    _hold: Hold,
}

/// One that belongs to no runtime, on its way to another.
pub(in crate::server) struct Detached {
    stream: std::net::TcpStream,
    session: Option<Box<Session>>,
}

pub(in crate::server) fn plain(stream: TcpStream) -> Socket {
    Socket::Plain(stream)
}

/// Whether it has buffers also while it waits.
pub(in crate::server) fn keeps_buffers(socket: &Socket) -> bool {
    matches!(socket, Socket::Encrypted(_))
}

/// Closes one on which nothing is in flight. A client of TLS is told, as far as that can be done at
/// once, or it would log that the connection was cut.
pub(in crate::server) fn leave(mut socket: Socket) {
    if keeps_buffers(&socket) {
        let _ = Pin::new(&mut socket).poll_shutdown(&mut Context::from_waker(Waker::noop()));
    }
}

impl Socket {
    /// One whose handshake is done. `hold` is what it holds for its connection.
    pub(in crate::server) fn encrypted(stream: TlsStream<Carrier>, mut hold: Hold) -> Self {
        hold.force(SESSION_BYTES);
        Self::Encrypted(Box::new(Session { stream, _hold: hold }))
    }

    fn bare(&self) -> io::Result<&TcpStream> {
        match self {
            Self::Plain(stream) => Ok(stream),
            Self::Encrypted(session) => session.stream.get_ref().0.socket(),
        }
    }

    /// Reads what is at hand. It takes in all that the socket has before it says that it would block.
    pub(in crate::server) fn try_read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.try_read(bytes),
            Self::Encrypted(session) => {
                let mut buffer = ReadBuf::new(bytes);
                let mut context = Context::from_waker(Waker::noop());
                match Pin::new(&mut session.stream).poll_read(&mut context, &mut buffer) {
                    Poll::Ready(read) => read.map(|()| buffer.filled().len()),
                    Poll::Pending => Err(ErrorKind::WouldBlock.into()),
                }
            }
        }
    }

    /// Waits until there may be something to read. Of an encrypted one all was read before that was at
    /// hand, so it is the socket below that is waited for.
    pub(in crate::server) async fn readable(&self) -> io::Result<()> {
        self.bare()?.readable().await
    }

    pub(in crate::server) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.bare()?.ready(interest).await
    }

    /// Takes it out of its runtime.
    pub(in crate::server) fn into_std(self) -> io::Result<Detached> {
        match self {
            Self::Plain(stream) => Ok(Detached { stream: stream.into_std()?, session: None }),
            Self::Encrypted(mut session) => {
                let stream = session.stream.get_mut().0.0.take();
                let stream = stream.ok_or(ErrorKind::NotConnected)?.into_std()?;
                Ok(Detached { stream, session: Some(session) })
            }
        }
    }

    /// Puts it into the runtime of the caller.
    pub(in crate::server) fn from_std(detached: Detached) -> io::Result<Self> {
        let stream = TcpStream::from_std(detached.stream)?;
        Ok(match detached.session {
            None => Self::Plain(stream),
            Some(mut session) => {
                session.stream.get_mut().0.0 = Some(stream);
                Self::Encrypted(session)
            }
        })
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => pin!(stream).poll_read(context, buffer),
            Self::Encrypted(session) => pin!(&mut session.stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => pin!(stream).poll_write(context, bytes),
            Self::Encrypted(session) => pin!(&mut session.stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => pin!(stream).poll_flush(context),
            Self::Encrypted(session) => pin!(&mut session.stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => pin!(stream).poll_shutdown(context),
            Self::Encrypted(session) => pin!(&mut session.stream).poll_shutdown(context),
        }
    }
}
