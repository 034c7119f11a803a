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
pub(crate) use waiting::{Kind, Ticket, Waiting};

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
        if !self.slots.has_room_for(in_flight) && !self.make_room(now()) {
            return Err(Reason::InFlight);
        }
        if !self.has_room(now) {
            return Err(Reason::BufferedBytes);
        }
        Ok(())
    }

    /// Whether there is room for more bytes, made where there is none.
    pub(crate) fn has_room(&self, now: impl Fn() -> u64) -> bool {
        !self.account.is_full() || (self.make_room(now()) && !self.account.is_overdrawn())
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

    /// Cuts what has waited the longest for its client; false where nothing has waited for long.
    fn make_room(&self, now: u64) -> bool {
        let is_cut = self.waiting.cut_longest(&[Kind::Stalled], now, STALLED_AFTER);
        if is_cut {
            self.shed.count(Reason::Stalled);
        }
        is_cut || self.waiting.cut_longest(&[Kind::Lull, Kind::Head], now, STALLED_AFTER)
    }
}
