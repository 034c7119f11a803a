//! The one table of every metric: name, kind, help, labels and the values a label can have.
//! Nothing else in the code names a metric; dashboards, alerts and docs are tested against it.

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is described by its family below")]
pub enum Metric {
    HttpRequests,
    HttpRequestDuration,
    HttpRequestsInFlight,
    HttpConnectionsActive,
    HttpConnectionsMax,
    HttpConnectionsRejected,
    HttpPanics,
    DependencyUp,
    DependencyCheckDuration,
    HealthStatus,
    LogLinesDropped,
    BuildInfo,
    ProcessCpuSeconds,
    ProcessOpenFds,
    ProcessMaxFds,
    ProcessVirtualMemory,
    ProcessVirtualMemoryMax,
    ProcessResidentMemory,
    ProcessStartTime,
}

/// What kind of number a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only ever grows; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts of observations per bucket, in seconds.
    Histogram,
}

/// A label and the closed set of its values, as the documentation tells it.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// The label's name.
    pub name: &'static str,
    /// Where its values come from; never from what a client sends.
    #[cfg_attr(not(test), expect(dead_code, reason = "read by the documentation page"))]
    pub values: &'static str,
}

/// What there is to know about a metric.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The name as it is scraped.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// What it tells.
    pub help: &'static str,
    /// Its labels.
    pub labels: &'static [Label],
}

const METHOD: Label = Label {
    name: "method",
    values: "the methods a route takes; GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS or other where no route was found",
};
const ROUTE: Label = Label {
    name: "route",
    values: "the patterns of the route table; none where no route took the request; other past 64 pairs of route and method",
};
const STATUS: Label = Label {
    name: "status",
    values: "the status codes in use; 499 where no answer was made: the client left first, as only HTTP/2 tells, or the drain cut it; other",
};
const DEPENDENCY: Label = Label { name: "dependency", values: "the configured names" };
const CRITICALITY: Label = Label { name: "criticality", values: "critical, important, optional" };
const HEALTH: Label =
    Label { name: "status", values: "starting, healthy, degraded, unhealthy, draining" };
const VERSION: Label = Label { name: "version", values: "the version of this build" };
const TARGET: Label = Label { name: "target", values: "the platform of this build" };

impl Metric {
    /// Every metric, in the order in which they are exported.
    pub const ALL: [Self; 19] = [
        Self::HttpRequests,
        Self::HttpRequestDuration,
        Self::HttpRequestsInFlight,
        Self::HttpConnectionsActive,
        Self::HttpConnectionsMax,
        Self::HttpConnectionsRejected,
        Self::HttpPanics,
        Self::DependencyUp,
        Self::DependencyCheckDuration,
        Self::HealthStatus,
        Self::LogLinesDropped,
        Self::BuildInfo,
        Self::ProcessCpuSeconds,
        Self::ProcessOpenFds,
        Self::ProcessMaxFds,
        Self::ProcessVirtualMemory,
        Self::ProcessVirtualMemoryMax,
        Self::ProcessResidentMemory,
        Self::ProcessStartTime,
    ];

    /// The metric's row of the table.
    pub const fn family(self) -> Family {
        use Kind::{Counter, Gauge, Histogram};
        let (name, kind, help, labels): (_, _, _, &'static [Label]) = match self {
            Self::HttpRequests => {
                ("http_requests_total", Counter, "Requests answered.", &[METHOD, ROUTE, STATUS])
            }
            Self::HttpRequestDuration => (
                "http_request_duration_seconds",
                Histogram,
                "Time from a request's head to the last byte of its response.",
                &[METHOD, ROUTE],
            ),
            Self::HttpRequestsInFlight => {
                ("http_requests_in_flight", Gauge, "Requests that are being worked on.", &[])
            }
            Self::HttpConnectionsActive => {
                ("http_connections_active", Gauge, "Connections that are open.", &[])
            }
            Self::HttpConnectionsMax => {
                ("http_connections_max", Gauge, "Most connections that may be open at a time.", &[])
            }
            Self::HttpConnectionsRejected => (
                "http_connections_rejected_total",
                Counter,
                "Connections past the limit that were told to come back later.",
                &[],
            ),
            Self::HttpPanics => ("http_panics_total", Counter, "Handlers that panicked.", &[]),
            Self::DependencyUp => (
                "dependency_up",
                Gauge,
                "1 while the dependency answers in time, else 0.",
                &[DEPENDENCY, CRITICALITY],
            ),
            Self::DependencyCheckDuration => (
                "dependency_check_duration_seconds",
                Histogram,
                "Time that the checks of a dependency took, failed ones included.",
                &[DEPENDENCY],
            ),
            Self::HealthStatus => (
                "health_status",
                Gauge,
                "1 for the status that readiness reports, else 0.",
                &[HEALTH],
            ),
            Self::LogLinesDropped => (
                "log_lines_dropped_total",
                Counter,
                "Log lines dropped because standard error was not read fast enough.",
                &[],
            ),
            Self::BuildInfo => (
                "pcf_api_build_info",
                Gauge,
                "1, with what is running as labels.",
                &[VERSION, TARGET],
            ),
            Self::ProcessCpuSeconds => (
                "process_cpu_seconds_total",
                Counter,
                "User and system CPU time spent, in seconds.",
                &[],
            ),
            Self::ProcessOpenFds => ("process_open_fds", Gauge, "Open file descriptors.", &[]),
            Self::ProcessMaxFds => {
                ("process_max_fds", Gauge, "Most file descriptors that may be open.", &[])
            }
            Self::ProcessVirtualMemory => {
                ("process_virtual_memory_bytes", Gauge, "Virtual memory, in bytes.", &[])
            }
            Self::ProcessVirtualMemoryMax => (
                "process_virtual_memory_max_bytes",
                Gauge,
                "Most virtual memory that may be had, in bytes; -1 without a limit.",
                &[],
            ),
            Self::ProcessResidentMemory => {
                ("process_resident_memory_bytes", Gauge, "Resident memory, in bytes.", &[])
            }
            Self::ProcessStartTime => (
                "process_start_time_seconds",
                Gauge,
                "When the process started, in seconds since 1970.",
                &[],
            ),
        };
        Family { name, kind, help, labels }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_metric_is_in_the_list_once_and_named_as_prometheus_asks() {
        let listed: BTreeSet<Metric> = Metric::ALL.into_iter().collect();
        assert_eq!(listed.len(), Metric::ALL.len());
        for metric in Metric::ALL {
            let family = metric.family();
            assert_eq!(
                family.name.ends_with("_total"),
                family.kind == Kind::Counter,
                "{}",
                family.name
            );
            assert!(
                family.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{}",
                family.name
            );
            assert!(family.help.ends_with('.'), "{}", family.name);
        }
    }
}
