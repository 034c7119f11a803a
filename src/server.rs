//! The server: accept → admission → worker → protocol → [`crate::layers`], and its orderly end.
//!
//! The main thread accepts connections, checks dependencies and waits for signals; it runs no
//! handler. Worker threads serve the connections.

mod accept;
mod admission;
mod connection;
mod cpus;
mod flow;
mod h1;
mod h2;
mod io;
mod lifecycle;
mod linger;
mod listener;
mod waiting;
mod watchdog;
mod workers;

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{sleep, timeout};

pub(crate) use admission::Admission;
pub(crate) use connection::Connection;
pub(crate) use lifecycle::Lifecycle;
pub use listener::BindError;
pub(crate) use watchdog::Watchdog;

use crate::app::{App, TARGET, VERSION};
use crate::config::{Config, MAX_DEPENDENCIES};
use crate::health;
use crate::metrics::ProcessStats;
use crate::router::{RouteError, Routes};
use crate::telemetry::Writer;
use accept::Acceptor;
use lifecycle::Phase;
use workers::Workers;

/// A server that listens, and has not accepted anything yet.
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
    workers_from: &'static str,
}

/// Why the server cannot run.
#[derive(Debug)]
pub(crate) enum ServerError {
    Bind(BindError),
    Routes(RouteError),
    /// A thread, a runtime or a signal handler cannot be had.
    Start(std::io::Error),
    /// The listening socket broke.
    Accept(std::io::Error),
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(f),
            Self::Routes(error) => error.fmt(f),
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
    pub(crate) fn bind(config: Config, routes: Routes, log: Writer) -> Result<Self, ServerError> {
        let (workers, workers_from) = cpus::workers(config.server.workers);
        let (host, port) = (config.server.host, config.server.port);
        let app = Arc::new(App::new(config, routes, workers, log).map_err(ServerError::Routes)?);
        let listener = listener::bind(host, port).map_err(ServerError::Bind)?;
        let address = listener.local_addr().map_err(ServerError::Start)?;
        Ok(Self { listener, address, app, workers_from })
    }

    /// Serves until a signal ends it.
    pub(crate) fn run(self) -> Result<End, ServerError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            // Name look-ups of the health checks and reads of their URLs' files: at most one of
            // each per dependency, and neither can be stopped.
            .max_blocking_threads(2 * MAX_DEPENDENCIES)
            .build()
            .map_err(ServerError::Start)?;
        run_to_its_end(runtime, self.serve())
    }

    async fn serve(self) -> Result<End, ServerError> {
        let Self { listener, address, app, workers_from } = self;
        let mut signals = Signals::new().map_err(ServerError::Start)?;
        let workers = Workers::start(&app).map_err(ServerError::Start)?;
        let mut acceptor =
            Acceptor::new(listener, Arc::clone(&app), workers).map_err(ServerError::Start)?;
        health::run_checks(&app.health, app.config.retry_cap);
        tokio::spawn(watchdog::look(Arc::clone(&app)));
        tracing::info!(
            version = VERSION,
            platform = TARGET,
            revision = app.config.revision,
            %address,
            workers = app.shards.len(),
            workers_from,
            dependencies = app.config.dependencies.len(),
            "listening"
        );
        warn_of_few_descriptors(app.config.server.max_connections);

        let signal = tokio::select! {
            error = acceptor.run() => return Err(ServerError::Accept(error)),
            signal = signals.next() => signal,
        };
        drain(&app, acceptor, &mut signals, signal).await
    }
}

/// Runs the work and leaves behind what cannot be stopped: a name server or a mount that hangs must
/// not hold the end of the process.
fn run_to_its_end<T>(runtime: Runtime, work: impl Future<Output = T>) -> T {
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}

/// The orderly end: not ready any more, but serving, for the delay; then no new connections, and
/// the timeout for what is in flight. A second signal ends it at once.
async fn drain(
    app: &App,
    mut acceptor: Acceptor,
    signals: &mut Signals,
    signal: &'static str,
) -> Result<End, ServerError> {
    let server = &app.config.server;
    let (delay, limit) = (server.drain_delay, server.drain_timeout);
    tracing::info!(signal, ?delay, timeout = ?limit, "draining; a second signal ends it at once");
    app.lifecycle.advance(Phase::Draining);
    let left = || (app.admission.active(), app.in_flight());
    tokio::select! {
        error = acceptor.run() => return Err(ServerError::Accept(error)),
        () = sleep(delay) => {}
        signal = signals.next() => {
            let (connections, requests) = left();
            acceptor.finish().stop();
            return Ok(End::Hurried { signal, connections, requests });
        }
    }
    let workers = acceptor.finish();
    app.lifecycle.advance(Phase::Closing);
    let hurried_by = tokio::select! {
        _ = timeout(limit, app.admission.empty()) => None,
        signal = signals.next() => Some(signal),
    };
    let (connections, requests) = left();
    workers.stop();
    Ok(match hurried_by {
        Some(signal) => End::Hurried { signal, connections, requests },
        None if connections > 0 => End::Cut { signal, connections, requests },
        None => End::Drained { signal },
    })
}

/// The signals that end the service.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    quit: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.hangup.recv() => "SIGHUP",
            _ = self.quit.recv() => "SIGQUIT",
        }
    }
}

/// Each connection needs a descriptor, and so do the files and sockets of the service itself.
fn warn_of_few_descriptors(max_connections: usize) {
    const OWN: usize = 64;
    let needed = max_connections + admission::RESERVE + OWN;
    let Some(limit) = ProcessStats::read().max_fds() else {
        return;
    };
    #[allow(clippy::cast_precision_loss, reason = "it is compared, and small")]
    if limit >= 0.0 && limit < needed as f64 {
        tracing::warn!(
            limit,
            needed,
            "the limit of open files is below SERVER__MAX_CONNECTIONS; raise it with ulimit -n"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn what_hangs_does_not_hold_the_end() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let began = Instant::now();
        run_to_its_end(runtime, async {
            tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_secs(5)));
        });
        assert!(began.elapsed() < Duration::from_secs(2));
    }
}
