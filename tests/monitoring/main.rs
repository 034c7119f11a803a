//! Dashboard, alerts and the autoscaler's rule, held against the service's own metrics and run by a
//! real Prometheus.
//!
//! A test that needs a tool that is not here says so and passes; with `CI=true` it fails instead.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr,
    reason = "a test may stop where it fails, and say why"
)]

#[path = "../service"]
#[allow(dead_code, unused_imports, reason = "the service's tests use the rest")]
mod service {
    pub mod support;
}

mod components;
mod dashboard;
mod known;
mod live;
mod names;
mod prometheus;
mod promql;
mod rules;
mod script;
mod sources;

use service::support;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A file of the repository.
fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{ROOT}/{path}")).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// A YAML file of the repository.
fn yaml(path: &str) -> serde_json::Value {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}
