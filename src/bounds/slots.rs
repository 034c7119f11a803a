//! Requests that wait: for a dependency, for a timer, for their client. A request whose answer is
//! there at once never is among them, and costs nothing here but a look.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[derive(Debug)]
pub(crate) struct Slots {
    limit: usize,
    taken: AtomicUsize,
}

impl Slots {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, taken: AtomicUsize::new(0) }
    }

    /// Whether a connection that has so many requests in flight, a new one among them, may begin that
    /// one: it may have as many as are free, and one where any is.
    pub(super) fn has_room_for(&self, in_flight: usize) -> bool {
        let free = self.limit.saturating_sub(self.taken.load(Relaxed));
        in_flight <= free
    }

    /// A request has to wait. Those that had begun when the last slot was taken go past the limit:
    /// at most one per worker.
    pub(crate) fn take(&self) {
        self.taken.fetch_add(1, Relaxed);
    }

    /// It has ended.
    pub(crate) fn give_back(&self) {
        self.taken.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_may_have_as_many_as_are_free() {
        let slots = Slots::new(10);
        for _ in 0..5 {
            slots.take();
        }
        assert!(slots.has_room_for(5) && !slots.has_room_for(6));
        for _ in 0..4 {
            slots.take();
        }
        assert!(slots.has_room_for(1), "the last one is anybody's");
        slots.take();
        assert!(!slots.has_room_for(1));
        slots.give_back();
        assert!(slots.has_room_for(1));
    }
}
