//! What the service measures. [`Metric`] is the table of all there is; the files below hold the
//! numbers; [`Exposition`] writes them as Prometheus or OpenMetrics text.
//!
//! Each worker thread counts its requests in a shard of its own, so that no two processors write to
//! one cache line; a scrape adds the shards up.

mod exemplars;
mod exposition;
mod histogram;
mod http;
mod own;
mod page;
mod process;
mod table;

pub(crate) use exposition::{Exposition, Float, Format};
pub(crate) use histogram::{Buckets, Durations};
pub(crate) use http::{HttpMetrics, HttpSeries, NO_ROUTE, SeriesId, use_shard};
pub(crate) use own::check as check_own;
pub use own::{
    Collect, Counter, CounterSeries, Gauge, GaugeSeries, Histogram, HistogramSeries, Text,
};
pub(crate) use process::ProcessStats;
pub(crate) use table::Metric;
