//! The background task of a dependency: checks it for ever, one check at a time, and tells the log
//! when its state changes. The process never ends because a dependency is down.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::net::lookup_host;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant as TokioInstant, sleep_until, timeout};

use super::backoff;
use super::probe::{self, Attempt, Memory, Peer};
use super::reminder::Reminder;
use super::report::{Check, Dependency, DependencyReport, Health, Outcome, OwnCheck};
use super::security::{Dialer, Trust};
use super::state::State;
use super::target::{Host, Target, TargetError, TargetUrl};
use crate::identity::Identity;

/// How long the read of a URL's file may hold a check, which has to answer within 100 ms to be well.
const READ_WITHIN: Duration = Duration::from_millis(50);

/// Most addresses of a name that are asked.
const MAX_ADDRESSES: usize = 16;

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
    let mut asker = Asker::new(dependency, health.identity());
    let mut narrator = Narrator { told: None, reminder: Reminder::default() };
    loop {
        let began = TokioInstant::now();
        let check = asker.check(dependency.subject.timeout).await;
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
enum Asker {
    Url(Box<Prober>),
    Own(OwnCheck),
}

impl Asker {
    fn new(dependency: &Dependency, identity: Identity) -> Self {
        match &dependency.subject.check {
            Check::Url(url, trust) => {
                let prober = Prober::new(dependency.name(), url.clone(), trust.clone(), identity);
                Self::Url(Box::new(prober))
            }
            Check::Own(check) => Self::Own(Arc::clone(check)),
        }
    }

    async fn check(&mut self, within: Duration) -> Outcome {
        let began = Instant::now();
        let failure = match timeout(within, self.ask()).await {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(failure),
            Err(_) => Some(format!("no answer within {} ms", within.as_millis())),
        };
        Outcome {
            ended: Instant::now(),
            ended_at: SystemTime::now(),
            latency: began.elapsed(),
            failure,
        }
    }

    async fn ask(&mut self) -> Result<(), String> {
        match self {
            Self::Url(prober) => prober.probe().await,
            Self::Own(check) => check().await.map_err(|words| probe::quoted(words.as_bytes())),
        }
    }
}

/// Asks what a URL names.
struct Prober {
    name: String,
    url: TargetUrl,
    /// Who asks.
    identity: Identity,
    /// The last target that was read: it serves on while a file is being replaced.
    target: Option<Target>,
    /// A read of the URL's file that outlived its check: a mount may hang. It must hold neither this
    /// thread, which also accepts connections, nor more than one other.
    reading: Option<JoinHandle<Result<Target, TargetError>>>,
    /// Of each of the target's hosts.
    lookups: Vec<Lookup>,
    memory: Memory,
    dialer: Dialer,
    /// Of a URL's file that cannot be read.
    unreadable: Reminder,
}

impl Prober {
    fn new(name: &str, url: TargetUrl, trust: Trust, identity: Identity) -> Self {
        Self {
            name: name.to_owned(),
            url,
            identity,
            target: None,
            reading: None,
            lookups: Vec::new(),
            memory: Memory::default(),
            dialer: Dialer::new(trust),
            unreadable: Reminder::default(),
        }
    }

    async fn probe(&mut self) -> Result<(), String> {
        let asked = self.ask().await;
        if asked.is_err() {
            self.dialer.forget();
        }
        asked
    }

    async fn ask(&mut self) -> Result<(), String> {
        let target = self.target().await?;
        let Target { hosts, protocol, security } = &target;
        let dialer = self.dialer.ready(*security).await?;
        self.lookups.resize_with(hosts.len(), Lookup::default);
        let (memory, identity) = (&self.memory, self.identity);
        let dialer = &dialer;
        let hosts = hosts.iter().zip(&mut self.lookups).map(|(host, lookup)| -> Attempt<'_> {
            Box::pin(async move {
                let encryption = &dialer.of_host(&host.name)?;
                let ask = |address| -> Attempt<'_> {
                    let peer = Peer { address, encryption: encryption.as_ref() };
                    Box::pin(async move {
                        let asked = probe::check(protocol, peer, memory, identity).await;
                        asked.map_err(|error| error.to_string())
                    })
                };
                let addresses = lookup.addresses(host).await?;
                probe::first(addresses.into_iter().map(ask).collect()).await
            })
        });
        probe::first(hosts.collect()).await
    }

    /// The target as its URL says now; a URL's file that is gone or broken leaves the last one.
    async fn target(&mut self) -> Result<Target, String> {
        let read = self.read_target().await;
        let dependency = self.name.as_str();
        match (read, &self.target) {
            (Ok(target), last) => {
                if last.as_ref().is_some_and(|last| *last != target) {
                    tracing::info!(
                        dependency,
                        "a dependency's URL has changed; the new one is in use"
                    );
                    self.lookups.clear();
                }
                if self.unreadable.end() {
                    tracing::info!(dependency, "a dependency's URL can be read again");
                }
                self.target = Some(target.clone());
                Ok(target)
            }
            (Err(error), Some(last)) => {
                if self.unreadable.is_due(Instant::now()) {
                    tracing::warn!(
                        dependency,
                        %error,
                        "a dependency's URL cannot be read; the last one stays in use"
                    );
                }
                Ok(last.clone())
            }
            (Err(error), None) => Err(error.to_string()),
        }
    }

    async fn read_target(&mut self) -> Result<Target, TargetError> {
        if !self.url.is_in_file() {
            return self.url.target();
        }
        let url = self.url.clone();
        let reading = self.reading.get_or_insert_with(|| spawn_blocking(move || url.target()));
        let Ok(read) = timeout(READ_WITHIN, reading).await else {
            return Err(TargetError::Url("its file does not answer"));
        };
        self.reading = None;
        read.unwrap_or(Err(TargetError::Url("the URL was not read")))
    }
}

/// A look-up that may outlive its check. A resolver cannot be stopped, so no second one is started
/// beside it: a hanging name server holds one thread per host, not one more each check.
#[derive(Default)]
struct Lookup(Option<JoinHandle<std::io::Result<Vec<SocketAddr>>>>);

impl Lookup {
    async fn addresses(&mut self, host: &Host) -> Result<Vec<SocketAddr>, String> {
        if let Ok(address) = host.name.parse() {
            return Ok(vec![SocketAddr::new(address, host.port)]);
        }
        let place = (host.name.clone(), host.port);
        let lookup = self.0.get_or_insert_with(|| {
            tokio::spawn(async { Ok(lookup_host(place).await?.take(MAX_ADDRESSES).collect()) })
        });
        let found = lookup.await;
        self.0 = None;
        match found {
            Ok(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
            _ => Err("the host's name cannot be resolved".to_owned()),
        }
    }
}

/// Tells the log about states: each change once, and a lasting one every 30 s.
struct Narrator {
    told: Option<State>,
    reminder: Reminder,
}

impl Narrator {
    fn tell(&mut self, dependency: &Dependency, report: &DependencyReport, health: &Health) {
        let (name, criticality) = (dependency.name(), report.criticality.as_str());
        let (state, reason) = (report.status, report.message.as_str());
        let status = health.status().as_str();
        let failures = report.consecutive_failures;
        let from = self.told.replace(state);
        let is_change = from != Some(state);
        if is_change {
            self.reminder.end();
        }
        let from = from.map(tracing::field::display);
        match state {
            State::Healthy if is_change => tracing::info!(
                dependency = name,
                criticality,
                from,
                status,
                "dependency is {state}"
            ),
            State::Healthy => {}
            _ if !self.reminder.is_due(Instant::now()) => {}
            _ if is_change => tracing::warn!(
                dependency = name,
                criticality,
                from,
                status,
                reason,
                "dependency is {state}"
            ),
            _ => tracing::warn!(
                dependency = name,
                criticality,
                status,
                failures,
                reason,
                "dependency is still {state}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::*;
    use crate::identity::TEST;
    use crate::settings::Value;

    /// The threads for what blocks may all hang on mounts and name servers.
    #[test]
    fn a_url_that_is_in_no_file_is_read_without_a_thread() {
        let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
        let runtime = runtime.unwrap();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = TargetUrl::parse(&format!("tcp://{}", listener.local_addr().unwrap())).unwrap();
        let check = runtime.block_on(async {
            spawn_blocking(move || held.recv());
            let prober = Prober::new("peer", url, Trust::SYSTEM, TEST);
            Asker::Url(Box::new(prober)).check(Duration::from_secs(1)).await
        });
        drop(release);
        assert_eq!(check.failure, None);
    }
}
