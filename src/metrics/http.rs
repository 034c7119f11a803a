//! The numbers of requests, per route, method and status.
//!
//! SECURITY: a client can send any path, method and host. None of them becomes a label: the pairs of
//! route and method are fixed when the route table is made, statuses are a closed list, and no
//! metric ever has more than 1000 series.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hyper::Method;

use super::exposition::Exposition;
use super::histogram::{Durations, Histogram, add};

/// Most series of one metric.
const MAX_SERIES: usize = 1000;

/// Most pairs of route and method: each is 15 series of a histogram.
const MAX_PAIRS: usize = 64;

/// The route of requests that no route took.
const NO_ROUTE: &str = "none";

/// What stands for all else, in any label.
const OTHER: &str = "other";

/// The methods that requests without a route are counted by.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", OTHER];

/// The statuses that are counted each; 499 is a request that got no answer.
const STATUSES: [(u16, &str); 34] = [
    (200, "200"),
    (201, "201"),
    (202, "202"),
    (204, "204"),
    (206, "206"),
    (301, "301"),
    (302, "302"),
    (303, "303"),
    (304, "304"),
    (307, "307"),
    (308, "308"),
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (406, "406"),
    (408, "408"),
    (409, "409"),
    (410, "410"),
    (412, "412"),
    (413, "413"),
    (414, "414"),
    (415, "415"),
    (422, "422"),
    (429, "429"),
    (431, "431"),
    (499, "499"),
    (500, "500"),
    (501, "501"),
    (502, "502"),
    (503, "503"),
    (504, "504"),
    (0, OTHER),
];

/// A pair of route and method that is counted on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeriesId(usize);

/// Which series there are; shared by all shards.
#[derive(Debug)]
pub(crate) struct HttpSeries {
    /// The methods without a route, then the pairs of the table, then the overflow.
    pairs: Vec<(&'static str, &'static str)>,
    /// Per pair and status: not seen yet, counted on its own, or counted in the overflow.
    admitted: Box<[AtomicU8]>,
    admitted_count: Mutex<usize>,
}

const NOT_SEEN: u8 = 0;
const ADMITTED: u8 = 1;
const OVERFLOW: u8 = 2;

/// One worker's numbers. Only that worker writes them, so that plain loads and stores do;
/// aligned, so that it shares no cache line (they are fetched in pairs) with another's.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct HttpShard {
    started: AtomicU64,
    finished: AtomicU64,
    panics: AtomicU64,
    requests: Box<[AtomicU64]>,
    durations: Box<[Histogram]>,
}

impl HttpSeries {
    /// The series of a message whose method is not known to anyone.
    pub(crate) const OF_UNKNOWN_METHOD: SeriesId = SeriesId(METHODS.len() - 1);

    /// The series of a route table, given as its pairs of method and pattern.
    pub(crate) fn new(routes: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        let mut pairs: Vec<_> = METHODS.iter().map(|method| (*method, NO_ROUTE)).collect();
        pairs.extend(routes);
        pairs.truncate(MAX_PAIRS - 1);
        pairs.push((OTHER, OTHER));
        let admitted = (0..pairs.len() * STATUSES.len()).map(|_| AtomicU8::new(NOT_SEEN)).collect();
        Self { pairs, admitted, admitted_count: Mutex::new(0) }
    }

    /// The series of a route of the table; the overflow past the most pairs there can be.
    pub(crate) fn of_route(&self, method: &str, route: &str) -> SeriesId {
        let found = self.pairs.iter().position(|pair| *pair == (method, route));
        SeriesId(found.unwrap_or(self.overflow()))
    }

    /// The series of a request that no route takes.
    pub(crate) fn of_no_route(method: &Method) -> SeriesId {
        let found = METHODS.iter().position(|known| *known == method.as_str());
        found.map_or(Self::OF_UNKNOWN_METHOD, SeriesId)
    }

    /// A shard for one worker.
    pub(crate) fn shard(&self) -> HttpShard {
        HttpShard {
            started: AtomicU64::new(0),
            finished: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            requests: self.admitted.iter().map(|_| AtomicU64::new(0)).collect(),
            durations: self.pairs.iter().map(|_| Histogram::default()).collect(),
        }
    }

    /// How many requests were answered, and how many of those with a 5xx.
    pub(crate) fn totals(shards: &[HttpShard]) -> (u64, u64) {
        let mut totals = (0, 0);
        for shard in shards {
            for (requests, (status, _)) in shard.requests.iter().zip(STATUSES.iter().cycle()) {
                let count = requests.load(Relaxed);
                totals.0 += count;
                totals.1 += if *status >= 500 { count } else { 0 };
            }
        }
        totals
    }

    /// How long requests took, all routes together.
    pub(crate) fn durations(shards: &[HttpShard]) -> Durations {
        Durations::of(shards.iter().flat_map(|shard| &shard.durations))
    }

    /// Writes `http_requests_total`.
    pub(crate) fn write_requests(&self, shards: &[HttpShard], text: &mut Exposition) {
        let pairs = self.pairs.iter().flat_map(|pair| STATUSES.iter().map(move |s| (pair, s)));
        for (cell, ((method, route), (_, status))) in pairs.enumerate() {
            let of = |shard: &HttpShard| shard.requests.get(cell).map_or(0, |c| c.load(Relaxed));
            let count: u64 = shards.iter().map(of).sum();
            if count > 0 {
                text.sample(&[method, route, status], count);
            }
        }
    }

    /// Writes `http_request_duration_seconds`.
    pub(crate) fn write_durations(&self, shards: &[HttpShard], text: &mut Exposition) {
        for (index, (method, route)) in self.pairs.iter().enumerate() {
            let durations = shards.iter().filter_map(|shard| shard.durations.get(index));
            text.histogram(&[method, route], durations);
        }
    }

    fn overflow(&self) -> usize {
        self.pairs.len() - 1
    }

    /// The cell that a pair and status are counted in: their own while there are few enough.
    fn cell(&self, pair: usize, status: usize) -> usize {
        let cell = pair * STATUSES.len() + status;
        let overflow = self.overflow() * STATUSES.len() + STATUSES.len() - 1;
        let Some(admitted) = self.admitted.get(cell) else {
            return overflow;
        };
        match admitted.load(Relaxed) {
            ADMITTED => cell,
            OVERFLOW => overflow,
            _ => {
                let mut count =
                    self.admitted_count.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                // The last one is the overflow's own.
                if cell == overflow || *count + 1 < MAX_SERIES {
                    // Someone else may have been faster; then it is counted already.
                    if admitted.swap(ADMITTED, Relaxed) == NOT_SEEN && cell != overflow {
                        *count += 1;
                    }
                    cell
                } else {
                    admitted.store(OVERFLOW, Relaxed);
                    overflow
                }
            }
        }
    }
}

impl HttpShard {
    /// A request has begun.
    pub(crate) fn start(&self) {
        add(&self.started, 1);
    }

    /// A request has ended, with this status after this time.
    pub(crate) fn finish(&self, series: &HttpSeries, id: SeriesId, status: u16, time: Duration) {
        add(&self.finished, 1);
        let known = STATUSES.iter().position(|(known, _)| *known == status);
        let cell = series.cell(id.0, known.unwrap_or(STATUSES.len() - 1));
        if let Some(requests) = self.requests.get(cell) {
            add(requests, 1);
        }
        if let Some(durations) = self.durations.get(id.0) {
            durations.record(time);
        }
    }

    /// A handler has panicked.
    pub(crate) fn panicked(&self) {
        add(&self.panics, 1);
    }

    /// How many requests are being worked on.
    pub(crate) fn in_flight(&self) -> u64 {
        let finished = self.finished.load(Relaxed);
        self.started.load(Relaxed).saturating_sub(finished)
    }

    /// How many handlers have panicked.
    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::exposition::Format;
    use super::super::table::Metric;
    use super::*;

    fn requests(series: &HttpSeries, shards: &[HttpShard]) -> Vec<String> {
        let mut text = Exposition::new(Format::Prometheus);
        text.begin(Metric::HttpRequests);
        series.write_requests(shards, &mut text);
        text.finish().lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    #[test]
    fn requests_are_counted_per_route_method_and_status_over_all_shards() {
        let series = HttpSeries::new([("GET", "/"), ("HEAD", "/")]);
        let shards = [series.shard(), series.shard()];
        let root = series.of_route("GET", "/");
        for shard in &shards {
            shard.start();
            shard.finish(&series, root, 200, Duration::from_millis(1));
        }
        shards[0].start();
        assert_eq!(shards.iter().map(HttpShard::in_flight).sum::<u64>(), 1);
        let brew = HttpSeries::of_no_route(&Method::from_bytes(b"BREW").unwrap());
        shards[0].finish(&series, brew, 404, Duration::ZERO);
        shards[1].finish(&series, root, 599, Duration::ZERO);
        assert_eq!(
            requests(&series, &shards),
            [
                "http_requests_total{method=\"other\",route=\"none\",status=\"404\"} 1",
                "http_requests_total{method=\"GET\",route=\"/\",status=\"200\"} 2",
                "http_requests_total{method=\"GET\",route=\"/\",status=\"other\"} 1",
            ]
        );
        assert_eq!(HttpSeries::totals(&shards), (4, 0));
        let durations = serde_json::to_value(HttpSeries::durations(&shards)).unwrap();
        assert_eq!(durations["buckets"][0], serde_json::json!(["0.0005", 2]));
        assert_eq!(durations["buckets"][14], serde_json::json!(["+Inf", 4]));
        assert_eq!(durations["sum"], 0.002);
    }

    #[test]
    fn no_table_and_no_traffic_makes_more_than_a_thousand_series() {
        static ROUTES: [&str; 100] = ["/r"; 100];
        let routes = ROUTES.iter().enumerate().map(|(n, _)| {
            let route: &'static str = Box::leak(format!("/r{n}").into_boxed_str());
            ("GET", route)
        });
        let series = HttpSeries::new(routes);
        let shard = series.shard();
        let mut sent = 0;
        for pair in 0..series.pairs.len() {
            for status in 100..600 {
                shard.finish(&series, SeriesId(pair), status, Duration::ZERO);
                sent += 1;
            }
        }
        let shards = [shard];
        let lines = requests(&series, &shards);
        assert_eq!(lines.len(), MAX_SERIES);
        assert_eq!(
            HttpSeries::totals(&shards).0,
            sent,
            "what has no series of its own is still counted"
        );
        assert!(lines.iter().any(|line| line.contains("route=\"other\",status=\"other\"")));

        let mut text = Exposition::new(Format::Prometheus);
        text.begin(Metric::HttpRequestDuration);
        series.write_durations(&shards, &mut text);
        let text = text.finish();
        assert_eq!(text.matches("_bucket{").count(), MAX_PAIRS * 15);
        assert_eq!(series.of_route("GET", "/r99"), SeriesId(MAX_PAIRS - 1), "the overflow");
    }
}
