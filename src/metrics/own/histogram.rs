//! How observations are spread.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::family::{Family, Labels, MAX_SERIES, add, series};
use super::{Collect, Text, private};
use crate::metrics::exposition::Float;
use crate::metrics::histogram::BOUNDS;
use crate::metrics::table::Kind;

/// How observations are spread: durations in seconds, as a rule.
///
/// ```
/// use std::time::Instant;
///
/// use pcf_api::Histogram;
///
/// static LOOKUP: Histogram = Histogram::new("lookup_duration_seconds", "Time of a look-up.");
/// static ITEMS: Histogram<1> =
///     Histogram::with_labels("order_items", "Items of an order.", [("shop", &["berlin", "rome"])])
///         .buckets(&[1.0, 2.0, 5.0, 10.0]);
///
/// let began = Instant::now();
/// LOOKUP.observe(began.elapsed().as_secs_f64());
/// ITEMS.with(["rome"]).observe(3.0);
/// ```
#[derive(Debug)]
pub struct Histogram<const N: usize = 0> {
    family: Family<N>,
    bounds: &'static [f64],
}

/// 0.5 ms to 10 s, as of the service's own histograms.
const SECONDS: [f64; BOUNDS.len()] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

impl Histogram {
    /// A histogram without labels, of seconds: buckets from 0.5 ms to 10 s.
    ///
    /// # Panics
    ///
    /// As [`Histogram::with_labels`]; in a static that fails the build.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self::with_labels(name, help, [])
    }

    /// One more observation.
    pub fn observe(&self, value: f64) {
        self.with([]).observe(value);
    }

    /// One more observation, in seconds.
    pub fn observe_duration(&self, time: Duration) {
        self.observe(time.as_secs_f64());
    }
}

impl<const N: usize> Histogram<N> {
    /// A histogram with these labels, each with all of its values.
    ///
    /// # Panics
    ///
    /// Where a name is not of lower-case letters, digits and underscores, or the labels make more
    /// than 1000 series (`other` of each and every bucket included).
    #[must_use]
    pub const fn with_labels(name: &'static str, help: &'static str, labels: Labels<N>) -> Self {
        Self { family: Family::new(name, help, labels), bounds: &[] }.buckets(&SECONDS)
    }

    /// The upper ends of the buckets, in place of those of seconds.
    ///
    /// # Panics
    ///
    /// Where they do not grow, or there are too many with the labels.
    #[must_use]
    pub const fn buckets(self, bounds: &'static [f64]) -> Self {
        let mut rest = bounds;
        while let [first, others @ ..] = rest {
            if let [second, ..] = others {
                assert!(*first < *second, "a histogram's buckets grow");
            }
            rest = others;
        }
        let most = series(&self.family.labels) * (bounds.len() + 1);
        assert!(most <= MAX_SERIES, "a histogram has at most 1000 series, each bucket is one");
        let Family { name, help, labels, .. } = self.family;
        // No destructor can run here; there is nothing in it yet.
        std::mem::forget(self);
        Self { family: Family::new(name, help, labels), bounds }
    }

    /// The series of these values, in the order of the labels. A value that is not declared is
    /// counted as `other`.
    pub fn with(&self, values: [&str; N]) -> HistogramSeries<'_> {
        HistogramSeries { bounds: self.bounds, cells: self.family.cells(values, self.width()) }
    }

    /// A cell per bucket, one for what is larger, and the sum.
    const fn width(&self) -> usize {
        self.bounds.len() + 2
    }
}

/// One series of a [`Histogram`].
#[derive(Clone, Copy, Debug)]
pub struct HistogramSeries<'a> {
    bounds: &'static [f64],
    cells: &'a [AtomicU64],
}

impl HistogramSeries<'_> {
    /// One more observation.
    pub fn observe(self, value: f64) {
        let bucket = self.bounds.iter().take_while(|bound| **bound < value).count();
        if let (Some(bucket), Some(sum)) = (self.cells.get(bucket), self.cells.last()) {
            bucket.fetch_add(1, Relaxed);
            add(sum, value);
        }
    }

    /// One more observation, in seconds.
    pub fn observe_duration(self, time: Duration) {
        self.observe(time.as_secs_f64());
    }
}

impl<const N: usize> private::Sealed for Histogram<N> {}

impl<const N: usize> Collect for Histogram<N> {
    fn name(&self) -> &'static str {
        self.family.name
    }

    fn row(&self) -> String {
        self.family.row(Kind::Histogram)
    }

    fn write(&self, text: &mut Text<'_>) {
        self.family.begin(Kind::Histogram, text.0);
        for values in self.family.all() {
            let cells = self.family.cells(values, self.width()).iter();
            let numbers: Vec<u64> = cells.map(|cell| cell.load(Relaxed)).collect();
            let Some((sum, counts)) = numbers.split_last() else { continue };
            let total: u64 = counts.iter().sum();
            if N > 0 && total == 0 {
                continue;
            }
            let bounds = self
                .bounds
                .iter()
                .map(|bound| Float(*bound).to_string())
                .chain(["+Inf".to_owned()]);
            let cumulative = bounds.zip(counts).scan(0, |seen, (bound, count)| {
                *seen += count;
                Some((bound, *seen))
            });
            text.0.buckets(&values, cumulative, f64::from_bits(*sum), total, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::text;
    use super::*;

    #[test]
    fn a_histogram_counts_a_bound_in_its_bucket() {
        static H: Histogram<1> =
            Histogram::with_labels("h", "H.", [("x", &["a"])]).buckets(&[1.0, 2.5]);
        H.with(["a"]).observe(1.0);
        H.with(["a"]).observe(3.0);
        let expected = "h_bucket{x=\"a\",le=\"1\"} 1\nh_bucket{x=\"a\",le=\"2.5\"} 1\n\
                        h_bucket{x=\"a\",le=\"+Inf\"} 2\nh_sum{x=\"a\"} 4\nh_count{x=\"a\"} 2";
        assert_eq!(text(&H), expected);
        assert!(SECONDS.iter().zip(BOUNDS).all(|(s, (_, text))| s.to_string() == text));
    }
}
