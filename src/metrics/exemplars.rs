//! Exemplars of OpenMetrics: for each bucket of a histogram the trace of a recent request in it, so that
//! a slow bucket leads to a slow trace.
//!
//! Nearly every request only reads when its bucket's exemplar was taken. Once a second one of them
//! takes its place; where another is just doing that, or a scrape reads it, it goes without.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use super::exposition::Float;
use super::histogram::BUCKETS;
use crate::trace::TraceId;

/// How long an exemplar is kept at least, in nanoseconds. No Prometheus scrapes more often.
const KEPT: u64 = 1_000_000_000;

/// A request that stands for its bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Exemplar {
    trace: TraceId,
    time: Duration,
    /// When it ended, since 1970.
    at: Duration,
}

impl fmt::Display for Exemplar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace, time, at } = self;
        let (seconds, ms) = (at.as_secs(), at.subsec_millis());
        write!(f, "# {{trace_id=\"{trace}\"}} {} {seconds}.{ms:03}", Float(time.as_secs_f64()))
    }
}

/// The exemplar of one bucket.
#[derive(Debug, Default)]
struct Slot {
    /// When it is due, in nanoseconds since the service's epoch.
    due: AtomicU64,
    exemplar: Mutex<Option<Exemplar>>,
}

/// The exemplars of one histogram.
#[derive(Debug, Default)]
pub(crate) struct Exemplars([Slot; BUCKETS]);

impl Exemplars {
    /// Takes the request where its bucket's exemplar is due. `now` is since the service's epoch.
    pub(super) fn offer(&self, bucket: usize, trace: TraceId, time: Duration, now: u64) {
        if let Some(slot) = self.0.get(bucket)
            && slot.due.load(Relaxed) <= now
            && let Ok(mut exemplar) = slot.exemplar.try_lock()
        {
            slot.due.store(now.saturating_add(KEPT), Relaxed);
            let at = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
            *exemplar = Some(Exemplar { trace, time, at });
        }
    }

    /// The exemplar of a bucket, where it has one.
    pub(super) fn of(&self, bucket: usize) -> Option<Exemplar> {
        *self.0.get(bucket)?.exemplar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The exemplars of so many histograms, each made with its first one: 1 KiB and a bit.
#[derive(Debug)]
pub(super) struct ExemplarSets(Box<[OnceLock<Box<Exemplars>>]>);

impl ExemplarSets {
    pub(super) fn new(histograms: usize) -> Self {
        Self((0..histograms).map(|_| OnceLock::new()).collect())
    }

    /// Those of a histogram, to be written to.
    pub(super) fn made(&self, histogram: usize) -> Option<&Exemplars> {
        self.0.get(histogram).map(|it| &**it.get_or_init(Box::default))
    }

    /// Those of a histogram, where it has any.
    pub(super) fn of(&self, histogram: usize) -> Option<&Exemplars> {
        self.0.get(histogram)?.get().map(|it| &**it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::TraceContext;

    fn trace() -> TraceId {
        TraceContext::begin().trace_id()
    }

    #[test]
    fn an_exemplar_is_kept_for_a_second_and_never_waited_for() {
        let exemplars = Exemplars::default();
        let (first, second) = (trace(), trace());
        let ms = Duration::from_millis(3);
        exemplars.offer(4, first, ms, 5);
        exemplars.offer(4, second, ms, 4 + KEPT);
        assert_eq!(exemplars.of(4).unwrap().trace, first);
        assert_eq!((exemplars.of(3), exemplars.of(99)), (None, None));
        let held = exemplars.0[4].exemplar.lock().unwrap();
        exemplars.offer(4, second, ms, 5 + KEPT);
        drop(held);
        assert_eq!(exemplars.of(4).unwrap().trace, first, "someone read it");
        exemplars.offer(4, second, ms, 6 + KEPT);
        assert_eq!(exemplars.of(4).unwrap().trace, second);
    }

    #[test]
    fn it_is_written_as_openmetrics_asks() {
        let at = Duration::from_millis(1_764_150_000_007);
        let exemplar = Exemplar { trace: trace(), time: Duration::from_micros(1500), at };
        let expected = format!("# {{trace_id=\"{}\"}} 0.0015 1764150000.007", exemplar.trace);
        assert_eq!(exemplar.to_string(), expected);
    }

    #[test]
    fn a_histogram_without_sampled_requests_has_no_memory_for_them() {
        let sets = ExemplarSets::new(2);
        sets.made(1).unwrap().offer(0, trace(), Duration::ZERO, 0);
        assert!(sets.of(0).is_none() && sets.of(1).is_some() && sets.made(2).is_none());
        assert!(size_of::<Exemplars>() <= 15 * 80);
    }
}
