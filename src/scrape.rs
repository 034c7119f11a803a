//! The text of a scrape, which many may ask for at once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::bounds::{Bounds, Reason};
use crate::health::{Health, Status};
use crate::identity::{Identity, TARGET};
use crate::lifecycle::Lifecycle;
use crate::metrics::{Collect, Exposition, Float, Format, HttpMetrics, Metric, ProcessStats, Text};
use crate::server::{Admission, Pulse, Workers};
use crate::telemetry::Writer;
#[cfg(feature = "tls")]
use crate::tls::{HandshakeFailure, Keeper};

/// A text is made anew for each of the first scrapes of this time; those that come beyond share the
/// last one. So a scrape is as fresh as it can be for two Prometheus and someone who looks, and a
/// hundred scrapers cost what eight do.
const WINDOW: Duration = Duration::from_millis(500);
const FRESH: u32 = 8;

/// Where the numbers come from.
pub(crate) struct Scrape {
    pub(crate) identity: Identity,
    /// Those of the service's own.
    pub(crate) own: Vec<&'static dyn Collect>,
    pub(crate) metrics: Arc<HttpMetrics>,
    pub(crate) bounds: Arc<Bounds>,
    pub(crate) lifecycle: Arc<Lifecycle>,
    pub(crate) health: Arc<Health>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) workers: Workers,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) log: Writer,
    /// Where the ports speak TLS.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<Keeper>>,
}

impl Scrape {
    /// The same, with texts that are shared.
    pub(crate) fn shared(self) -> SharedScrape {
        SharedScrape { scrape: self, texts: Mutex::new(Texts::new(Instant::now())) }
    }

    /// Every metric of the table.
    fn text(&self, format: Format) -> Bytes {
        let (process, runtime) = (ProcessStats::read(), self.workers.metrics());
        let mut text = Exposition::new(format);
        for &metric in Metric::ALL {
            text.begin(metric);
            match metric {
                Metric::HttpRequests => self.metrics.write_requests(&mut text),
                Metric::HttpRequestDuration => self.metrics.write_durations(&mut text),
                Metric::HttpRequestsInFlight => text.sample(&[], self.metrics.in_flight()),
                Metric::HttpRequestsShed => {
                    for reason in Reason::ALL {
                        text.sample(&[reason.as_str()], self.bounds.shed.of(reason));
                    }
                }
                Metric::HttpQueueTime => {
                    text.sample(&[], Float(self.bounds.queue.last().as_secs_f64()));
                }
                Metric::HttpBufferedBytes => text.sample(&[], self.bounds.account.held()),
                Metric::HttpConnectionsActive => text.sample(&[], self.admission.active()),
                Metric::HttpConnectionsMax => text.sample(&[], self.admission.limit()),
                Metric::HttpConnectionsRejected => text.sample(&[], self.bounds.rejected()),
                Metric::HttpConnectionsEvicted => text.sample(&[], self.bounds.evicted()),
                Metric::HttpPanics => text.sample(&[], self.metrics.panics()),
                Metric::RuntimeWorkers => text.sample(&[], runtime.num_workers()),
                Metric::RuntimeTasksAlive => text.sample(&[], runtime.num_alive_tasks()),
                Metric::RuntimeQueueDepth => text.sample(&[], runtime.global_queue_depth()),
                Metric::RuntimeBusySeconds => {
                    text.sample(&[], Float(self.workers.busy().as_secs_f64()));
                }
                Metric::RuntimeSchedulingDelay => text.histogram(&[], [&self.pulse.delays], None),
                Metric::DependencyUp => {
                    for dependency in self.health.dependencies() {
                        let labels = [dependency.name(), dependency.criticality().as_str()];
                        let state = dependency.report(self.health.started()).status;
                        let is_up = Status::from(state).is_ready();
                        text.sample(&labels, u8::from(is_up));
                    }
                }
                Metric::DependencyCheckDuration => {
                    for dependency in self.health.dependencies() {
                        text.histogram(&[dependency.name()], [&dependency.durations], None);
                    }
                }
                Metric::HealthStatus => {
                    let is_draining = self.lifecycle.is_draining();
                    let now = if is_draining { Status::Draining } else { self.health.status() };
                    for status in Status::ALL {
                        text.sample(&[status.as_str()], u8::from(status == now));
                    }
                }
                #[cfg(any(test, feature = "tls"))]
                Metric::TlsCertificateExpiry
                | Metric::TlsCertificateReloadFailures
                | Metric::TlsHandshakesFailed =>
                {
                    #[cfg(feature = "tls")]
                    if let Some(keeper) = &self.tls {
                        write_tls(keeper, metric, &mut text);
                    }
                }
                Metric::LogLinesDropped => text.sample(&[], self.log.dropped()),
                Metric::BuildInfo => {
                    text.sample(&[self.identity.name, self.identity.version, TARGET], 1);
                }
                Metric::ProcessCpuSeconds
                | Metric::ProcessOpenFds
                | Metric::ProcessMaxFds
                | Metric::ProcessVirtualMemory
                | Metric::ProcessVirtualMemoryMax
                | Metric::ProcessResidentMemory
                | Metric::ProcessStartTime => process.write(metric, &mut text),
            }
        }
        for metric in &self.own {
            metric.write(&mut Text(&mut text));
        }
        text.finish().into()
    }
}

#[cfg(feature = "tls")]
fn write_tls(keeper: &Keeper, metric: Metric, text: &mut Exposition) {
    match metric {
        Metric::TlsCertificateExpiry => text.sample(&[], keeper.expiry().as_secs()),
        Metric::TlsCertificateReloadFailures => text.sample(&[], keeper.reload_failures()),
        _ => {
            for failure in HandshakeFailure::ALL {
                text.sample(&[failure.as_str()], keeper.failed(failure));
            }
        }
    }
}

/// A scrape whose texts are shared.
pub(crate) struct SharedScrape {
    scrape: Scrape,
    texts: Mutex<Texts>,
}

impl SharedScrape {
    /// The text in this format.
    pub(crate) fn text(&self, format: Format) -> Bytes {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.get(format, Instant::now(), || self.scrape.text(format))
    }
}

/// The last texts, by format.
struct Texts {
    last: [Option<Bytes>; Format::ALL.len()],
    /// How many were made since.
    made: u32,
    since: Instant,
}

impl Texts {
    fn new(now: Instant) -> Self {
        Self { last: [const { None }; Format::ALL.len()], made: 0, since: now }
    }

    fn get(&mut self, format: Format, now: Instant, make: impl FnOnce() -> Bytes) -> Bytes {
        if now.saturating_duration_since(self.since) >= WINDOW {
            *self = Self::new(now);
        }
        let Some(last) = self.last.get_mut(format as usize) else { return make() };
        match last {
            Some(text) if self.made >= FRESH => text.clone(),
            last => {
                self.made += 1;
                last.insert(make()).clone()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_scrapes_are_fresh_and_the_rest_of_the_time_shares_the_last() {
        let began = Instant::now();
        let mut texts = Texts::new(began);
        let mut made = 0;
        let mut scrape = |format: Format, ms: u64| {
            let text = texts.get(format, began + Duration::from_millis(ms), || {
                made += 1;
                made.to_string().into()
            });
            String::from_utf8(text.to_vec()).unwrap().parse::<u32>().unwrap()
        };
        for fresh in 1..=FRESH {
            assert_eq!(scrape(Format::Prometheus, 10), fresh);
        }
        assert_eq!(scrape(Format::Prometheus, 499), FRESH);
        assert_eq!(scrape(Format::OpenMetrics, 499), FRESH + 1, "none to share");
        assert_eq!(scrape(Format::OpenMetrics, 499), FRESH + 1);
        assert_eq!(scrape(Format::Prometheus, 500), FRESH + 2);
    }
}
