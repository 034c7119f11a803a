//! What happens on one connection, seen from three sides: its socket, its requests and its watcher
//! (`judge` of its protocol), which ends what does not move.
//!
//! Times are nanoseconds since the service's epoch. All three sides run on the connection's worker:
//! each number has one writer, so that plain loads and stores do.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

/// No such moment.
const NONE: u64 = u64::MAX;

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct Flow {
    /// When the first byte of a head that is not whole yet was read.
    head_since: AtomicU64,
    /// Whether something was read outside a request: the beginning of a head.
    has_read: AtomicBool,
    /// When the client stopped taking what is written.
    blocked_since: AtomicU64,
    /// When a request last began, moved or ended.
    moved_at: AtomicU64,
    /// Whether a request has ever begun.
    has_served: AtomicBool,
    /// Whether the last request was answered before its body was read: the connection ends.
    is_unread: AtomicBool,
    /// How many requests have begun and not ended.
    in_flight: AtomicU32,
    /// How many of those wait for the service's own stream, and not for the client.
    pending_sources: AtomicU32,
}

impl Flow {
    pub(crate) fn new(now: u64) -> Self {
        Self {
            head_since: AtomicU64::new(NONE),
            has_read: AtomicBool::new(false),
            blocked_since: AtomicU64::new(NONE),
            moved_at: AtomicU64::new(now),
            has_served: AtomicBool::new(false),
            is_unread: AtomicBool::new(false),
            in_flight: AtomicU32::new(0),
            pending_sources: AtomicU32::new(0),
        }
    }

    /// Nothing more can be done until the client sends more. Outside a request, what it has sent
    /// is the beginning of a head.
    pub(crate) fn await_head(&self, now: impl FnOnce() -> u64) {
        if self.has_read.load(Relaxed) && self.in_flight() == 0 && self.head_since().is_none() {
            self.head_since.store(now(), Relaxed);
        }
    }

    /// Bytes were read. During a request they are its body.
    pub(crate) fn read(&self) {
        if self.in_flight() == 0 {
            self.has_read.store(true, Relaxed);
        }
    }

    /// What was read was no head: the rest of a body that nobody wanted, or empty lines.
    pub(crate) fn forget_head(&self) {
        self.has_read.store(false, Relaxed);
        self.head_since.store(NONE, Relaxed);
    }

    /// The client takes no more bytes for now.
    pub(crate) fn blocked(&self, now: impl FnOnce() -> u64) {
        if self.blocked_since.load(Relaxed) == NONE {
            self.blocked_since.store(now(), Relaxed);
        }
    }

    /// The client took bytes.
    pub(crate) fn unblocked(&self) {
        self.blocked_since.store(NONE, Relaxed);
    }

    /// A head is whole.
    pub(crate) fn begin_request(&self, now: u64) {
        self.has_read.store(false, Relaxed);
        self.head_since.store(NONE, Relaxed);
        self.moved_at.store(now, Relaxed);
        self.has_served.store(true, Relaxed);
        add(&self.in_flight, 1);
    }

    /// A response moved.
    pub(crate) fn progress(&self, now: u64) {
        self.moved_at.store(now, Relaxed);
    }

    /// A request ended.
    pub(crate) fn end_request(&self, now: u64) {
        self.moved_at.store(now, Relaxed);
        add(&self.in_flight, -1);
    }

    /// The response is made and the request's body is not read. What the client sends next is no
    /// head, but the rest of it.
    pub(crate) fn leave_unread(&self) {
        self.is_unread.store(true, Relaxed);
    }

    /// A response's stream has nothing to send for now, or has again.
    pub(crate) fn set_source_pending(&self, is_pending: bool) {
        add(&self.pending_sources, if is_pending { 1 } else { -1 });
    }

    /// Whether a response waits for the service's own stream.
    pub(crate) fn awaits_source(&self) -> bool {
        self.pending_sources.load(Relaxed) > 0
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// Whether a request has ever begun here.
    pub(crate) fn has_served(&self) -> bool {
        self.has_served.load(Relaxed)
    }

    pub(crate) fn head_since(&self) -> Option<u64> {
        some(self.head_since.load(Relaxed))
    }

    pub(crate) fn blocked_since(&self) -> Option<u64> {
        some(self.blocked_since.load(Relaxed))
    }

    /// When a request last began, moved or ended; before the first, when the connection began.
    pub(crate) fn moved_at(&self) -> u64 {
        self.moved_at.load(Relaxed)
    }

    /// Since when the rest of a body is still read, by what its handler has left behind.
    pub(crate) fn uploads_since(&self) -> Option<u64> {
        let is_uploading = self.is_unread.load(Relaxed) && self.in_flight() == 0;
        is_uploading.then(|| self.moved_at())
    }

    /// Since when the client has not asked for more of a response that is there.
    pub(crate) fn stalled_since(&self) -> Option<u64> {
        let is_stalled = self.in_flight() > self.pending_sources.load(Relaxed);
        is_stalled.then(|| self.moved_at())
    }
}

/// An addition where nobody else writes.
fn add(number: &AtomicU32, difference: i32) {
    number.store(number.load(Relaxed).wrapping_add_signed(difference), Relaxed);
}

fn some(moment: u64) -> Option<u64> {
    (moment != NONE).then_some(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_begins_with_its_first_byte_and_ends_with_the_request() {
        let flow = Flow::new(0);
        flow.await_head(|| 4);
        assert_eq!(flow.head_since(), None, "nothing was read");
        flow.read();
        flow.await_head(|| 5);
        flow.read();
        flow.await_head(|| 6);
        assert_eq!((flow.head_since(), flow.has_served()), (Some(5), false));
        flow.begin_request(7);
        flow.read();
        flow.await_head(|| 8);
        assert_eq!((flow.head_since(), flow.in_flight()), (None, 1), "bytes of a body are no head");
        flow.end_request(9);
        assert_eq!((flow.in_flight(), flow.moved_at(), flow.has_served()), (0, 9, true));
        flow.await_head(|| 10);
        assert_eq!(flow.head_since(), None, "nor after the request");
        flow.read();
        flow.await_head(|| 11);
        assert_eq!(flow.head_since(), Some(11));
        flow.forget_head();
        flow.await_head(|| 12);
        assert_eq!(flow.head_since(), None);
    }

    #[test]
    fn a_response_stalls_by_the_client_and_not_by_the_service() {
        let flow = Flow::new(0);
        assert_eq!(flow.stalled_since(), None);
        flow.begin_request(1);
        flow.progress(2);
        assert_eq!(flow.stalled_since(), Some(2));
        flow.set_source_pending(true);
        assert_eq!(flow.stalled_since(), None);
    }
}
