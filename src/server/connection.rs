//! One connection: what it has at hand, and how it goes from waiting to a protocol and back.
//!
//! hyper holds two buffers of 8 KiB for each connection. Ten thousand idle ones would hold 160 MB,
//! so a connection that has been quiet for a moment is taken back from hyper and waits as a bare
//! socket; the next byte starts hyper anew.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::net::TcpStream;

use super::admission::{Class, Place};
use super::flow::Flow;
use super::workers::Worker;
use super::{h1, h2, linger, waiting};
use crate::app::App;
use crate::error::{Code, Error};
use crate::metrics::HttpShard;
use crate::router::Found;
use hyper::header::{HeaderValue, RETRY_AFTER};

/// A connection as its requests see it.
pub(crate) struct Connection {
    worker: Arc<Worker>,
    class: Class,
    flow: Flow,
    /// Whether it was told to come back: it counts once, however many requests of HTTP/2 it sends.
    is_rejected: AtomicBool,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("class", &self.class)
            .field("flow", &self.flow)
            .finish_non_exhaustive()
    }
}

impl Connection {
    pub(crate) fn app(&self) -> &App {
        self.worker.app()
    }

    /// The numbers of this connection's worker.
    pub(crate) fn shard(&self) -> &HttpShard {
        self.worker.shard()
    }

    pub(crate) fn flow(&self) -> &Flow {
        &self.flow
    }

    pub(crate) fn class(&self) -> Class {
        self.class
    }

    /// Whether the response that is being made is the connection's last.
    pub(crate) fn is_closing(&self) -> bool {
        self.class == Class::Reserve || self.app().lifecycle.is_draining()
    }

    /// Refuses what a connection of the reserve may not ask for.
    pub(crate) fn admit(&self, found: &Found<'_>) -> Result<(), Error> {
        let is_probe = matches!(found, Found::Endpoint(endpoint, _) if endpoint.is_probe);
        if self.class == Class::Normal || is_probe {
            return Ok(());
        }
        if !self.is_rejected.swap(true, Relaxed) {
            self.app().admission.reject();
        }
        Err(Error::new(Code::ServiceUnavailable, "there are too many connections; try again soon")
            .with_header(RETRY_AFTER, HeaderValue::from_static("1")))
    }

    /// Now, as nanoseconds since the service's epoch.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.app().epoch.elapsed().as_nanos()).unwrap_or(u64::MAX - 1)
    }

    /// How long ago a moment was.
    pub(crate) fn elapsed(&self, moment: u64) -> Duration {
        Duration::from_nanos(self.now().saturating_sub(moment))
    }
}

/// What a protocol leaves behind.
pub(super) enum Left {
    /// Quiet: the bare socket waits for the next request. The bytes were read and not used.
    Quiet(TcpStream, bytes::Bytes),
    /// Done: the socket is to be closed so that the client gets all that was written.
    Done(TcpStream),
    /// Gone.
    Gone,
}

/// Serves a connection until it ends. Its place is given back then.
pub(super) async fn serve(mut stream: TcpStream, place: Place, worker: Arc<Worker>) {
    let now = u64::try_from(worker.app().epoch.elapsed().as_nanos()).unwrap_or(0);
    let flow = Flow::new(now);
    let connection = Arc::new(Connection {
        worker,
        class: place.class,
        flow,
        is_rejected: AtomicBool::new(false),
    });
    let mut bytes = bytes::Bytes::new();
    loop {
        if bytes.is_empty() {
            // Even empty it may hold hyper's buffer.
            drop(bytes);
            let Some(read) = waiting::for_bytes(&stream, &connection).await else {
                return;
            };
            bytes = read;
        }
        if !connection.flow.has_served() && h2::begins(&bytes) {
            return Box::pin(h2::serve(stream, bytes, &connection)).await;
        }
        // In a box of its own, so that a connection that waits does not hold room for it.
        match Box::pin(h1::serve(stream, bytes, &connection)).await {
            Left::Quiet(socket, unused) => (stream, bytes) = (socket, unused),
            Left::Done(socket) => return linger::close(socket).await,
            Left::Gone => return,
        }
    }
}
