//! From a configuration to the end of the service: start → parts → server → signals → drain → stop.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::app::{self, Brought};
use crate::body::BoxError;
use crate::config::Config;
use crate::context::{self, Context, Registered};
use crate::health::Subject;
use crate::health::settings::MAX_DEPENDENCIES;
use crate::lifecycle::Lifecycle;
use crate::otlp::Spans;
use crate::router::{Bound, RouteError};
use crate::server::{End, Runtimes, Server, ServerError, Signals, WorkerThreads, Workers};
use crate::service::{Service, Started};
use crate::settings::Sources;
use crate::task;
use crate::telemetry::Writer;
use crate::text::chain;
#[cfg(feature = "tls")]
use crate::tls;

/// How often it is told that the start takes its time.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Who tells the service to stop, and who is told that it listens.
pub(crate) struct Outside {
    pub(crate) signals: Box<dyn FnOnce() -> std::io::Result<Signals> + Send>,
    pub(crate) listening: Box<dyn FnOnce(SocketAddr) + Send>,
}

/// Why the service could not run.
#[derive(Debug)]
pub(crate) enum ServeError {
    Server(ServerError),
    /// The service's own `start` failed.
    Start(BoxError),
    StartPanicked,
    Routes(RouteError),
    /// What the service has registered cannot be.
    Service(String),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(error) => error.fmt(f),
            Self::Start(error) => write!(f, "the start failed: {}", chain(&**error)),
            Self::StartPanicked => f.write_str("the start panicked; the line before says where"),
            Self::Routes(error) => error.fmt(f),
            Self::Service(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for ServeError {}

impl From<ServerError> for ServeError {
    fn from(error: ServerError) -> Self {
        Self::Server(error)
    }
}

/// How the service ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Before it had started.
    Early { signal: &'static str },
    /// After it had served; and whether what ran beside the routes ended in time too.
    Served { end: End, is_whole: bool },
}

/// Runs the service until a signal ends it.
pub(crate) fn serve(
    service: Service,
    config: Config,
    sources: Arc<Sources>,
    log: &Writer,
    spans: Option<Spans>,
    outside: Outside,
) -> Result<Ended, ServeError> {
    let threads = WorkerThreads::of(config.server.workers);
    let runtimes = Runtimes::start(threads.count).map_err(ServerError::Start)?;
    runtimes.run(async |workers| {
        let mut signals = (outside.signals)().map_err(ServerError::Start)?;
        drop(task::spawn(config.log.level.clone().follow()));
        let Service { about, start } = service;
        let lifecycle = Arc::new(Lifecycle::new());
        let handle = workers.handle().clone();
        let (context, registered) =
            Context::new(about.identity, sources, lifecycle.drain(), handle.clone());
        let routes = tokio::select! {
            routes = started(&workers, start(context)) => routes?,
            signal = signals.next() => return Ok(Ended::Early { signal }),
        };
        let Registered { checks, background, stops, problems } = taken(&registered);
        check(&config, &checks, problems)?;
        let (host, port) = (config.server.host, config.server.port);
        let drain = lifecycle.drain();
        #[cfg(feature = "tls")]
        let tls = config.tls.clone().map(tls::Keeper::load).transpose();
        let brought = Brought {
            identity: about.identity,
            routes,
            checks,
            metrics: about.metrics,
            spans: spans.clone(),
            #[cfg(feature = "tls")]
            tls: tls.map_err(|error| ServeError::Service(error.to_string()))?,
        };
        let runtime = (threads, workers.clone());
        let parts =
            app::assemble(config, brought, lifecycle, runtime, log).map_err(ServeError::Routes)?;
        let server = Server::bind(parts, host, port)?;
        (outside.listening)(server.address());
        let tasks = background.into_iter().map(|task| task.begin(&handle, drain.clone())).collect();
        let (end, left) = server.run(workers, &mut signals).await?;
        let spans = spans.map(|spans| (spans, Instant::now() + left));
        let is_whole = tokio::select! {
            is_whole = context::run_stops(tasks, stops, &handle, left) => is_whole,
            signal = signals.next() => {
                tracing::warn!(signal, "a second signal cuts what runs beside the routes");
                false
            }
        };
        if let Some((spans, deadline)) = spans {
            tokio::select! {
                () = spans.drain(deadline) => {}
                signal = signals.next() => {
                    tracing::warn!(signal, "a second signal cuts the sending of spans");
                }
            }
        }
        Ok(Ended::Served { end, is_whole })
    })
}

/// What the service's start comes to, on the workers.
async fn started(workers: &Workers, start: Started<Vec<Bound>>) -> Result<Vec<Bound>, ServeError> {
    let (sender, mut ended) = oneshot::channel();
    drop(task::spawn_on(workers.handle(), async move {
        let _ = sender.send(start.await);
    }));
    loop {
        tokio::select! {
            ended = &mut ended => {
                return match ended {
                    Ok(routes) => routes.map_err(ServeError::Start),
                    Err(_) => Err(ServeError::StartPanicked),
                };
            }
            () = sleep(TELL_EVERY) => tracing::warn!("the start takes its time; the port is not bound yet"),
        }
    }
}

fn taken(registered: &Mutex<Registered>) -> Registered {
    std::mem::take(&mut *registered.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Each dependency and check has a name of its own, and there are only so many.
fn check(config: &Config, checks: &[Subject], problems: Vec<String>) -> Result<(), ServeError> {
    let mut names: Vec<&str> =
        config.health.dependencies.iter().map(|dependency| dependency.name.as_str()).collect();
    let mut problems = problems;
    for check in checks {
        if names.contains(&check.name.as_str()) {
            problems.push(format!("two dependencies or checks are called {}", check.name));
        }
        names.push(&check.name);
    }
    if checks.len() > MAX_DEPENDENCIES {
        problems.push(format!("{} checks, {MAX_DEPENDENCIES} are possible", checks.len()));
    }
    if problems.is_empty() { Ok(()) } else { Err(ServeError::Service(problems.join("; "))) }
}
