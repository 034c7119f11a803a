//! What was seen, added up.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

#[derive(Default)]
pub struct Tally {
    failures: BTreeMap<String, u64>,
    revisions: BTreeMap<String, u64>,
    failed_from: Option<Duration>,
    failed_to: Option<Duration>,
    latencies: Vec<Duration>,
}

impl Tally {
    /// One request: its answer or failure, when it began after the start, and how long it took.
    pub fn add(&mut self, outcome: Result<Vec<u8>, String>, at: Duration, took: Duration) {
        self.latencies.push(took);
        match outcome {
            Ok(body) => {
                let revision = revision(&body).unwrap_or_else(|| "unknown".to_owned());
                *self.revisions.entry(revision).or_default() += 1;
            }
            Err(kind) => {
                *self.failures.entry(kind).or_default() += 1;
                self.failed_from.get_or_insert(at);
                self.failed_to = Some(at);
            }
        }
    }

    pub fn merge(&mut self, other: Self) {
        for (kind, count) in other.failures {
            *self.failures.entry(kind).or_default() += count;
        }
        for (revision, count) in other.revisions {
            *self.revisions.entry(revision).or_default() += count;
        }
        self.failed_from = self.failed_from.into_iter().chain(other.failed_from).min();
        self.failed_to = self.failed_to.max(other.failed_to);
        self.latencies.extend(other.latencies);
    }

    pub fn report(mut self) -> Value {
        self.latencies.sort_unstable();
        let failing =
            self.failed_to.zip(self.failed_from).map(|(to, from)| to.saturating_sub(from));
        json!({
            "requests": self.latencies.len(),
            "failed": self.failures.values().sum::<u64>(),
            "failures": self.failures,
            "failing_ms": failing.map_or(0, |failing| failing.as_millis()),
            "revisions": self.revisions,
            "p50_ms": self.quantile(50),
            "p99_ms": self.quantile(99),
            "max_ms": self.quantile(100),
        })
    }

    /// A percentile, in milliseconds to the hundredth.
    fn quantile(&self, percent: usize) -> f64 {
        let at = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        let latency = self.latencies.get(at).copied().unwrap_or_default();
        (latency.as_secs_f64() * 100_000.0).round() / 100.0
    }
}

/// The service's answer to `/version` and `/` says which revision gave it.
fn revision(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    Some(body.get("revision")?.as_str()?.to_owned())
}
