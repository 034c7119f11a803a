//! The background task of a dependency: checks it for ever, one check at a time, and tells the log
//! when its state changes. The process never ends because a dependency is down.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::net::lookup_host;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant as TokioInstant, sleep_until, timeout};

use super::backoff;
use super::probe;
use super::report::{Check, Dependency, DependencyReport, Health};
use super::state::State;
use super::target::{Target, TargetError, TargetUrl};

/// How often a state that is not healthy is told again while it lasts.
const REMIND_EVERY: Duration = Duration::from_secs(30);

/// Starts a checker for each dependency, on the runtime of the caller.
pub(crate) fn run(health: &Arc<Health>, retry_cap: Duration) {
    for index in 0..health.dependencies().len() {
        tokio::spawn(check_for_ever(Arc::clone(health), index, retry_cap));
    }
}

async fn check_for_ever(health: Arc<Health>, index: usize, retry_cap: Duration) {
    let Some(dependency) = health.dependencies().get(index) else {
        return;
    };
    let mut prober = Prober::new(dependency.config.url.clone());
    let mut narrator = Narrator { told: None, told_at: Instant::now() };
    loop {
        let began = TokioInstant::now();
        let check = prober.check(dependency.config.timeout).await;
        tracing::debug!(
            dependency = dependency.name(),
            latency_ms = check.latency.as_secs_f64() * 1000.0,
            failure = check.failure.as_deref(),
            "checked a dependency"
        );
        let is_good = check.is_good();
        dependency.store(check);
        let report = dependency.report(health.started());
        narrator.tell(dependency, &report, &health);
        let next = if is_good {
            began + backoff::INTERVAL
        } else {
            TokioInstant::now() + backoff::after_failures(report.consecutive_failures, retry_cap)
        };
        sleep_until(next).await;
    }
}

/// Runs single checks, each within its time.
struct Prober {
    url: TargetUrl,
    /// The last target that was read: it serves on while a file is being replaced.
    target: Option<Target>,
    /// A read of the URL's file that outlived its check: a mount may hang. It must hold neither this
    /// thread, which also accepts connections, nor more than one other.
    reading: Option<JoinHandle<Result<Target, TargetError>>>,
    /// A look-up that outlived its check. A resolver cannot be stopped, so no second one is started
    /// beside it: a hanging name server holds one thread per dependency, not one more each check.
    lookup: Option<JoinHandle<std::io::Result<Vec<SocketAddr>>>>,
}

impl Prober {
    fn new(url: TargetUrl) -> Self {
        Self { url, target: None, reading: None, lookup: None }
    }

    async fn check(&mut self, within: Duration) -> Check {
        let began = Instant::now();
        let result = timeout(within, self.probe()).await;
        let failure = match result {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(failure),
            Err(_) => Some(format!("no answer within {} ms", within.as_millis())),
        };
        Check {
            ended: Instant::now(),
            ended_at: SystemTime::now(),
            latency: began.elapsed(),
            failure,
        }
    }

    async fn probe(&mut self) -> Result<(), String> {
        let target = self.read_target().await?;
        let addresses = self.addresses(&target).await?;
        probe::check(&target, &addresses).await.map_err(|error| error.to_string())
    }

    /// The target as its URL says now; a URL's file that is gone or broken leaves the last one.
    async fn read_target(&mut self) -> Result<Target, String> {
        let url = self.url.clone();
        let read = self.reading.get_or_insert_with(|| spawn_blocking(move || url.target())).await;
        self.reading = None;
        let read = read.map_err(|_| "the URL was not read".to_owned())?;
        match (read, &self.target) {
            (Ok(target), last) => {
                if last.as_ref().is_some_and(|last| *last != target) {
                    tracing::info!("a dependency's URL has changed; the new one is in use");
                    self.lookup = None;
                }
                self.target = Some(target.clone());
                Ok(target)
            }
            (Err(error), Some(last)) => {
                tracing::warn!(%error, "a dependency's URL cannot be read; the last one stays in use");
                Ok(last.clone())
            }
            (Err(error), None) => Err(error.to_string()),
        }
    }

    async fn addresses(&mut self, target: &Target) -> Result<Vec<SocketAddr>, String> {
        if let Ok(address) = target.host.parse() {
            return Ok(vec![SocketAddr::new(address, target.port)]);
        }
        let place = (target.host.clone(), target.port);
        let lookup = self
            .lookup
            .get_or_insert_with(|| tokio::spawn(async { Ok(lookup_host(place).await?.collect()) }));
        let found = lookup.await;
        self.lookup = None;
        match found {
            Ok(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
            _ => Err("the host's name cannot be resolved".to_owned()),
        }
    }
}

/// Tells the log about states: each change once, and a lasting one every 30 s.
struct Narrator {
    told: Option<State>,
    told_at: Instant,
}

impl Narrator {
    fn tell(&mut self, dependency: &Dependency, report: &DependencyReport, health: &Health) {
        let (name, criticality) = (dependency.name(), report.criticality.as_str());
        let (state, reason) = (report.status, report.message.as_str());
        let status = health.status().as_str();
        let failures = report.consecutive_failures;
        if self.told != Some(state) {
            let from = self.told.map(tracing::field::display);
            if state == State::Healthy {
                tracing::info!(
                    dependency = name,
                    criticality,
                    from,
                    status,
                    "dependency is {state}"
                );
            } else {
                tracing::warn!(
                    dependency = name,
                    criticality,
                    from,
                    status,
                    reason,
                    "dependency is {state}"
                );
            }
        } else if state != State::Healthy && self.told_at.elapsed() >= REMIND_EVERY {
            tracing::warn!(
                dependency = name,
                criticality,
                status,
                failures,
                reason,
                "dependency is still {state}"
            );
        } else {
            return;
        }
        self.told = Some(state);
        self.told_at = Instant::now();
    }
}
