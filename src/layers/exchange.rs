//! A request and its response, from the head to the last byte that is sent: what is counted and
//! logged of it, and whom it waits for.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hyper::{Method, StatusCode, Version};
use tokio::task::AbortHandle;
use tracing::{Level, enabled, event};

use super::flow::Flow;
use crate::bounds::{Hold, Reason};
use crate::metrics::{HttpSeries, NO_ROUTE, SeriesId};
use crate::otlp;
use crate::router::{Found, method_label};
use crate::telemetry::ACCESS;
use crate::trace::Scope;

/// The status of a request that got no answer, for its client left or the drain cut it: nginx's number
/// for the former.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// What a request of HTTP/2 costs in memory while it is there, its head apart: its stream, its task,
/// its answer's head. Measured: 2.8 KiB.
const STREAM_BYTES: usize = 4 * 1024;

/// Heads up to this size are part of what a connection costs anyway.
const SMALL_HEAD: usize = 4 * 1024;

/// And so are bodies of responses up to this one.
const SMALL_BODY: usize = 4 * 1024;

/// Whom a request waits for, and since when nothing of it has moved.
#[derive(Debug)]
pub(crate) struct Progress {
    moved_at: AtomicU64,
    is_on_client: AtomicBool,
    has_slot: AtomicBool,
    /// Of HTTP/2: the task that makes the response, until all of it is handed over.
    task: OnceLock<AbortHandle>,
}

impl Progress {
    pub(super) fn new(now: u64) -> Self {
        Self {
            moved_at: AtomicU64::new(now),
            is_on_client: AtomicBool::new(false),
            has_slot: AtomicBool::new(false),
            task: OnceLock::new(),
        }
    }

    /// Since when it has waited for its client, if it does.
    pub(crate) fn stalled_since(&self) -> Option<u64> {
        self.is_on_client.load(Relaxed).then(|| self.moved_at.load(Relaxed))
    }

    /// The client took something.
    pub(super) fn moved(&self, now: u64) {
        self.moved_at.store(now, Relaxed);
    }

    /// The task that makes the response is this one.
    pub(crate) fn set_task(&self, task: AbortHandle) {
        let _ = self.task.set(task);
    }

    /// The task that makes the response, while there is one.
    pub(crate) fn task(&self) -> Option<&AbortHandle> {
        self.task.get().filter(|task| !task.is_finished())
    }
}

/// A request and its response. It is counted and logged when it is dropped, however it ends: sent
/// whole, cut by the client, or given up by the server.
pub(super) struct Exchange {
    flow: Arc<Flow>,
    /// Of HTTP/2, where a connection has several.
    stream: Option<Arc<Progress>>,
    hold: Option<Hold>,
    /// How much of that is not the response's body.
    base: usize,
    method: &'static str,
    route: &'static str,
    series: SeriesId,
    /// Of the line of a success.
    level: Level,
    is_shed: bool,
    started: u64,
    scope: Scope,
    status: u16,
    bytes: u64,
}

impl Exchange {
    pub(super) fn begin(
        flow: &Arc<Flow>,
        method: &Method,
        version: Version,
        found: &Found<'_>,
        scope: Scope,
    ) -> Self {
        let (route, series, level) = match found.endpoint() {
            Some(endpoint) => (endpoint.label, endpoint.series(method), endpoint.log_level),
            None => (NO_ROUTE, HttpSeries::of_no_route(method), Level::INFO),
        };
        let started = flow.now();
        let is_stream = version == Version::HTTP_2;
        let stream = is_stream.then(|| flow.streams.begin(started));
        flow.layers.metrics.shard().start();
        flow.begin_request(started);
        Self {
            flow: Arc::clone(flow),
            stream,
            hold: None,
            base: 0,
            method: method_label(method),
            route,
            series,
            level,
            is_shed: false,
            started,
            scope,
            status: CLIENT_CLOSED_REQUEST,
            bytes: 0,
        }
    }

    pub(super) fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }

    pub(super) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// How long ago the request's head was whole.
    pub(super) fn age(&self) -> Duration {
        self.flow.elapsed(self.started)
    }

    /// Counts the head and what comes with it among the bytes that are held.
    pub(super) fn hold_head(&mut self, bytes: usize) {
        self.base = match self.stream {
            Some(_) => STREAM_BYTES + bytes,
            // hyper's buffer grows with it, and doubles.
            None if bytes > SMALL_HEAD => 2 * bytes,
            None => return,
        };
        self.hold_unsent(0);
    }

    /// So many bytes of the response are there and not handed over. They are held, room or not.
    pub(super) fn hold_unsent(&mut self, bytes: usize) {
        if self.hold.is_some() || self.base > 0 || bytes > SMALL_BODY {
            let hold = self.hold.get_or_insert_with(|| self.flow.share.hold());
            hold.force(self.base + bytes);
        }
    }

    /// It is shed: counted by its reason, and logged with the others of that reason.
    pub(super) fn shed(&mut self, reason: Reason) {
        self.is_shed = true;
        // What gave way was counted when it was chosen.
        if reason != Reason::Stalled {
            self.flow.layers.bounds.shed.count(reason);
        }
    }

    /// Something of it moved, and whom it waits for from here on.
    pub(super) fn progress(&self, is_on_client: bool) {
        let now = self.flow.now();
        self.flow.progress(now);
        let progress = self.own();
        progress.moved_at.store(now, Relaxed);
        progress.is_on_client.store(is_on_client, Relaxed);
    }

    /// It has to wait: it takes one of the places of those that do, until it ends.
    pub(super) fn wait(&self) {
        if !self.own().has_slot.swap(true, Relaxed) {
            self.flow.layers.bounds.slots.take();
        }
    }

    /// The response's head is made.
    pub(super) fn respond(&mut self, status: StatusCode) {
        self.status = status.as_u16();
    }

    /// Bytes of the response's body are handed over.
    pub(super) fn send(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// Whether anything of the response's body was handed over.
    pub(super) fn has_sent(&self) -> bool {
        self.bytes > 0
    }

    pub(super) fn is_stream(&self) -> bool {
        self.stream.is_some()
    }

    pub(super) fn stream(&self) -> Option<&Arc<Progress>> {
        self.stream.as_ref()
    }

    /// The handler's code has panicked.
    pub(super) fn panicked(&self) {
        self.flow.layers.metrics.shard().panicked();
    }

    fn own(&self) -> &Progress {
        self.stream.as_deref().unwrap_or(&self.flow.progress)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let (flow, layers) = (&self.flow, &self.flow.layers);
        let progress = self.own();
        if progress.has_slot.swap(false, Relaxed) {
            layers.bounds.slots.give_back();
        }
        progress.is_on_client.store(false, Relaxed);
        if let Some(stream) = &self.stream {
            flow.streams.end(stream);
        }
        let now = flow.now();
        flow.end_request(now);
        let took = Duration::from_nanos(now.saturating_sub(self.started));
        let trace = self.scope.context();
        layers.metrics.finish_traced(self.series, self.status, took, trace, now);
        let answered = Some(self.status).filter(|status| *status != CLIENT_CLOSED_REQUEST);
        otlp::end(&self.scope, answered, took);
        // Probes come every few seconds from many places; only their failures are news. What is shed
        // is told in sum.
        let level = match self.status {
            _ if self.is_shed => Level::DEBUG,
            ..400 => self.level,
            _ => self.level.min(Level::INFO),
        };
        log(&self.scope, level, self.method, self.route, self.status, took, self.bytes);
    }
}

/// The access line.
pub(super) fn log(
    scope: &Scope,
    level: Level,
    method: &str,
    route: &str,
    status: u16,
    took: Duration,
    bytes: u64,
) {
    let ms = || (took.as_secs_f64() * 1e6).round() / 1e3;
    // A place for each level: whether a line is wanted is then known beforehand.
    macro_rules! line {
        ($level:ident) => {
            if enabled!(target: ACCESS, Level::$level) {
                scope.within(|| {
                    event!(target: ACCESS, Level::$level, method, route, status, duration_ms = ms(), bytes, "request");
                });
            }
        };
    }
    match level {
        Level::ERROR => line!(ERROR),
        Level::WARN => line!(WARN),
        Level::INFO => line!(INFO),
        Level::DEBUG => line!(DEBUG),
        Level::TRACE => line!(TRACE),
    }
}
