//! Metrics of a service of one's own: counters, gauges and histograms that are statics, so that they
//! can be counted anywhere, each label with a closed set of values.
//!
//! Not a registry of the crate prometheus-client: there a label is a type with a derived trait, a
//! series is whatever is asked for, and nothing bounds how many there are. Here a metric is one
//! declaration, and a value that is not declared is counted as `other`.

mod counter;
mod family;
mod gauge;
mod histogram;

use super::exposition::Exposition;
use super::table::Metric;

pub use counter::{Counter, CounterSeries};
pub use gauge::{Gauge, GaugeSeries};
pub use histogram::{Histogram, HistogramSeries};

/// A metric of one's own, to be given to [`Builder::metrics`](crate::Builder::metrics).
pub trait Collect: Sync + private::Sealed {
    /// The name as it is scraped.
    fn name(&self) -> &'static str;
    /// A row of a table in Markdown: name, kind, what it tells, labels.
    fn row(&self) -> String;
    /// Adds it to a scrape.
    #[doc(hidden)]
    fn write(&self, text: &mut Text<'_>);
}

/// A scrape that is being written.
#[doc(hidden)]
pub struct Text<'a>(pub(crate) &'a mut Exposition);

mod private {
    pub trait Sealed {}
}

/// No metric of the service's own may have the name of another.
pub(crate) fn check(own: &[&'static dyn Collect]) -> Result<(), String> {
    let mut names: Vec<_> = Metric::ALL.iter().map(|metric| metric.family().name).collect();
    for metric in own {
        if names.contains(&metric.name()) {
            return Err(format!("two metrics are called {}", metric.name()));
        }
        names.push(metric.name());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::exposition::Format;
    use super::*;

    /// The samples of a metric.
    pub(super) fn text(metric: &dyn Collect) -> String {
        let mut text = Exposition::new(Format::Prometheus);
        metric.write(&mut Text(&mut text));
        text.finish().lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn wrong_declarations_are_refused() {
        static SAME: Counter = Counter::new("http_panics_total", "Taken.");
        static MINE: Gauge = Gauge::new("mine", "M.");
        let refused = |make: fn() -> Counter| std::panic::catch_unwind(make).is_err();
        assert!(refused(|| Counter::new("orders", "No _total.")));
        assert!(refused(|| Counter::new("Orders_total", "Capitals.")));
        assert!(refused(|| Counter::new("1_total", "A digit.")));
        assert_eq!(check(&[&SAME]).unwrap_err(), "two metrics are called http_panics_total");
        assert!(check(&[&MINE]).is_ok() && check(&[&MINE, &MINE]).is_err());
    }
}
