//! What only ever grows.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::family::{Family, Labels};
use super::{Collect, Text, private};
use crate::metrics::table::Kind;

/// Something that only ever grows. Its name ends in `_total`.
///
/// ```
/// use pcf_api::Counter;
///
/// static ORDERS: Counter = Counter::new("orders_total", "Orders taken.");
/// static PAYMENTS: Counter<1> = Counter::with_labels(
///     "payments_total",
///     "Payments.",
///     [("outcome", &["accepted", "refused"])],
/// );
///
/// ORDERS.inc();
/// PAYMENTS.with(["accepted"]).add(2);
/// ```
#[derive(Debug)]
pub struct Counter<const N: usize = 0>(Family<N>);

impl Counter {
    /// A counter without labels.
    ///
    /// # Panics
    ///
    /// As [`Counter::with_labels`]; in a static that fails the build.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self::with_labels(name, help, [])
    }

    /// One more.
    pub fn inc(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, count: u64) {
        self.with([]).add(count);
    }
}

impl<const N: usize> Counter<N> {
    /// A counter with these labels, each with all of its values.
    ///
    /// # Panics
    ///
    /// Where a name is not of lower-case letters, digits and underscores, this one does not end in
    /// `_total`, or the labels make more than 1000 series (`other` of each included).
    #[must_use]
    pub const fn with_labels(name: &'static str, help: &'static str, labels: Labels<N>) -> Self {
        assert!(ends_in_total(name), "a counter's name ends in _total");
        Self(Family::new(name, help, labels))
    }

    /// The series of these values, in the order of the labels. A value that is not declared is
    /// counted as `other`.
    pub fn with(&self, values: [&str; N]) -> CounterSeries<'_> {
        CounterSeries(self.0.cells(values, 1).first())
    }
}

/// One series of a [`Counter`].
#[derive(Clone, Copy, Debug)]
pub struct CounterSeries<'a>(Option<&'a AtomicU64>);

impl CounterSeries<'_> {
    /// One more.
    pub fn inc(self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(self, count: u64) {
        self.0.map(|cell| cell.fetch_add(count, Relaxed));
    }
}

const fn ends_in_total(name: &str) -> bool {
    matches!(name.as_bytes(), [.., b'_', b't', b'o', b't', b'a', b'l'])
}

impl<const N: usize> private::Sealed for Counter<N> {}

impl<const N: usize> Collect for Counter<N> {
    fn name(&self) -> &'static str {
        self.0.name
    }

    fn row(&self) -> String {
        self.0.row(Kind::Counter)
    }

    fn write(&self, text: &mut Text<'_>) {
        self.0.write(Kind::Counter, text.0, |count| count);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::text;
    use super::*;

    #[test]
    fn a_counter_counts_each_series_and_what_is_not_declared_as_other() {
        static PLAIN: Counter = Counter::new("a_total", "A.");
        static TWO: Counter<2> =
            Counter::with_labels("b_total", "B.", [("x", &["1", "2"]), ("y", &["3"])]);
        assert_eq!(text(&PLAIN), "a_total 0");
        PLAIN.inc();
        assert_eq!(text(&PLAIN), "a_total 1");
        assert_eq!(text(&TWO), "");
        TWO.with(["2", "3"]).add(4);
        TWO.with(["1", "\"\n"]).inc();
        let expected = "b_total{x=\"1\",y=\"other\"} 1\nb_total{x=\"2\",y=\"3\"} 4";
        assert_eq!(text(&TWO), expected);
        assert_eq!(
            TWO.row(),
            "| `b_total` | counter | B. | `x` (1, 2, other)<br>`y` (3, other) |\n"
        );
    }
}
