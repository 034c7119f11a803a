//! The parts of the service, made of its configuration, its routes and its checks.

use std::sync::Arc;
use std::time::Instant;

use crate::bounds::Bounds;
use crate::config::Config;
use crate::health::{Health, Subject};
use crate::identity::Identity;
use crate::layers::{self, Layers};
use crate::lifecycle::Lifecycle;
use crate::metrics::{Collect, HttpMetrics, HttpSeries};
use crate::otlp::Spans;
use crate::router::{Bound, RouteError, Router};
use crate::routes::{Live, Metrics, Own, Ready, Root, Version};
use crate::scrape::Scrape;
use crate::server::settings::ServerConfig;
use crate::server::{self, Admission, Management, Parts, Patience, Pulse, WorkerThreads, Workers};
use crate::telemetry::Writer;
#[cfg(feature = "tls")]
use crate::{task, tls::Keeper};

/// What a service brings with it.
pub(crate) struct Brought {
    pub(crate) identity: Identity,
    pub(crate) routes: Vec<Bound>,
    pub(crate) checks: Vec<Subject>,
    pub(crate) metrics: Vec<&'static dyn Collect>,
    pub(crate) spans: Option<Spans>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<(Arc<Keeper>, task::Task)>,
}

/// Makes the parts of the service.
pub(crate) fn assemble(
    config: Config,
    brought: Brought,
    lifecycle: Arc<Lifecycle>,
    (workers, runtime): (WorkerThreads, Workers),
    log: &Writer,
) -> Result<Parts, RouteError> {
    let Config { server, log: lines, health, revision, pod_name, node_name, .. } = config;
    let Brought {
        identity,
        routes,
        checks,
        metrics: own,
        spans,
        #[cfg(feature = "tls")]
        tls,
    } = brought;
    let bounds = Arc::new(Bounds::new(
        server.max_in_flight,
        server.max_buffered_bytes,
        server.max_queue_time,
        workers.count,
    ));
    let retry_cap = health.retry_cap;
    let subjects = health.dependencies.into_iter().map(Subject::from).chain(checks);
    let health = Arc::new(Health::new(identity, subjects));
    let pulse = Arc::new(Pulse::new());
    let admission = Arc::new(Admission::new(server::raise_limit(server.max_connections)));
    let pairs = Own::pairs().chain(routes.iter().flat_map(Bound::pairs));
    // One shard for each worker, and one for the main thread.
    let metrics = Arc::new(HttpMetrics::new(HttpSeries::new(pairs), workers.count + 1));
    let scrape = Scrape {
        identity,
        own,
        metrics: Arc::clone(&metrics),
        bounds: Arc::clone(&bounds),
        lifecycle: Arc::clone(&lifecycle),
        health: Arc::clone(&health),
        admission: Arc::clone(&admission),
        workers: runtime,
        pulse: Arc::clone(&pulse),
        log: log.clone(),
        #[cfg(feature = "tls")]
        tls: tls.as_ref().map(|(keeper, _)| Arc::clone(keeper)),
    };
    let ready = Ready { health: Arc::clone(&health), lifecycle: Arc::clone(&lifecycle) };
    let own = Own {
        version: Version::new(identity, revision.as_deref()),
        live: Live(Arc::clone(&pulse)),
        ready: ready.clone(),
        metrics: Metrics(scrape.shared()),
        root: Root {
            identity,
            revision: revision.clone(),
            pod_name,
            node_name,
            levels: lines.level,
            ready,
            metrics: Arc::clone(&metrics),
            admission: Arc::clone(&admission),
        },
    };
    let (public, management) = match server.management_port {
        None => (own.routes(), None),
        Some(port) => (own.public(), Some((port, own.routes()))),
    };
    let router = Router::new(public.into_iter().chain(routes).collect(), metrics.series())?;
    let limits = limits_of(&server);
    let layers = Layers {
        router,
        metrics,
        limits: limits.request.clone(),
        bounds,
        lifecycle,
        spans,
        epoch: Instant::now(),
    };
    let management = match management {
        None => None,
        Some((port, routes)) => Some(Management {
            port,
            layers: Arc::new(Layers {
                router: Router::new(routes, layers.metrics.series())?,
                metrics: Arc::clone(&layers.metrics),
                limits: layers.limits.clone(),
                bounds: Arc::new(Bounds::of_management(workers.count)),
                lifecycle: Arc::clone(&layers.lifecycle),
                spans: layers.spans.clone(),
                epoch: layers.epoch,
            }),
        }),
    };
    Ok(Parts {
        identity,
        layers: Arc::new(layers),
        management,
        limits,
        admission,
        pulse,
        health,
        patience: Patience { delay: server.drain_delay, timeout: server.drain_timeout },
        retry_cap,
        workers,
        revision,
        #[cfg(feature = "tls")]
        tls,
    })
}

fn limits_of(config: &ServerConfig) -> server::Limits {
    server::Limits {
        request: layers::Limits {
            max_uri_bytes: config.max_uri_bytes,
            max_header_bytes: config.max_header_bytes,
            max_body_bytes: config.max_body_bytes,
            request_timeout: config.request_timeout,
        },
        header_read_timeout: config.header_read_timeout,
        keep_alive_timeout: config.keep_alive_timeout,
    }
}
