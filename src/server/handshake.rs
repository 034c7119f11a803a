//! The handshake of TLS, before the first head.
//!
//! It costs up to a millisecond of a CPU, so it has a thread of its own: on the main thread it would
//! stand in the way of those who watch the service, and on the workers those would wait for handlers.
//! A flood of handshakes costs one CPU at most. Those of the management port, of which there are few,
//! are made on the main thread, which then waits for no one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};
use tokio_rustls::TlsAcceptor;

use super::admission::{Place, RESERVE_PATIENCE};
use super::connection::{Parcel, Shared};
use super::socket::{self, HANDSHAKE_BYTES, Socket};
use super::workers::{Threads, Workers};
use super::{linger, refusal};
use crate::bounds::{Kind, Reason, Waiter};
use crate::code::Code;
use crate::error::Error;
use crate::layers::Flow;
use crate::task;
use crate::tls::{Carrier, ClientCertificate, HandshakeFailure, Keeper};

/// The first byte of what a client of TLS sends: a record of the handshake, RFC 8446, 5.1.
const HANDSHAKE: u8 = 22;

/// Most bytes that wait to be sent: two records.
const SEND_BUFFER: usize = 32 * 1024;

/// How long a client may still take when the service closes, as it may for its first head.
const GRACE: Duration = Duration::from_secs(1);

/// How a port makes its handshakes.
pub(super) struct Handshakes {
    pub(super) keeper: Arc<Keeper>,
    pub(super) is_management: bool,
    /// Where they are made.
    pub(super) runtime: Handle,
}

/// How the process makes them.
pub(super) struct Encryption(Option<(Arc<Keeper>, Threads, Workers)>);

impl Encryption {
    /// Starts the thread, and the work of keeping the certificate current; nothing where no port
    /// speaks TLS.
    pub(super) fn start(tls: Option<(Arc<Keeper>, task::Task)>) -> io::Result<Self> {
        let Some((keeper, renewal)) = tls else { return Ok(Self(None)) };
        task::spawn_boxed(renewal);
        // It counts in the shard of the main thread: no worker does.
        let (threads, runtime) = Threads::start_single("handshakes", 0)?;
        Ok(Self(Some((keeper, threads, runtime))))
    }

    /// For the port of the public, or of those who watch.
    pub(super) fn of_port(&self, is_management: bool) -> Option<Handshakes> {
        let (keeper, _, thread) = self.0.as_ref()?;
        let runtime = if is_management { Handle::current() } else { thread.handle().clone() };
        Some(Handshakes { keeper: Arc::clone(keeper), is_management, runtime })
    }
}

impl Drop for Encryption {
    fn drop(&mut self) {
        if let Some((_, threads, _)) = self.0.take() {
            threads.stop();
        }
    }
}

impl Handshakes {
    fn offer(&self) -> Arc<ServerConfig> {
        if self.is_management { self.keeper.management() } else { self.keeper.public() }
    }
}

/// Why there is no session.
enum End {
    /// The socket, where the client was told something that it should get.
    Failed(HandshakeFailure, Option<TcpStream>),
    /// There is no room for it, or it gave way to another: counted there.
    Shed,
}

/// Makes the handshake of a connection that is new; it then begins as all do.
pub(super) fn begin(
    shared: &Arc<Shared>,
    handshakes: &Handshakes,
    stream: TcpStream,
    flow: Arc<Flow>,
    place: Place,
) {
    let stream = match stream.into_std() {
        Ok(stream) => stream,
        Err(error) => return tracing::warn!(%error, "a connection cannot be handed over"),
    };
    let here = Arc::clone(shared);
    drop(task::spawn_on(&handshakes.runtime, async move {
        let Some(handshakes) = &here.handshakes else { return };
        let made = match TcpStream::from_std(stream) {
            Ok(stream) => in_time(stream, &flow, handshakes).await,
            Err(_) => Err(closed()),
        };
        let socket = made.and_then(|socket| socket.into_std().map_err(|_| closed()));
        match socket {
            Ok(socket) => drop(here.home.send(Parcel::new(socket, flow, place))),
            Err(End::Shed) => {}
            Err(End::Failed(failure, told)) => {
                handshakes.keeper.fail(failure);
                tracing::debug!(reason = failure.as_str(), "a handshake failed");
                if let Some(stream) = told {
                    linger::close(socket::plain(stream)).await;
                }
            }
        }
    }));
}

/// The handshake, as long as its time has not run out and nobody needs its place.
async fn in_time(
    stream: TcpStream,
    flow: &Arc<Flow>,
    handshakes: &Handshakes,
) -> Result<Socket, End> {
    let mut phases = flow.layers.lifecycle.changes();
    let is_reserve = flow.is_reserve();
    let kind = if is_reserve { Kind::Reserve } else { Kind::Head };
    let mut waiter = Waiter::default();
    waiter.wait(&flow.layers.bounds.waiting, kind, flow.moved_at());
    let limit = handshakes.keeper.handshake_timeout();
    let limit = if is_reserve { limit.min(RESERVE_PATIENCE) } else { limit };
    let deadline = Instant::now() + limit.saturating_sub(flow.elapsed(flow.moved_at()));
    let mut made = Box::pin(make(stream, flow, handshakes));
    loop {
        let is_closing = flow.layers.lifecycle.is_closing();
        let deadline = if is_closing { deadline.min(Instant::now() + GRACE) } else { deadline };
        tokio::select! {
            biased;
            made = &mut made => return made,
            () = waiter.cut() => {
                flow.layers.bounds.evict();
                return Err(End::Shed);
            }
            () = sleep_until(deadline) => return Err(End::Failed(HandshakeFailure::Timeout, None)),
            _ = phases.changed() => {}
        }
    }
}

async fn make(stream: TcpStream, flow: &Arc<Flow>, handshakes: &Handshakes) -> Result<Socket, End> {
    // Until the client says something it costs nothing but its socket.
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(1..) => {}
        _ => return Err(closed()),
    }
    if first != [HANDSHAKE] {
        let message = "this port speaks TLS: ask with https://";
        return Err(refuse(stream, flow, &Error::new(Code::INVALID_INPUT, message)).await);
    }
    let bounds = &flow.layers.bounds;
    if !bounds.has_room(|| flow.now()) {
        bounds.shed.count(Reason::BufferedBytes);
        return Err(End::Shed);
    }
    let mut hold = flow.share.hold();
    hold.force(HANDSHAKE_BYTES);
    let made = TlsAcceptor::from(handshakes.offer())
        .accept_with(Carrier(Some(stream)), |session| session.set_buffer_limit(Some(SEND_BUFFER)))
        .into_fallible()
        .await;
    match made {
        Ok(stream) => {
            let certificates = stream.get_ref().1.peer_certificates();
            let client = certificates.and_then(|chain| ClientCertificate::of(chain.first()?));
            flow.secured(client);
            Ok(Socket::encrypted(stream, hold))
        }
        // rustls has sent the alert that says what is wrong.
        Err((error, carrier)) => Err(End::Failed(HandshakeFailure::of(&error), carrier.0)),
    }
}

/// Answers a client that speaks no TLS.
async fn refuse(stream: TcpStream, flow: &Flow, error: &Error) -> End {
    let mut socket = socket::plain(stream);
    refusal::tell(&mut socket, flow, error).await;
    let Socket::Plain(stream) = socket else { return closed() };
    End::Failed(HandshakeFailure::Plaintext, Some(stream))
}

fn closed() -> End {
    End::Failed(HandshakeFailure::Closed, None)
}
