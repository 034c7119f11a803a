//! How long a request waits for its turn on a CPU, and what is done when that is too long.
//!
//! A queue that is long for a moment is a burst, and is served. One that stays long serves everybody
//! late: then requests that have waited for too long are refused, and for a while after that the
//! bound is tighter, so that those who are served are served soon. It is what CoDel does (RFC 8289),
//! in the form that Facebook uses for requests (Maurer, "Fail at Scale", ACM Queue 13(8), 2015).
//! The time is measured, not the length: it needs no tuning.
//!
//! It is measured twice. A byte from the main thread waits as the requests of connections do that
//! the workers have (`server::pulse`); and each connection that is handed over to the workers tells
//! how long it waited. While the queue is guarded, connections come back to the main thread after
//! each request (`server::connection`), and requests wait there, in order and for no longer than the
//! bound: the workers have a few at hand, and none that will be refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How much tighter the bound is while the queue is guarded.
const TIGHTER: u32 = 4;

/// How long it is guarded after the last request that had waited for too long, or was refused.
const GUARDED: Duration = Duration::from_secs(2);

/// How many requests each worker has at hand while the queue is guarded.
const AT_HAND: usize = 2;

/// Never so far.
const NEVER: u64 = u64::MAX;

#[derive(Debug)]
pub(crate) struct QueueTime {
    limit: Duration,
    /// The last one that is known, in nanoseconds.
    last: AtomicU64,
    /// Whether what the workers have waits for too long.
    is_over: AtomicBool,
    /// Since when it is guarded no longer; nanoseconds since the service's epoch.
    guarded_until: AtomicU64,
    /// Those that the workers may have at hand, while it is guarded.
    turns: Arc<Semaphore>,
}

/// A request's turn, until a worker takes it.
#[derive(Debug)]
pub(crate) struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
}

impl QueueTime {
    pub(super) fn new(limit: Duration, workers: usize) -> Self {
        Self {
            limit,
            last: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            guarded_until: AtomicU64::new(0),
            turns: Arc::new(Semaphore::new(AT_HAND * workers)),
        }
    }

    /// The last one that is known.
    pub(crate) fn last(&self) -> Duration {
        Duration::from_nanos(self.last.load(Relaxed))
    }

    /// What the workers have waits for so long.
    pub(crate) fn record(&self, time: Duration, now: u64) {
        self.last.store(nanoseconds(time), Relaxed);
        self.is_over.store(self.note(time, now), Relaxed);
    }

    /// Whether what the workers have waits for too long.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Relaxed)
    }

    /// Whether each request is to be let in by the main thread.
    /// `now` is asked only where it ever was.
    pub(crate) fn is_guarded(&self, now: impl FnOnce() -> u64) -> bool {
        let until = self.guarded_until.load(Relaxed);
        until > 0 && now() < until
    }

    /// The turn of a request that the main thread has; none where it would have to wait too long.
    pub(crate) async fn turn(&self, now: impl Fn() -> u64) -> Option<Turn> {
        if !self.is_guarded(&now) {
            return Some(Turn { _permit: None });
        }
        let wait = timeout(self.limit / TIGHTER, Arc::clone(&self.turns).acquire_owned());
        let Ok(Ok(permit)) = wait.await else {
            self.guard(now());
            return None;
        };
        Some(Turn { _permit: Some(permit) })
    }

    /// A worker has a request that was handed over so long ago. Whether that was too long.
    pub(crate) fn take(&self, time: Duration, now: u64) -> bool {
        // Those that were let in while it was not guarded are served in the time that held then.
        self.note(time, now) && time > self.limit
    }

    fn note(&self, time: Duration, now: u64) -> bool {
        let limit = if self.is_guarded(|| now) { self.limit / TIGHTER } else { self.limit };
        let is_long = time > limit;
        if is_long {
            self.guard(now);
        }
        is_long
    }

    fn guard(&self, now: u64) {
        self.guarded_until.store(now.saturating_add(nanoseconds(GUARDED)), Relaxed);
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(NEVER - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    #[test]
    fn a_burst_is_served_and_after_an_overload_the_bound_is_tighter_for_a_while() {
        let queue = QueueTime::new(ms(400), 1);
        let is_over = |time: u64, at: u64| {
            queue.record(ms(time), at * MS);
            queue.is_over()
        };
        assert!(!is_over(400, 0) && !queue.is_guarded(|| 0), "a burst");
        assert!(is_over(401, 10) && queue.is_guarded(|| 10 * MS));
        assert!(!is_over(100, 20), "short again");
        assert!(is_over(101, 30), "a quarter, for a while");
        assert!(!is_over(101, 2031) && !queue.is_guarded(|| 2031 * MS), "over");
        assert_eq!(queue.last(), ms(101));
    }

    #[tokio::test(start_paused = true)]
    async fn while_it_is_guarded_requests_wait_in_order_and_not_for_long() {
        let queue = QueueTime::new(ms(400), 1);
        let turn = |at: u64| queue.turn(move || at * MS);
        let mut direct: Vec<_> = vec![turn(0).await, turn(0).await, turn(0).await];
        assert!(direct.iter().all(Option::is_some), "not guarded: nobody waits");
        assert!(!queue.take(ms(400), 0));
        assert!(queue.take(ms(401), 0) && queue.is_guarded(|| 0));
        assert!(!queue.take(ms(300), 0), "long, but it was let in before");
        let (first, second) = (turn(1).await.unwrap(), turn(1).await.unwrap());
        let began = tokio::time::Instant::now();
        assert!(turn(2).await.is_none());
        assert_eq!(began.elapsed(), ms(100), "a quarter");
        drop(first);
        assert!(turn(3).await.is_some(), "taken: the next one");
        drop((second, direct.pop()));
        assert!(!queue.is_guarded(|| 2003 * MS), "nobody was refused for two seconds");
    }
}
