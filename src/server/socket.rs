//! The socket of a connection. Without the feature `tls` it is tokio's own; with it, one that may be
//! encrypted and has the same operations, so that nothing but the handshake knows of TLS.

#[cfg(feature = "tls")]
mod encrypted;

#[cfg(feature = "tls")]
pub(super) use encrypted::{Detached, HANDSHAKE_BYTES, Socket, keeps_buffers, leave, plain};

#[cfg(not(feature = "tls"))]
pub(super) use bare::{Detached, Socket, keeps_buffers, leave, plain};

#[cfg(not(feature = "tls"))]
mod bare {
    use tokio::net::TcpStream;

    pub(in crate::server) type Socket = TcpStream;

    /// One that belongs to no runtime, on its way to another.
    pub(in crate::server) type Detached = std::net::TcpStream;

    pub(in crate::server) fn plain(stream: TcpStream) -> Socket {
        stream
    }

    /// Whether it has buffers also while it waits.
    pub(in crate::server) fn keeps_buffers(_: &Socket) -> bool {
        false
    }

    /// Closes one on which nothing is in flight.
    pub(in crate::server) fn leave(socket: Socket) {
        drop(socket);
    }
}
