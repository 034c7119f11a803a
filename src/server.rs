//! The server: accept → admission → connection → protocol → [`crate::layers`], and its orderly end.
//!
//! The main thread accepts connections, answers those who watch the service, checks dependencies and
//! waits for signals; it runs no handler. The workers do.

mod accept;
mod admission;
mod connection;
mod cpus;
mod descriptors;
mod gate;
mod h1;
mod h2;
#[cfg(feature = "tls")]
mod handshake;
mod head;
mod io;
mod limits;
mod linger;
mod listener;
mod pulse;
mod refusal;
mod runtime;
pub(crate) mod settings;
mod shed;
mod signals;
mod socket;
mod turns;
mod workers;

use std::fmt;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

pub(crate) use admission::Admission;
pub(crate) use cpus::WorkerThreads;
pub(crate) use descriptors::raise_limit;
pub(crate) use limits::Limits;
pub(crate) use pulse::Pulse;
pub(crate) use runtime::Runtimes;
pub(crate) use signals::Signals;
pub(crate) use workers::Workers;

use crate::health::{self, Health};
use crate::identity::{Identity, TARGET};
use crate::layers::Layers;
use crate::lifecycle::Phase;
use crate::task;
#[cfg(feature = "tls")]
use crate::tls::Keeper;
use accept::Acceptor;
use connection::Shared;
use listener::BindError;

/// A server that listens, and has not accepted anything yet.
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
    management: Option<(TcpListener, SocketAddr)>,
    parts: Parts,
}

/// What the server serves, and how.
pub(crate) struct Parts {
    pub(crate) identity: Identity,
    pub(crate) layers: Arc<Layers>,
    /// Those who watch the service, where they have a port of their own.
    pub(crate) management: Option<Management>,
    pub(crate) limits: Limits,
    pub(crate) admission: Arc<Admission>,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) health: Arc<Health>,
    pub(crate) patience: Patience,
    pub(crate) retry_cap: Duration,
    pub(crate) workers: WorkerThreads,
    /// What was deployed, for the first line.
    pub(crate) revision: Option<String>,
    /// Where the ports speak TLS, and the work of keeping the certificate current.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<(Arc<Keeper>, task::Task)>,
}

/// A port for those who watch the service.
pub(crate) struct Management {
    pub(crate) port: u16,
    pub(crate) layers: Arc<Layers>,
}

/// Most connections of the management port: it is for a few.
const MANAGEMENT_CONNECTIONS: usize = 64;

/// How the server ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// How long it serves on after a signal, while load balancers take notice.
    pub(crate) delay: Duration,
    /// How long what is in flight may then take.
    pub(crate) timeout: Duration,
}

/// Why the server cannot run.
#[derive(Debug)]
pub(crate) enum ServerError {
    Bind(BindError),
    /// A thread, a runtime or a signal handler cannot be had.
    Start(std::io::Error),
    /// The listening socket broke.
    Accept(std::io::Error),
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(f),
            Self::Start(error) => write!(f, "cannot start: {error}"),
            Self::Accept(error) => write!(f, "the listening socket broke: {error}"),
        }
    }
}

impl std::error::Error for ServerError {}

/// How the server ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Every request was answered.
    Drained { signal: &'static str },
    /// The drain timeout cut these.
    Cut { signal: &'static str, connections: usize, requests: u64 },
    /// A second signal cut these.
    Hurried { signal: &'static str, connections: usize, requests: u64 },
}

impl Server {
    /// Makes everything ready and listens.
    pub(crate) fn bind(parts: Parts, host: IpAddr, port: u16) -> Result<Self, ServerError> {
        let bind = |port| -> Result<(TcpListener, SocketAddr), ServerError> {
            let listener = listener::bind(host, port).map_err(ServerError::Bind)?;
            let address = listener.local_addr().map_err(ServerError::Start)?;
            Ok((listener, address))
        };
        let (listener, address) = bind(port)?;
        let management = parts.management.as_ref().map(|it| bind(it.port)).transpose()?;
        Ok(Self { listener, address, management, parts })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until a signal ends it; how it ended, and how much of the drain timeout is left.
    pub(crate) async fn run(
        self,
        workers: Workers,
        signals: &mut Signals,
    ) -> Result<(End, Duration), ServerError> {
        let Self { listener, address, management: watched, parts } = self;
        let Parts {
            identity,
            layers,
            management,
            limits,
            admission,
            pulse,
            health,
            patience,
            retry_cap,
            workers: threads,
            revision,
            #[cfg(feature = "tls")]
            tls,
        } = parts;
        #[cfg(feature = "tls")]
        let encryption = handshake::Encryption::start(tls).map_err(ServerError::Start)?;
        let open = |listener, layers, admission, is_management: bool| {
            let (home, returned) = mpsc::unbounded_channel();
            let (limits, workers) = (limits.clone(), workers.clone());
            let shared = Arc::new(Shared {
                layers,
                limits,
                admission,
                workers,
                home,
                #[cfg(feature = "tls")]
                handshakes: encryption.of_port(is_management),
            });
            #[cfg(not(feature = "tls"))]
            let _ = is_management;
            task::spawn(connection::receive_back(Arc::clone(&shared), returned));
            let acceptor = Acceptor::new(listener, Arc::clone(&shared));
            acceptor.map(|acceptor| Port { shared, acceptor }).map_err(ServerError::Start)
        };
        let shared_layers = Arc::clone(&layers);
        let connections = admission.limit();
        let mut ports = vec![open(listener, layers, admission, false)?];
        let management_address =
            watched.as_ref().map(|(_, address)| tracing::field::display(*address));
        if let Some(((listener, _), management)) = watched.zip(management) {
            let admission = Arc::new(Admission::new(MANAGEMENT_CONNECTIONS));
            ports.push(open(listener, management.layers, admission, true)?);
        }
        health::run_checks(&health, retry_cap);
        let wire = pulse::wire().map_err(ServerError::Start)?;
        task::spawn(pulse::watch(pulse, Arc::clone(&shared_layers), workers.clone(), wire));
        task::spawn(shed::tell(shared_layers));
        tracing::info!(
            service = identity.name,
            version = identity.version,
            platform = TARGET,
            revision,
            %address,
            management = management_address,
            workers = threads.count,
            workers_from = threads.from,
            connections,
            dependencies = health.dependencies().len(),
            "listening"
        );

        let signal = tokio::select! {
            error = accept(&mut ports) => return Err(ServerError::Accept(error)),
            signal = signals.next() => signal,
        };
        patience.drain(ports, signals, signal).await
    }
}

/// A port that is listened on.
struct Port {
    shared: Arc<Shared>,
    acceptor: Acceptor,
}

/// Accepts connections of all ports, until one breaks.
async fn accept(ports: &mut [Port]) -> std::io::Error {
    let mut accepting: Vec<_> =
        ports.iter_mut().map(|port| Box::pin(port.acceptor.run())).collect();
    poll_fn(|context| {
        let ended = accepting.iter_mut().find_map(|port| match port.as_mut().poll(context) {
            Poll::Ready(error) => Some(error),
            Poll::Pending => None,
        });
        ended.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

impl Patience {
    /// The orderly end: not ready any more, but serving, for the delay; then no new connections, and
    /// the timeout for what is in flight. A second signal ends it at once.
    async fn drain(
        self,
        mut ports: Vec<Port>,
        signals: &mut Signals,
        signal: &'static str,
    ) -> Result<(End, Duration), ServerError> {
        let Self { delay, timeout: limit } = self;
        let shared: Vec<_> = ports.iter().map(|port| Arc::clone(&port.shared)).collect();
        let Some(layers) = shared.first().map(|shared| &shared.layers) else {
            return Ok((End::Drained { signal }, limit));
        };
        tracing::info!(signal, ?delay, timeout = ?limit, "draining; a second signal ends it at once");
        layers.lifecycle.advance(Phase::Draining);
        // A response that its client has not taken is as unfinished as one that is not made.
        let left = || {
            let connections = shared.iter().map(|shared| shared.admission.active()).sum();
            let blocked: usize = shared.iter().map(|shared| shared.layers.bounds.blocked()).sum();
            (connections, layers.metrics.in_flight().max(blocked as u64))
        };
        tokio::select! {
            error = accept(&mut ports) => return Err(ServerError::Accept(error)),
            () = sleep(delay) => {}
            signal = signals.next() => {
                let (connections, requests) = left();
                return Ok((End::Hurried { signal, connections, requests }, Duration::ZERO));
            }
        }
        let began = Instant::now();
        for port in ports {
            port.acceptor.finish();
        }
        layers.lifecycle.advance(Phase::Closing);
        let empty = async {
            for shared in &shared {
                shared.admission.empty().await;
            }
        };
        let hurried_by = tokio::select! {
            _ = timeout(limit, empty) => None,
            signal = signals.next() => Some(signal),
        };
        let (connections, requests) = left();
        let end = match hurried_by {
            Some(signal) => End::Hurried { signal, connections, requests },
            None if connections > 0 => End::Cut { signal, connections, requests },
            None => End::Drained { signal },
        };
        Ok((end, limit.saturating_sub(began.elapsed())))
    }
}
