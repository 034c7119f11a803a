//! What the service measures. [`Metric`] is the table of all there is; the files below hold the
//! numbers; [`Exposition`] writes them as Prometheus or OpenMetrics text.
//!
//! Each worker counts its requests in a shard of its own, so that no two processors ever write to
//! one cache line; a scrape adds the shards up.

mod exposition;
mod histogram;
mod http;
mod page;
mod process;
mod table;

pub(crate) use exposition::{Exposition, Format};
pub(crate) use histogram::{Durations, Histogram};
pub(crate) use http::{HttpSeries, HttpShard, SeriesId};
pub(crate) use process::ProcessStats;
pub use table::Metric;
