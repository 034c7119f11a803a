//! What goes up and down.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::family::{Family, Labels, add};
use super::{Collect, Text, private};
use crate::metrics::exposition::Float;
use crate::metrics::table::Kind;

/// Something that goes up and down.
///
/// ```
/// use pcf_api::Gauge;
///
/// static QUEUE: Gauge = Gauge::new("jobs_queued", "Jobs that wait.");
/// QUEUE.set(3.0);
/// QUEUE.add(-1.0);
/// ```
#[derive(Debug)]
pub struct Gauge<const N: usize = 0>(Family<N>);

impl Gauge {
    /// A gauge without labels.
    ///
    /// # Panics
    ///
    /// As [`Gauge::with_labels`]; in a static that fails the build.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self::with_labels(name, help, [])
    }

    /// It is this much.
    pub fn set(&self, value: f64) {
        self.with([]).set(value);
    }

    /// It is so much more, or less.
    pub fn add(&self, value: f64) {
        self.with([]).add(value);
    }
}

impl<const N: usize> Gauge<N> {
    /// A gauge with these labels, each with all of its values.
    ///
    /// # Panics
    ///
    /// Where a name is not of lower-case letters, digits and underscores, or the labels make more
    /// than 1000 series (`other` of each included).
    #[must_use]
    pub const fn with_labels(name: &'static str, help: &'static str, labels: Labels<N>) -> Self {
        Self(Family::new(name, help, labels))
    }

    /// The series of these values, in the order of the labels. A value that is not declared is
    /// counted as `other`.
    pub fn with(&self, values: [&str; N]) -> GaugeSeries<'_> {
        GaugeSeries(self.0.cells(values, 1).first())
    }
}

/// One series of a [`Gauge`].
#[derive(Clone, Copy, Debug)]
pub struct GaugeSeries<'a>(Option<&'a AtomicU64>);

impl GaugeSeries<'_> {
    /// It is this much.
    pub fn set(self, value: f64) {
        if let Some(cell) = self.0 {
            cell.store(value.to_bits(), Relaxed);
        }
    }

    /// It is so much more, or less.
    pub fn add(self, value: f64) {
        if let Some(cell) = self.0 {
            add(cell, value);
        }
    }
}

impl<const N: usize> private::Sealed for Gauge<N> {}

impl<const N: usize> Collect for Gauge<N> {
    fn name(&self) -> &'static str {
        self.0.name
    }

    fn row(&self) -> String {
        self.0.row(Kind::Gauge)
    }

    fn write(&self, text: &mut Text<'_>) {
        self.0.write(Kind::Gauge, text.0, |bits| Float(f64::from_bits(bits)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::text;
    use super::*;

    #[test]
    fn a_gauge_goes_up_and_down() {
        static GAUGE: Gauge = Gauge::new("g", "G.");
        GAUGE.set(1.5);
        GAUGE.add(-2.0);
        assert_eq!(text(&GAUGE), "g -0.5");
    }
}
