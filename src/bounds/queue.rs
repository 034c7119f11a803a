//! How long a request waits for its turn on a CPU, and what is done when that is too long.
//!
//! A queue that is too long for a moment is a burst, and is served: many who begin at once, or a stall.
//! One that stays too long serves everybody late: then requests that have waited for too long are
//! refused, and for a while after that the bound is tighter, so that those who are served are served
//! soon. It is what CoDel does (RFC 8289), in the form that Facebook uses for requests (Maurer, "Fail
//! at Scale", ACM Queue 13(8), 2015). The time is measured, not the length: it needs no tuning.
//!
//! It is measured twice. A byte from the main thread waits as the requests of connections do that
//! the workers have (`server::pulse`); and each connection that is handed over to the workers tells
//! how long it waited. While the queue is guarded, connections come back to the main thread after
//! each request (`server::connection`), and requests wait there, in order and for no longer than the
//! bound: the workers have a few at hand, and none that will be refused.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How much tighter the bound is while the queue is guarded.
const TIGHTER: u32 = 4;

/// The part of the bound for which it must have been passed: less is a burst.
const BURST: u32 = 2;

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
    /// Since when each of the two measurements is past the bound.
    waiting: Over,
    handed: Over,
    /// Since when it is guarded no longer; nanoseconds since the service's epoch.
    guarded_until: AtomicU64,
    /// Those that the workers may have at hand, while it is guarded.
    turns: Arc<Semaphore>,
}

/// A measurement that is past the bound.
#[derive(Debug)]
struct Over {
    since: AtomicU64,
    /// When it was last seen. Nothing measures what nobody hands over.
    seen: AtomicU64,
}

impl Default for Over {
    fn default() -> Self {
        Self { since: AtomicU64::new(NEVER), seen: AtomicU64::new(0) }
    }
}

impl Over {
    fn end(&self) {
        self.since.store(NEVER, Relaxed);
    }

    /// It is seen now; since when, without a gap of so many nanoseconds.
    fn since(&self, now: u64, gap: u64) -> u64 {
        let is_new = now.saturating_sub(self.seen.swap(now, Relaxed)) > gap;
        let since = if is_new { now } else { self.since.load(Relaxed).min(now) };
        self.since.store(since, Relaxed);
        since
    }
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
            waiting: Over::default(),
            handed: Over::default(),
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
        self.is_over.store(self.note(&self.waiting, time, now), Relaxed);
    }

    /// Whether what the workers have waits for too long.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Relaxed)
    }

    /// Whether each request is to be let in by the main thread.
    /// `now` is asked only where it ever was.
    pub(crate) fn is_guarded(&self, now: impl FnOnce() -> u64) -> bool {
        self.guarded_until.load(Relaxed) > 0 && self.guarded_for(now()).is_some()
    }

    /// The turn of a request that the main thread has; none where it would have to wait too long.
    pub(crate) async fn turn(&self, now: impl Fn() -> u64) -> Option<Turn> {
        let began = now();
        let mut permit = pin!(Arc::clone(&self.turns).acquire_owned());
        loop {
            let at = now();
            // Who comes when the guard has ended does not wait: neither does who waits already.
            let Some(guarded) = self.guarded_for(at) else { return Some(Turn { _permit: None }) };
            let waited = Duration::from_nanos(at.saturating_sub(began));
            let left = (self.limit / TIGHTER).saturating_sub(waited);
            if left.is_zero() {
                self.guard(at);
                return None;
            }
            if let Ok(permit) = timeout(left.min(guarded), permit.as_mut()).await {
                return permit.ok().map(|permit| Turn { _permit: Some(permit) });
            }
        }
    }

    /// A worker has a request that was handed over so long ago. Whether that was too long.
    pub(crate) fn take(&self, time: Duration, now: u64) -> bool {
        // Those that were let in while it was not guarded are served in the time that held then.
        self.note(&self.handed, time, now) && time > self.limit
    }

    /// Whether that is too long, and no burst.
    fn note(&self, over: &Over, time: Duration, now: u64) -> bool {
        let is_guarded = self.is_guarded(|| now);
        let limit = if is_guarded { self.limit / TIGHTER } else { self.limit };
        if time <= limit {
            over.end();
            return false;
        }
        let since = over.since(now, nanoseconds(self.limit));
        let is_burst = !is_guarded && now - since < nanoseconds(self.limit / BURST);
        if !is_burst {
            self.guard(now);
        }
        !is_burst
    }

    fn guarded_for(&self, now: u64) -> Option<Duration> {
        let left = self.guarded_until.load(Relaxed).saturating_sub(now);
        (left > 0).then(|| Duration::from_nanos(left))
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
    use tokio::time::advance;

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
        assert!(!is_over(400, 0) && !is_over(401, 10) && !is_over(599, 209), "a burst");
        assert!(!is_over(400, 210) && !is_over(401, 211), "another one");
        assert!(!queue.take(ms(900), 220 * MS), "and one of those that are new");
        assert!(!queue.take(ms(900), 621 * MS), "another, which is not the same one");
        assert!(!queue.is_guarded(|| 621 * MS));
        assert!(
            !is_over(401, 700) && is_over(401, 900) && queue.is_guarded(|| 900 * MS),
            "it lasts"
        );
        assert!(!is_over(100, 920), "short again");
        assert!(is_over(101, 930), "a quarter, for a while");
        assert!(!is_over(101, 2931) && !queue.is_guarded(|| 2931 * MS), "over");
        assert_eq!(queue.last(), ms(101));
    }

    /// The time of the test, and a way to wait for a turn in it.
    macro_rules! clock {
        ($now:ident, $queue:ident, $turn:ident) => {
            let epoch = tokio::time::Instant::now();
            let $now = move || nanoseconds(epoch.elapsed());
            let $turn = || $queue.turn($now);
        };
    }

    #[tokio::test(start_paused = true)]
    async fn while_it_is_guarded_requests_wait_in_order_and_not_for_long() {
        let queue = QueueTime::new(ms(400), 1);
        clock!(now, queue, turn);
        let direct = [turn().await, turn().await, turn().await];
        assert!(direct.iter().all(Option::is_some), "not guarded: nobody waits");
        assert!(!queue.take(ms(401), now()));
        advance(ms(200)).await;
        assert!(queue.take(ms(401), now()) && queue.is_guarded(now));
        assert!(!queue.take(ms(300), now()), "long, but it was let in before");
        let (first, second) = (turn().await.unwrap(), turn().await.unwrap());
        let began = now();
        assert!(turn().await.is_none());
        assert_eq!((now() - began) / MS, 100, "a quarter");
        drop(first);
        assert!(turn().await.is_some(), "taken: the next one");
        drop(second);
        advance(ms(2001)).await;
        assert!(!queue.is_guarded(now), "nobody was refused for two seconds");
    }

    #[tokio::test(start_paused = true)]
    async fn when_the_guard_ends_those_who_wait_go_with_those_who_come() {
        let queue = QueueTime::new(ms(400), 1);
        clock!(now, queue, turn);
        queue.guard(now());
        let _taken = (turn().await.unwrap(), turn().await.unwrap());
        advance(ms(1950)).await;
        let began = now();
        assert!(turn().await.is_some() && queue.turns.available_permits() == 0);
        assert_eq!((now() - began) / MS, 50);
    }
}
