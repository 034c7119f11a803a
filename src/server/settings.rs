//! The settings of the server.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use crate::settings::{Describe, HOUR, Problem, Reader, Setting, Size, Sources, Value, key_of};

const MS_100: Duration = Duration::from_millis(100);

/// Where the server listens.
pub static HOST: Setting<IpAddr> = Setting::new("server.host", "Address to listen on. 0.0.0.0 is every address, those of IPv6 included where the machine has it.").default("0.0.0.0");

/// The port to listen on.
pub static PORT: Setting<u16> =
    Setting::new("server.port", "Port to listen on; 0 takes a free one and logs it.")
        .env(&["SERVER__PORT", "PORT"])
        .default("8080")
        .range(0, u16::MAX);

/// The port of those who watch the service.
pub static MANAGEMENT_PORT: Setting<Option<u16>> = Setting::new(
    "server.management_port",
    "Port on which /, /metrics and /health/ready are served, and there alone; /health and /version are \
     on both. Without it one port serves all.",
)
.range(Some(0), Some(u16::MAX));

/// The threads that run handlers.
pub static WORKERS: Setting<WorkerCount> = Setting::new(
    "server.workers",
    "Worker threads. auto: the CPUs that the cgroup and the affinity mask grant.",
)
.default("auto");

/// How long new requests are still taken after a signal.
pub static DRAIN_DELAY: Setting<Duration> = Setting::new(
    "server.drain_delay",
    "How long new connections are still served after SIGTERM, while load balancers take notice.",
)
.default("5s")
.range(Duration::ZERO, HOUR);

/// How long requests in flight may then take.
pub static DRAIN_TIMEOUT: Setting<Duration> = Setting::new(
    "server.drain_timeout",
    "How long requests in flight may take after the drain delay before they are cut.",
)
.default("30s")
.range(Duration::ZERO, HOUR);

/// How long a request's head may take to arrive.
pub static HEADER_READ_TIMEOUT: Setting<Duration> = Setting::new(
    "server.header_read_timeout",
    "How long a request's head may take to arrive, from its first byte; then 408 and close.",
)
.default("10s")
.range(MS_100, HOUR);

/// How long a request may take.
pub static REQUEST_TIMEOUT: Setting<Duration> = Setting::new(
    "server.request_timeout",
    "How long a request may take: 504 after it, 408 where the body had not arrived. \
           A client that stops reading its response for this long is cut; over HTTP/2, one that \
           takes nothing of any of its responses.",
)
.default("30s")
.range(MS_100, HOUR);

/// How long an idle connection is kept.
pub static KEEP_ALIVE_TIMEOUT: Setting<Duration> = Setting::new(
    "server.keep_alive_timeout",
    "How long a connection may stay open without a request.",
)
.default("75s")
.range(MS_100, HOUR);

/// The largest head of a request.
pub static MAX_HEADER_BYTES: Setting<Size> = Setting::new(
    "server.max_header_bytes",
    "Most bytes of a request's header fields; more is answered 431.",
)
.default("16KiB")
.range(Size(1024), Size(1024 * 1024));

/// The longest request target.
pub static MAX_URI_BYTES: Setting<Size> =
    Setting::new("server.max_uri_bytes", "Most bytes of a request's target; more is answered 414.")
        .default("8KiB")
        .range(Size(64), Size(63 * 1024));

/// The largest body of a request.
pub static MAX_BODY_BYTES: Setting<Size> =
    Setting::new("server.max_body_bytes", "Most bytes of a request's body; more is answered 413.")
        .default("1MiB")
        .range(Size(0), Size(1024 * 1024 * 1024));

/// The most connections at a time.
pub static MAX_CONNECTIONS: Setting<usize> = Setting::new(
    "server.max_connections",
    "Most connections at a time, as far as the limit of open files allows. At the limit the one \
           that has waited longest for its client makes room; where none waits, 64 more still get \
           health and metrics, and 503 for the rest.",
)
.default("10000")
.range(1, 1_000_000);

/// The most requests that wait.
pub static MAX_IN_FLIGHT: Setting<usize> = Setting::new("server.max_in_flight", "Most requests that wait at a time: for a dependency, a timer, their client. More are answered 503.").default("4096").range(1, 1_000_000);

/// The most bytes that are held for clients.
pub static MAX_BUFFERED_BYTES: Setting<Size> = Setting::new(
    "server.max_buffered_bytes",
    "Most bytes that are held for all clients together: connections, heads, bodies, responses. \
           Past it requests are answered 503. No connection may have more than what is free.",
)
.default("48MiB")
.range(Size(1024 * 1024), Size(64 * 1024 * 1024 * 1024));

/// How long a request may wait for its turn.
pub static MAX_QUEUE_TIME: Setting<Duration> = Setting::new(
    "server.max_queue_time",
    "How long requests may wait for their turn on a CPU. When they have waited longer for half of \
           that time, they are answered 503, and for 2s after that the limit is a quarter.",
)
.default("250ms")
.range(Duration::from_millis(10), HOUR);

/// The rows of the table.
pub(crate) static ROWS: [&dyn Describe; 16] = [
    &HOST,
    &PORT,
    &MANAGEMENT_PORT,
    &WORKERS,
    &DRAIN_DELAY,
    &DRAIN_TIMEOUT,
    &HEADER_READ_TIMEOUT,
    &REQUEST_TIMEOUT,
    &KEEP_ALIVE_TIMEOUT,
    &MAX_HEADER_BYTES,
    &MAX_URI_BYTES,
    &MAX_BODY_BYTES,
    &MAX_CONNECTIONS,
    &MAX_IN_FLIGHT,
    &MAX_BUFFERED_BYTES,
    &MAX_QUEUE_TIME,
];

/// Where and how the server serves. Each field is the setting of the same name.
#[derive(Clone, Debug)]
pub(crate) struct ServerConfig {
    pub(crate) host: IpAddr,
    pub(crate) port: u16,
    pub(crate) management_port: Option<u16>,
    pub(crate) workers: WorkerCount,
    pub(crate) drain_delay: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) header_read_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) keep_alive_timeout: Duration,
    pub(crate) max_header_bytes: usize,
    pub(crate) max_uri_bytes: usize,
    pub(crate) max_body_bytes: usize,
    pub(crate) max_connections: usize,
    pub(crate) max_in_flight: usize,
    pub(crate) max_buffered_bytes: usize,
    pub(crate) max_queue_time: Duration,
}

impl ServerConfig {
    pub(crate) fn read(read: Reader<'_>) -> Result<Self, Problem> {
        Ok(Self {
            host: read.get(&HOST)?,
            port: read.get(&PORT)?,
            management_port: read.get(&MANAGEMENT_PORT)?,
            workers: read.get(&WORKERS)?,
            drain_delay: read.get(&DRAIN_DELAY)?,
            drain_timeout: read.get(&DRAIN_TIMEOUT)?,
            header_read_timeout: read.get(&HEADER_READ_TIMEOUT)?,
            request_timeout: read.get(&REQUEST_TIMEOUT)?,
            keep_alive_timeout: read.get(&KEEP_ALIVE_TIMEOUT)?,
            max_header_bytes: read.get(&MAX_HEADER_BYTES)?.0,
            max_uri_bytes: read.get(&MAX_URI_BYTES)?.0,
            max_body_bytes: read.get(&MAX_BODY_BYTES)?.0,
            max_connections: read.get(&MAX_CONNECTIONS)?,
            max_in_flight: read.get(&MAX_IN_FLIGHT)?,
            max_buffered_bytes: read.get(&MAX_BUFFERED_BYTES)?.0,
            max_queue_time: read.get(&MAX_QUEUE_TIME)?,
        })
    }
}

/// The two ports are two.
pub(crate) fn check(sources: &Sources) -> Option<Problem> {
    let read = Reader(sources);
    let (port, management) = (read.get(&PORT).ok()?, read.get(&MANAGEMENT_PORT).ok()??);
    let origin = sources.find(&MANAGEMENT_PORT, None)?.origin;
    (port == management && port != 0).then(|| {
        let key = key_of(&MANAGEMENT_PORT, None);
        Problem::new(&key, &origin, "the same as server.port; leave it out for one port")
    })
}

/// How many worker threads: a number, or as many as the machine grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub enum WorkerCount {
    /// As many as there are CPUs that the cgroup and the affinity mask grant.
    Auto,
    /// Exactly this many.
    Fixed(NonZeroUsize),
}

impl Value for WorkerCount {
    const EXPECTED: &'static str = "a whole number from 1 to 512, or auto";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let count: NonZeroUsize = text.parse().map_err(|_| None)?;
        if count.get() > 512 {
            return Err(None);
        }
        Ok(Self::Fixed(count))
    }

    fn show(&self) -> String {
        match self {
            Self::Auto => "auto".to_owned(),
            Self::Fixed(count) => count.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_counted_or_automatic() {
        assert_eq!(WorkerCount::parse("auto").ok(), Some(WorkerCount::Auto));
        assert_eq!(WorkerCount::parse("3").ok().unwrap().show(), "3");
        for wrong in ["0", "513", "-1", "two"] {
            assert_eq!(WorkerCount::parse(wrong).ok(), None, "{wrong}");
        }
    }
}
