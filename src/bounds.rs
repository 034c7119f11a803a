//! What the process holds for all of its clients together, and what gives way when that is too much.
//!
//! Three things are counted. [`Account`]: bytes (connections that are engaged, heads, bodies,
//! responses that wait to be sent). [`Slots`]: requests that wait for something. [`QueueTime`]: how
//! long a request waits for its turn on a CPU. Past a bound new work is refused, early and with
//! 503, and counted by [`Reason`]; of what is there already, only what waits for its own client
//! gives way ([`Waiting`]), the longest first.
//!
//! One rule keeps a few clients from having all of it: *no connection may have more than what is
//! still free*. It is the dynamic threshold of shared-memory switches (Choudhury and Hahne, "Dynamic
//! Queue Length Thresholds for Shared-Memory Packet Switches", 1998): one connection alone can have
//! half, two can have a third each, and however many there are, something is left for the next.

mod account;
mod queue;
mod shed;
mod slots;
mod waiting;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

pub(crate) use account::{Account, Full, Hold, Share};
pub(crate) use queue::{QueueTime, Turn};
pub(crate) use shed::{Reason, Shed};
pub(crate) use slots::Slots;
pub(crate) use waiting::{Kind, Ticket, Waiter, Waiting};

/// How long something must have waited for its client before it gives way to others: by then it is
/// no pause between two packets.
pub(crate) const STALLED_AFTER: Duration = Duration::from_secs(1);

/// The bounds of the process; shared by all of its connections.
#[derive(Debug)]
pub(crate) struct Bounds {
    pub(crate) account: Arc<Account>,
    pub(crate) slots: Slots,
    pub(crate) queue: QueueTime,
    pub(crate) waiting: Arc<Waiting>,
    pub(crate) shed: Shed,
    /// How many connections have bytes that their client does not take.
    blocked: AtomicUsize,
    /// How many connections were told to come back.
    rejected: AtomicU64,
    /// How many gave way to others.
    evicted: AtomicU64,
}

impl Bounds {
    /// Bounds for so many requests that wait, so many bytes, and so much time in the queue.
    pub(crate) fn new(
        max_in_flight: usize,
        max_bytes: usize,
        max_queue_time: Duration,
        workers: usize,
    ) -> Self {
        Self {
            account: Arc::new(Account::new(max_bytes)),
            slots: Slots::new(max_in_flight),
            queue: QueueTime::new(max_queue_time, workers),
            waiting: Arc::default(),
            shed: Shed::default(),
            blocked: AtomicUsize::new(0),
            rejected: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
        }
    }

    /// Bounds for those who watch the service, apart from all others: there are few of them, and what
    /// the public does to itself must not touch them.
    pub(crate) fn of_management(workers: usize) -> Self {
        const IN_FLIGHT: usize = 64;
        const BYTES: usize = 4 * 1024 * 1024;
        const QUEUE_TIME: Duration = Duration::from_secs(3600);
        Self::new(IN_FLIGHT, BYTES, QUEUE_TIME, workers)
    }

    /// Whether a connection that has so many requests in flight may begin this one; else why not.
    /// `now` is asked only where it matters.
    pub(crate) fn admit(&self, in_flight: usize, now: impl Fn() -> u64) -> Result<(), Reason> {
        if self.queue.is_over() {
            return Err(Reason::QueueTime);
        }
        // Nobody else who waits for a client has one of these places.
        if !self.slots.has_room_for(in_flight) && !self.cut(&[Kind::Stalled], now(), STALLED_AFTER)
        {
            return Err(Reason::InFlight);
        }
        if !self.has_room(now) {
            return Err(Reason::BufferedBytes);
        }
        Ok(())
    }

    /// Whether there is room for more bytes, made where there is none.
    pub(crate) fn has_room(&self, now: impl Fn() -> u64) -> bool {
        let kinds = [Kind::Stalled, Kind::Lull, Kind::Head];
        !self.account.is_full()
            || (self.cut(&kinds, now(), STALLED_AFTER) && !self.account.is_overdrawn())
    }

    /// A connection has bytes that its client does not take, or has none any more.
    pub(crate) fn set_blocked(&self, is_blocked: bool) {
        if is_blocked {
            self.blocked.fetch_add(1, Relaxed);
        } else {
            self.blocked.fetch_sub(1, Relaxed);
        }
    }

    /// How many connections have bytes that their client does not take.
    pub(crate) fn blocked(&self) -> usize {
        self.blocked.load(Relaxed)
    }

    /// A connection past the limit was told to come back.
    pub(crate) fn reject(&self) {
        self.rejected.fetch_add(1, Relaxed);
    }

    /// How many were told to come back.
    pub(crate) fn rejected(&self) -> u64 {
        self.rejected.load(Relaxed)
    }

    /// A connection gives way to another.
    pub(crate) fn evict(&self) {
        self.evicted.fetch_add(1, Relaxed);
    }

    /// How many gave way to others.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted.load(Relaxed)
    }

    /// Cuts the one of these that has waited the longest for its client, and for so long at least; false
    /// where there is none. A request that gives way is counted here, whoever needs its place.
    pub(crate) fn cut(&self, kinds: &[Kind], now: u64, at_least: Duration) -> bool {
        let cut = self.waiting.cut_longest(kinds, now, at_least);
        if cut == Some(Kind::Stalled) {
            self.shed.count(Reason::Stalled);
        }
        cut.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_among_those_that_wait_is_made_by_those_alone_who_have_one() {
        let bounds = Bounds::new(1, 1 << 20, Duration::from_secs(1), 1);
        let later = || 2_000_000_000;
        bounds.slots.take();
        let (_lull, mut lull_cut) = bounds.waiting.signalled(Kind::Lull, 0);
        let (_head, mut head_cut) = bounds.waiting.signalled(Kind::Head, 0);
        assert_eq!(bounds.admit(1, later), Err(Reason::InFlight));
        assert!(lull_cut.try_recv().is_err() && head_cut.try_recv().is_err());
        let (_stalled, mut cut) = bounds.waiting.signalled(Kind::Stalled, 0);
        assert_eq!(bounds.admit(1, later), Ok(()));
        assert!(cut.try_recv().is_ok());
        assert_eq!(bounds.shed.of(Reason::Stalled), 1);
    }

    #[test]
    fn room_for_bytes_is_made_by_whoever_holds_some_the_stalled_first() {
        let bounds = Bounds::new(1, 1 << 20, Duration::from_secs(1), 1);
        let mut full = Share::of(&bounds.account).hold();
        full.force(1 << 20);
        let later = || 2_000_000_000;
        let (_lull, mut lull_cut) = bounds.waiting.signalled(Kind::Lull, 0);
        let (_stalled, mut cut) = bounds.waiting.signalled(Kind::Stalled, 0);
        assert!(bounds.has_room(later) && cut.try_recv().is_ok() && lull_cut.try_recv().is_err());
        assert!(bounds.has_room(later) && lull_cut.try_recv().is_ok());
        assert!(!bounds.has_room(later), "nobody is left");
    }
}
