//! The one table of every metric: name, kind, help, labels and the values a label can have.
//! Nothing else in the code names a metric; dashboards, alerts and docs are tested against it.

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is described by its family below")]
pub(crate) enum Metric {
    HttpRequests,
    HttpRequestDuration,
    HttpRequestsInFlight,
    HttpRequestsShed,
    HttpQueueTime,
    HttpBufferedBytes,
    HttpConnectionsActive,
    HttpConnectionsMax,
    HttpConnectionsRejected,
    HttpConnectionsEvicted,
    HttpPanics,
    RuntimeWorkers,
    RuntimeTasksAlive,
    RuntimeQueueDepth,
    RuntimeBusySeconds,
    RuntimeSchedulingDelay,
    DependencyUp,
    DependencyCheckDuration,
    HealthStatus,
    #[cfg(any(test, feature = "tls"))]
    TlsCertificateExpiry,
    #[cfg(any(test, feature = "tls"))]
    TlsCertificateReloadFailures,
    #[cfg(any(test, feature = "tls"))]
    TlsHandshakesFailed,
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
pub(crate) enum Kind {
    /// Only ever grows; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts of observations per bucket, in seconds.
    Histogram,
}

impl Kind {
    /// The kind as the formats of a scrape call it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A label and the closed set of its values, as the documentation tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label {
    /// The label's name.
    pub(crate) name: &'static str,
    /// Where its values come from; never from what a client sends.
    #[cfg_attr(not(test), expect(dead_code, reason = "read by the documentation page"))]
    pub(crate) values: &'static str,
}

/// What there is to know about a metric.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Family {
    /// The name as it is scraped.
    pub(crate) name: &'static str,
    /// What kind of number it is.
    pub(crate) kind: Kind,
    /// What it tells.
    pub(crate) help: &'static str,
    /// Its labels.
    pub(crate) labels: &'static [Label],
}

const METHOD: Label = Label {
    name: "method",
    values: "the methods a route takes; GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS or other where no route was found",
};
const ROUTE: Label = Label {
    name: "route",
    values: "the patterns of the route table; none where no route took the request; other past the first 63 pairs of route and method that are asked for",
};
const STATUS: Label = Label {
    name: "status",
    values: "the status codes in use; 499 where no answer was made: the client left first, as only HTTP/2 tells, or the drain cut it; other",
};
const REASON: Label =
    Label { name: "reason", values: "connections, in_flight, buffered_bytes, queue_time, stalled" };
const DEPENDENCY: Label = Label { name: "dependency", values: "the configured names" };
const CRITICALITY: Label = Label { name: "criticality", values: "critical, important, optional" };
const HEALTH: Label =
    Label { name: "status", values: "starting, healthy, degraded, unhealthy, draining" };
#[cfg(any(test, feature = "tls"))]
const HANDSHAKE: Label = Label {
    name: "reason",
    values: "timeout, closed, plaintext, incompatible, client_certificate, refused, invalid",
};
const SERVICE: Label = Label { name: "service", values: "the name of the service" };
const VERSION: Label = Label { name: "version", values: "the version of this build" };
const TARGET: Label = Label { name: "target", values: "the platform of this build" };

impl Metric {
    /// Every metric, in the order in which they are exported.
    pub(crate) const ALL: &[Self] = &[
        Self::HttpRequests,
        Self::HttpRequestDuration,
        Self::HttpRequestsInFlight,
        Self::HttpRequestsShed,
        Self::HttpQueueTime,
        Self::HttpBufferedBytes,
        Self::HttpConnectionsActive,
        Self::HttpConnectionsMax,
        Self::HttpConnectionsRejected,
        Self::HttpConnectionsEvicted,
        Self::HttpPanics,
        Self::RuntimeWorkers,
        Self::RuntimeTasksAlive,
        Self::RuntimeQueueDepth,
        Self::RuntimeBusySeconds,
        Self::RuntimeSchedulingDelay,
        Self::DependencyUp,
        Self::DependencyCheckDuration,
        Self::HealthStatus,
        #[cfg(any(test, feature = "tls"))]
        Self::TlsCertificateExpiry,
        #[cfg(any(test, feature = "tls"))]
        Self::TlsCertificateReloadFailures,
        #[cfg(any(test, feature = "tls"))]
        Self::TlsHandshakesFailed,
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
    #[allow(clippy::too_many_lines, reason = "it is the table")]
    pub(crate) const fn family(self) -> Family {
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
            Self::HttpRequestsShed => (
                "http_requests_shed_total",
                Counter,
                "Requests refused or given up because the service had too much to do.",
                &[REASON],
            ),
            Self::HttpQueueTime => (
                "http_queue_time_seconds",
                Gauge,
                "How long a request waits for its turn on a CPU, as last measured.",
                &[],
            ),
            Self::HttpBufferedBytes => (
                "http_buffered_bytes",
                Gauge,
                "Bytes that are held for clients: connections, heads, bodies, responses.",
                &[],
            ),
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
            Self::HttpConnectionsEvicted => (
                "http_connections_evicted_total",
                Counter,
                "Connections that waited for their client and were closed to make room for others.",
                &[],
            ),
            Self::HttpPanics => ("http_panics_total", Counter, "Handlers that panicked.", &[]),
            Self::RuntimeWorkers => {
                ("runtime_workers", Gauge, "Threads that run handlers and what they spawn.", &[])
            }
            Self::RuntimeTasksAlive => (
                "runtime_tasks_alive",
                Gauge,
                "Tasks of the workers that have not ended: connections, streams, what handlers spawn.",
                &[],
            ),
            Self::RuntimeQueueDepth => (
                "runtime_queue_depth",
                Gauge,
                "Tasks that wait in the queue that all workers share.",
                &[],
            ),
            Self::RuntimeBusySeconds => (
                "runtime_busy_seconds_total",
                Counter,
                "Time that the workers were busy, all together; a task is added when it pauses.",
                &[],
            ),
            Self::RuntimeSchedulingDelay => (
                "runtime_scheduling_delay_seconds",
                Histogram,
                "How long a task waits for its turn on a worker, looked at 50 times a second under load, 10 times when idle.",
                &[],
            ),
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
            #[cfg(any(test, feature = "tls"))]
            Self::TlsCertificateExpiry => (
                "tls_certificate_expiry_timestamp_seconds",
                Gauge,
                "When the certificate that is in use ends, in seconds since 1970.",
                &[],
            ),
            #[cfg(any(test, feature = "tls"))]
            Self::TlsCertificateReloadFailures => (
                "tls_certificate_reload_failures_total",
                Counter,
                "How often the certificate's files were looked at and could not be used.",
                &[],
            ),
            #[cfg(any(test, feature = "tls"))]
            Self::TlsHandshakesFailed => (
                "tls_handshakes_failed_total",
                Counter,
                "Connections that came to nothing before their first request.",
                &[HANDSHAKE],
            ),
            Self::LogLinesDropped => (
                "log_lines_dropped_total",
                Counter,
                "Log lines dropped because standard error was not read fast enough.",
                &[],
            ),
            Self::BuildInfo => (
                "service_build_info",
                Gauge,
                "1, with what is running as labels.",
                &[SERVICE, VERSION, TARGET],
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
        let listed: BTreeSet<Metric> = Metric::ALL.iter().copied().collect();
        assert_eq!(listed.len(), Metric::ALL.len());
        for &metric in Metric::ALL {
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
