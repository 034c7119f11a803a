//! The numbers of requests, per route, method and status.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::exemplars::ExemplarSets;
use super::exposition::Exposition;
use super::histogram::{Buckets, Durations};
use crate::trace::TraceContext;

mod series;

pub(crate) use series::{HttpSeries, NO_ROUTE, SeriesId};

thread_local! {
    /// The shard of this thread.
    static SHARD: Cell<usize> = const { Cell::new(0) };
}

/// Gives this thread a shard of its own; without it, it counts in the first.
pub(crate) fn use_shard(index: usize) {
    SHARD.set(index);
}

/// The numbers of all requests.
#[derive(Debug)]
pub(crate) struct HttpMetrics {
    series: HttpSeries,
    shards: Box<[HttpShard]>,
    /// By place, of all shards.
    exemplars: ExemplarSets,
}

impl HttpMetrics {
    /// Nothing counted yet, in so many shards.
    pub(crate) fn new(series: HttpSeries, shards: usize) -> Self {
        let shards = (0..shards.max(1)).map(|_| HttpShard::new()).collect();
        Self { series, shards, exemplars: ExemplarSets::new(HttpSeries::PLACES) }
    }

    /// What is counted on its own.
    pub(crate) fn series(&self) -> &HttpSeries {
        &self.series
    }

    /// The numbers of this thread.
    pub(crate) fn shard(&self) -> &HttpShard {
        // There is one at least.
        #[allow(clippy::indexing_slicing, reason = "the remainder is below the length")]
        &self.shards[SHARD.get() % self.shards.len()]
    }

    /// A request of a trace has ended now, in nanoseconds since the service's epoch: where the trace
    /// is sampled it may become the exemplar of its bucket.
    pub(crate) fn finish_traced(
        &self,
        id: SeriesId,
        status: u16,
        time: Duration,
        trace: TraceContext,
        now: u64,
    ) {
        let (place, bucket) = self.finish(id, status, time);
        if trace.is_sampled()
            && let Some(exemplars) = self.exemplars.made(place)
        {
            exemplars.offer(bucket, trace.trace_id(), time, now);
        }
    }

    /// A request has ended, with this status after this time. Returns the place and the bucket that
    /// it is counted in.
    pub(crate) fn finish(&self, id: SeriesId, status: u16, time: Duration) -> (usize, usize) {
        let (place, cell) = self.series.counted(id, status);
        let shard = self.shard();
        shard.finished.fetch_add(1, Relaxed);
        if let Some(requests) = shard.requests.get(cell) {
            requests.fetch_add(1, Relaxed);
        }
        let bucket = shard.durations.get(place).map_or(0, |durations| durations.record(time));
        (place, bucket)
    }

    /// How many requests are being worked on.
    pub(crate) fn in_flight(&self) -> u64 {
        // What has ended first: a request that begins and ends meanwhile must not count as minus one.
        let finished: u64 = self.shards.iter().map(|shard| shard.finished.load(Relaxed)).sum();
        let started: u64 = self.shards.iter().map(|shard| shard.started.load(Relaxed)).sum();
        started.saturating_sub(finished)
    }

    /// How many requests have begun on the workers, and how many have ended: it grows while any of
    /// them does any work. The first shard is that of the main thread.
    pub(crate) fn steps(&self) -> u64 {
        let steps = |shard: &HttpShard| {
            shard.started.load(Relaxed).wrapping_add(shard.finished.load(Relaxed))
        };
        self.shards.iter().skip(1).map(steps).fold(0, u64::wrapping_add)
    }

    /// How many handlers have panicked.
    pub(crate) fn panics(&self) -> u64 {
        self.shards.iter().map(|shard| shard.panics.load(Relaxed)).sum()
    }

    /// How many requests were answered, and how many of those with a 5xx.
    pub(crate) fn totals(&self) -> (u64, u64) {
        let mut totals = (0, 0);
        for (cell, (status, _)) in (0..HttpSeries::PLACES).flat_map(HttpSeries::cells) {
            let count = self.count(cell);
            totals.0 += count;
            totals.1 += if status >= 500 { count } else { 0 };
        }
        totals
    }

    /// How long requests took, all routes together.
    pub(crate) fn durations(&self) -> Durations {
        Durations::of(self.shards.iter().flat_map(|shard| &shard.durations))
    }

    /// Writes `http_requests_total`.
    pub(crate) fn write_requests(&self, text: &mut Exposition) {
        for (place, (method, route)) in self.series.placed() {
            for (cell, (_, status)) in HttpSeries::cells(place) {
                let count = self.count(cell);
                if count > 0 {
                    text.sample(&[method, route, status], count);
                }
            }
        }
    }

    /// Writes `http_request_duration_seconds`.
    pub(crate) fn write_durations(&self, text: &mut Exposition) {
        for (place, (method, route)) in self.series.placed() {
            let durations = self.shards.iter().filter_map(|shard| shard.durations.get(place));
            text.histogram(&[method, route], durations, self.exemplars.of(place));
        }
    }

    /// What was counted in a cell.
    fn count(&self, cell: usize) -> u64 {
        let cells = self.shards.iter().filter_map(|shard| shard.requests.get(cell));
        cells.map(|count| count.load(Relaxed)).sum()
    }
}

/// The numbers of one thread, as a rule; of several where there are more threads than shards.
/// Aligned, so that it shares no cache line (they are fetched in pairs) with another.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct HttpShard {
    started: AtomicU64,
    finished: AtomicU64,
    panics: AtomicU64,
    requests: Box<[AtomicU64]>,
    durations: Box<[Buckets]>,
}

impl HttpShard {
    fn new() -> Self {
        Self {
            started: AtomicU64::new(0),
            finished: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            requests: (0..HttpSeries::CELLS).map(|_| AtomicU64::new(0)).collect(),
            durations: (0..HttpSeries::PLACES).map(|_| Buckets::default()).collect(),
        }
    }

    /// A request has begun.
    pub(crate) fn start(&self) {
        self.started.fetch_add(1, Relaxed);
    }

    /// A handler has panicked.
    pub(crate) fn panicked(&self) {
        self.panics.fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use hyper::Method;

    use super::super::exposition::Format;
    use super::super::table::Metric;
    use super::*;

    fn requests(metrics: &HttpMetrics) -> Vec<String> {
        let mut text = Exposition::new(Format::Prometheus);
        text.begin(Metric::HttpRequests);
        metrics.write_requests(&mut text);
        text.finish().lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    #[test]
    fn requests_are_counted_per_route_method_and_status_over_all_shards() {
        let metrics = HttpMetrics::new(HttpSeries::new([("GET", "/"), ("HEAD", "/")]), 3);
        let root = metrics.series().of_route("GET", "/");
        for index in 0..3 {
            use_shard(index);
            metrics.shard().start();
            metrics.finish(root, 200, Duration::from_millis(1));
        }
        metrics.shard().start();
        assert_eq!((metrics.in_flight(), metrics.steps()), (1, 5), "one was the main thread's");
        let brew = HttpSeries::of_no_route(&Method::from_bytes(b"BREW").unwrap());
        metrics.finish(brew, 404, Duration::ZERO);
        metrics.shard().start();
        metrics.finish(root, 599, Duration::ZERO);
        assert_eq!(
            requests(&metrics),
            [
                "http_requests_total{method=\"other\",route=\"none\",status=\"404\"} 1",
                "http_requests_total{method=\"GET\",route=\"/\",status=\"200\"} 3",
                "http_requests_total{method=\"GET\",route=\"/\",status=\"other\"} 1",
            ]
        );
        assert_eq!(metrics.totals(), (5, 0));
        let durations = serde_json::to_value(metrics.durations()).unwrap();
        assert_eq!(durations["buckets"][0], serde_json::json!(["0.0005", 2]));
        assert_eq!(durations["buckets"][14], serde_json::json!(["+Inf", 5]));
        assert_eq!(durations["sum"], 0.003);
    }

    #[test]
    fn series_go_to_the_routes_that_are_asked_for() {
        let table = (0..100).map(|n| ("GET", &*format!("/r{n}").leak()));
        let metrics = HttpMetrics::new(HttpSeries::new(table), 1);
        for route in ["/r99", "/r98"] {
            metrics.finish(metrics.series().of_route("GET", route), 200, Duration::ZERO);
        }
        let lines = requests(&metrics);
        let told =
            |route: &str| lines.iter().any(|line| line.contains(&format!("route=\"{route}\"")));
        assert!(told("/r98") && told("/r99") && !told("other"), "{lines:?}");
    }

    #[test]
    fn threads_that_share_a_shard_lose_nothing() {
        let metrics = HttpMetrics::new(HttpSeries::new([("GET", "/")]), 1);
        let root = metrics.series().of_route("GET", "/");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        metrics.shard().start();
                        metrics.finish(root, 200, Duration::from_millis(1));
                    }
                });
            }
        });
        assert_eq!((metrics.totals().0, metrics.in_flight()), (40_000, 0));
        let durations = serde_json::to_value(metrics.durations()).unwrap();
        assert_eq!(durations["buckets"][14], serde_json::json!(["+Inf", 40_000]));
    }

    #[test]
    fn no_table_and_no_traffic_makes_more_than_a_thousand_series() {
        let table: Vec<_> = (0..100).map(|n| ("GET", &*format!("/r{n}").leak())).collect();
        let metrics = HttpMetrics::new(HttpSeries::new(table.iter().copied()), 1);
        let routes = table.iter().map(|(method, route)| metrics.series().of_route(method, route));
        let methods = HttpSeries::METHODS
            .map(|method| HttpSeries::of_no_route(&Method::from_bytes(method.as_bytes()).unwrap()));
        let mut sent = 0;
        for id in methods.into_iter().chain(routes) {
            for status in 100..600 {
                metrics.finish(id, status, Duration::ZERO);
                sent += 1;
            }
        }
        let lines = requests(&metrics);
        assert_eq!(lines.len(), 1000);
        assert_eq!(metrics.totals().0, sent, "what has no series of its own is still counted");
        assert!(lines.iter().any(|line| line.contains("route=\"other\",status=\"other\"")));

        let mut text = Exposition::new(Format::Prometheus);
        text.begin(Metric::HttpRequestDuration);
        metrics.write_durations(&mut text);
        assert_eq!(text.finish().matches("_bucket{").count(), 64 * 15);
    }
}
