//! What every part of the service shares: the configuration, the routes and what is known of the
//! service's state. Made once, then only read; what changes in it is atomic.

use std::sync::Arc;
use std::time::Instant;

use crate::config::Config;
use crate::health::{Health, Status};
use crate::metrics::{Exposition, Format, HttpSeries, HttpShard, Metric, ProcessStats};
use crate::router::{RouteError, Router, Routes};
use crate::server::{Admission, Lifecycle, Watchdog};
use crate::telemetry::Writer;

/// The version of this build, as in Cargo.toml.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The platform of this build: processor, system and C library.
pub const TARGET: &str = if cfg!(all(target_arch = "x86_64", target_env = "musl")) {
    "x86_64-linux-musl"
} else if cfg!(all(target_arch = "aarch64", target_env = "musl")) {
    "aarch64-linux-musl"
} else if cfg!(all(target_arch = "x86_64", target_os = "linux")) {
    "x86_64-linux-gnu"
} else if cfg!(all(target_arch = "aarch64", target_os = "linux")) {
    "aarch64-linux-gnu"
} else if cfg!(all(target_arch = "aarch64", target_os = "macos")) {
    "aarch64-darwin"
} else {
    "other"
};

/// The state that is shared.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) router: Router,
    pub(crate) series: HttpSeries,
    /// One per worker.
    pub(crate) shards: Vec<HttpShard>,
    pub(crate) health: Arc<Health>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) admission: Admission,
    pub(crate) watchdog: Watchdog,
    pub(crate) log: Writer,
    /// What every time on a connection is counted from.
    pub(crate) epoch: Instant,
}

impl App {
    pub(crate) fn new(
        config: Config,
        routes: Routes,
        workers: usize,
        log: Writer,
    ) -> Result<Self, RouteError> {
        let (router, series) = Router::new(routes)?;
        Ok(Self {
            router,
            shards: (0..workers).map(|_| series.shard()).collect(),
            series,
            health: Arc::new(Health::new(config.dependencies.iter().cloned())),
            lifecycle: Lifecycle::new(),
            admission: Admission::new(config.server.max_connections),
            watchdog: Watchdog::new(workers),
            log,
            epoch: Instant::now(),
            config,
        })
    }

    /// The status that readiness reports.
    pub(crate) fn status(&self) -> Status {
        if self.lifecycle.is_draining() { Status::Draining } else { self.health.status() }
    }

    /// How many requests are being worked on.
    pub(crate) fn in_flight(&self) -> u64 {
        self.shards.iter().map(HttpShard::in_flight).sum()
    }

    /// The text of a scrape: every metric of the table.
    pub(crate) fn scrape(&self, format: Format) -> String {
        let process = ProcessStats::read();
        let mut text = Exposition::new(format);
        for metric in Metric::ALL {
            text.begin(metric);
            match metric {
                Metric::HttpRequests => self.series.write_requests(&self.shards, &mut text),
                Metric::HttpRequestDuration => {
                    self.series.write_durations(&self.shards, &mut text);
                }
                Metric::HttpRequestsInFlight => text.sample(&[], self.in_flight()),
                Metric::HttpConnectionsActive => text.sample(&[], self.admission.active()),
                Metric::HttpConnectionsMax => text.sample(&[], self.admission.limit()),
                Metric::HttpConnectionsRejected => text.sample(&[], self.admission.rejected()),
                Metric::HttpPanics => {
                    text.sample(&[], self.shards.iter().map(HttpShard::panics).sum::<u64>());
                }
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
                        text.histogram(&[dependency.name()], [&dependency.durations]);
                    }
                }
                Metric::HealthStatus => {
                    let now = self.status();
                    for status in Status::ALL {
                        text.sample(&[status.as_str()], u8::from(status == now));
                    }
                }
                Metric::LogLinesDropped => text.sample(&[], self.log.dropped()),
                Metric::BuildInfo => text.sample(&[VERSION, TARGET], 1),
                Metric::ProcessCpuSeconds
                | Metric::ProcessOpenFds
                | Metric::ProcessMaxFds
                | Metric::ProcessVirtualMemory
                | Metric::ProcessVirtualMemoryMax
                | Metric::ProcessResidentMemory
                | Metric::ProcessStartTime => process.write(metric, &mut text),
            }
        }
        text.finish()
    }
}
