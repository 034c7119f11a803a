//! A histogram of durations with the buckets that all of the service's histograms share.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::{Serialize, Serializer};

/// The upper ends of the buckets, in microseconds, and as they are written: 0.5 ms to 10 s.
pub(super) const BOUNDS: [(u64, &str); 14] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (5_000_000, "5"),
    (10_000_000, "10"),
];

/// One per bound, and one for what is longer.
pub(super) const BUCKETS: usize = BOUNDS.len() + 1;

/// Counts of durations. Anyone records, anyone reads.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    buckets: [AtomicU64; BUCKETS],
    sum_ns: AtomicU64,
}

/// A histogram's numbers at one moment, which can be added up.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    buckets: [u64; BUCKETS],
    sum_ns: u64,
}

/// The numbers of histograms added up, as JSON: buckets as Prometheus has them, each a pair of its
/// upper bound and how many observations lie at or below it.
#[derive(Serialize)]
pub(crate) struct Durations {
    sum: f64,
    #[serde(serialize_with = "pairs")]
    buckets: Counts,
}

fn pairs<S: Serializer>(counts: &Counts, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(counts.cumulative())
}

impl Durations {
    pub(super) fn of<'a>(histograms: impl IntoIterator<Item = &'a Buckets>) -> Self {
        let mut counts = Counts::default();
        for histogram in histograms {
            histogram.add_to(&mut counts);
        }
        Self { sum: counts.sum_seconds(), buckets: counts }
    }
}

impl Buckets {
    /// Counts a duration; in which bucket.
    pub(crate) fn record(&self, duration: Duration) -> usize {
        let us = duration.as_nanos().div_ceil(1000);
        let index = BOUNDS.iter().take_while(|(bound, _)| u128::from(*bound) < us).count();
        if let Some(bucket) = self.buckets.get(index) {
            bucket.fetch_add(1, Relaxed);
        }
        // Wraps after 584 years of requests.
        self.sum_ns.fetch_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        index
    }

    pub(super) fn add_to(&self, counts: &mut Counts) {
        for (total, bucket) in counts.buckets.iter_mut().zip(&self.buckets) {
            *total += bucket.load(Relaxed);
        }
        counts.sum_ns = counts.sum_ns.wrapping_add(self.sum_ns.load(Relaxed));
    }
}

impl Counts {
    pub(super) fn total(&self) -> u64 {
        self.buckets.iter().sum()
    }

    pub(super) fn sum_seconds(&self) -> f64 {
        Duration::from_nanos(self.sum_ns).as_secs_f64()
    }

    /// Each bucket's bound and how many observations lie at or below it, the last without a bound.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let bounds = BOUNDS.iter().map(|(_, text)| *text).chain(["+Inf"]);
        bounds.zip(&self.buckets).scan(0, |sum, (bound, count)| {
            *sum += count;
            Some((bound, *sum))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket_and_what_is_just_above_does_not() {
        let histogram = Buckets::default();
        for us in [0, 500, 501, 10_000_000, 10_000_001] {
            histogram.record(Duration::from_micros(us));
        }
        histogram.record(Duration::from_nanos(500_001));
        let mut counts = Counts::default();
        histogram.add_to(&mut counts);
        let cumulative: Vec<_> = counts.cumulative().collect();
        assert_eq!(cumulative[0], ("0.0005", 2));
        assert_eq!(cumulative[1], ("0.001", 4));
        assert_eq!(cumulative[13], ("10", 5));
        assert_eq!(cumulative[14], ("+Inf", 6));
        assert_eq!(counts.total(), 6);
        assert!((counts.sum_seconds() - 20.001_502).abs() < 1e-6);
    }

    #[test]
    fn the_bounds_are_written_as_they_count() {
        for (us, text) in BOUNDS {
            let seconds: f64 = text.parse().unwrap();
            assert!((seconds - Duration::from_micros(us).as_secs_f64()).abs() < 1e-12, "{text}");
        }
    }
}
