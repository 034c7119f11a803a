//! What happens on one connection, seen from three sides: its socket, its requests, and the watch of
//! its protocol, which ends what does not move. It is all that the layers know of a connection.
//!
//! Times are nanoseconds since the service's epoch. The requests of an HTTP/2 connection may run on
//! several threads at once.

mod streams;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use streams::Streams;

use super::Layers;
use super::exchange::Progress;
use crate::bounds::Share;
#[cfg(feature = "tls")]
use crate::tls::ClientCertificate;

/// No such moment.
const NONE: u64 = u64::MAX;

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) layers: Arc<Layers>,
    pub(crate) share: Arc<Share>,
    /// Whether it has no place of its own, and may ask for health and metrics only.
    is_reserve: AtomicBool,
    /// Whether it is to end at once: it holds too much and asks for more.
    is_condemned: AtomicBool,
    /// Whether it is to be ended in good order without the client's consent, and whether its sending
    /// half is closed.
    is_finishing: AtomicBool,
    is_lingering: AtomicBool,
    /// Whether it was told to come back: it counts once, however many requests it sends.
    is_rejected: AtomicBool,
    /// When the first byte of a head that is not whole yet was read.
    head_since: AtomicU64,
    /// Whether something was read outside a request: the beginning of a head.
    has_read: AtomicBool,
    /// When the connection was handed over to the workers, until they have it.
    handed_at: AtomicU64,
    /// When the client stopped taking what is written.
    blocked_since: AtomicU64,
    /// When a request last began, moved or ended; before the first, when the connection began.
    moved_at: AtomicU64,
    /// Whether a request has ever begun.
    has_served: AtomicBool,
    /// Whether the last request was answered before its body was read: the connection ends.
    is_unread: AtomicBool,
    /// Which turn of the connection's task this is, and when it began.
    turn: AtomicU32,
    turn_at: AtomicU64,
    /// Whether a request of HTTP/1.1 takes its time, and since when the client has closed its side
    /// meanwhile: it may have gone.
    is_slow: AtomicBool,
    half_closed_at: AtomicU64,
    /// How many requests have begun and not ended.
    in_flight: AtomicU32,
    /// How many of those wait for the service's own stream, and not for the client.
    pending_sources: AtomicU32,
    /// The request of HTTP/1.1: there is one at a time.
    pub(super) progress: Progress,
    /// Who the client is, where its certificate says so.
    #[cfg(feature = "tls")]
    client: std::sync::OnceLock<ClientCertificate>,
    #[cfg(feature = "tls")]
    is_encrypted: AtomicBool,
    /// Those of HTTP/2.
    pub(crate) streams: Streams,
}

impl Flow {
    pub(crate) fn new(layers: Arc<Layers>, is_reserve: bool) -> Self {
        let now = layers.now();
        Self {
            share: Share::of(&layers.bounds.account),
            layers,
            is_reserve: AtomicBool::new(is_reserve),
            is_condemned: AtomicBool::new(false),
            is_finishing: AtomicBool::new(false),
            is_lingering: AtomicBool::new(false),
            is_rejected: AtomicBool::new(false),
            head_since: AtomicU64::new(NONE),
            has_read: AtomicBool::new(false),
            handed_at: AtomicU64::new(NONE),
            blocked_since: AtomicU64::new(NONE),
            moved_at: AtomicU64::new(now),
            has_served: AtomicBool::new(false),
            is_unread: AtomicBool::new(false),
            turn: AtomicU32::new(0),
            turn_at: AtomicU64::new(NONE),
            is_slow: AtomicBool::new(false),
            half_closed_at: AtomicU64::new(NONE),
            in_flight: AtomicU32::new(0),
            pending_sources: AtomicU32::new(0),
            progress: Progress::new(now),
            #[cfg(feature = "tls")]
            client: std::sync::OnceLock::new(),
            #[cfg(feature = "tls")]
            is_encrypted: AtomicBool::new(false),
            streams: Streams::default(),
        }
    }

    /// Its handshake is done: it is as new from here on, and this is who the client is.
    #[cfg(feature = "tls")]
    pub(crate) fn secured(&self, client: Option<ClientCertificate>) {
        if let Some(client) = client {
            let _ = self.client.set(client);
        }
        self.is_encrypted.store(true, Relaxed);
        self.moved_at.store(self.now(), Relaxed);
    }

    /// How it was asked, as far as this connection tells.
    #[cfg_attr(not(feature = "tls"), expect(clippy::unused_self, reason = "with TLS it tells"))]
    pub(super) fn scheme(&self) -> &'static str {
        #[cfg(feature = "tls")]
        if self.is_encrypted.load(Relaxed) {
            return "https";
        }
        "http"
    }

    /// Who the client is, where it has presented a certificate.
    #[cfg(feature = "tls")]
    pub(super) fn client(&self) -> Option<&ClientCertificate> {
        self.client.get()
    }

    /// Now.
    pub(crate) fn now(&self) -> u64 {
        self.layers.now()
    }

    /// How long ago a moment was.
    pub(crate) fn elapsed(&self, moment: u64) -> Duration {
        Duration::from_nanos(self.now().saturating_sub(moment))
    }

    pub(crate) fn is_reserve(&self) -> bool {
        self.is_reserve.load(Relaxed)
    }

    /// It has got a place of its own.
    pub(crate) fn leave_reserve(&self) {
        self.is_reserve.store(false, Relaxed);
    }

    /// Tells it to come back; whether for the first time.
    pub(crate) fn reject(&self) -> bool {
        !self.is_rejected.swap(true, Relaxed)
    }

    /// It is to end at once.
    pub(super) fn condemn(&self) {
        self.is_condemned.store(true, Relaxed);
    }

    pub(crate) fn is_condemned(&self) -> bool {
        self.is_condemned.load(Relaxed)
    }

    /// It is to be ended in good order, whatever the client says: nothing more is read.
    pub(crate) fn finish(&self) {
        self.is_finishing.store(true, Relaxed);
    }

    pub(crate) fn is_finishing(&self) -> bool {
        self.is_finishing.load(Relaxed)
    }

    /// Its sending half is closed: the client has time to take what was sent.
    pub(crate) fn linger(&self) {
        self.is_lingering.store(true, Relaxed);
    }

    pub(crate) fn is_lingering(&self) -> bool {
        self.is_lingering.load(Relaxed)
    }

    /// Whether the response that is being made is the connection's last.
    pub(crate) fn is_closing(&self) -> bool {
        self.is_reserve() || self.layers.lifecycle.is_draining()
    }

    /// It is handed over to the workers: its request waits for its turn.
    pub(crate) fn hand_over(&self) {
        self.handed_at.store(self.now(), Relaxed);
    }

    /// The workers have it. Whether its request has waited for too long.
    pub(crate) fn take_over(&self) -> bool {
        let Some(handed_at) = some(self.handed_at.load(Relaxed)) else { return false };
        self.handed_at.store(NONE, Relaxed);
        self.layers.bounds.queue.take(self.elapsed(handed_at), self.now())
    }

    /// The connection's task has a turn.
    pub(crate) fn begin_turn(&self) {
        self.turn.fetch_add(1, Relaxed);
        self.turn_at.store(NONE, Relaxed);
    }

    /// How long this turn has taken, from the first time that this was asked.
    pub(crate) fn turn_age(&self) -> Duration {
        if self.turn_at.load(Relaxed) == NONE {
            self.turn_at.store(self.now(), Relaxed);
        }
        self.elapsed(self.turn_at.load(Relaxed))
    }

    /// Which turn this is, and how many requests of HTTP/2 have ever begun.
    pub(crate) fn turn(&self) -> (u32, u32) {
        (self.turn.load(Relaxed), self.streams.begun())
    }

    /// Nothing more can be done until the client sends more. Outside a request, what it has sent
    /// is the beginning of a head.
    pub(crate) fn await_head(&self) {
        if self.has_read.load(Relaxed) && self.in_flight() == 0 && self.head_since().is_none() {
            self.head_since.store(self.now(), Relaxed);
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

    /// The head was refused.
    pub(crate) fn refuse(&self) {
        self.forget_head();
        self.moved_at.store(self.now(), Relaxed);
        self.has_served.store(true, Relaxed);
    }

    /// The client takes no more bytes for now.
    pub(crate) fn blocked(&self) {
        if self.blocked_since.load(Relaxed) == NONE {
            self.layers.bounds.set_blocked(true);
            self.blocked_since.store(self.now(), Relaxed);
        }
    }

    /// The client took bytes.
    pub(crate) fn unblocked(&self) {
        if self.blocked_since.load(Relaxed) != NONE {
            self.layers.bounds.set_blocked(false);
            self.blocked_since.store(NONE, Relaxed);
        }
    }

    /// A head is whole.
    pub(super) fn begin_request(&self, now: u64) {
        self.forget_head();
        self.moved_at.store(now, Relaxed);
        self.has_served.store(true, Relaxed);
        self.in_flight.fetch_add(1, Relaxed);
    }

    /// A response moved.
    pub(super) fn progress(&self, now: u64) {
        self.moved_at.store(now, Relaxed);
    }

    /// A request ended.
    pub(super) fn end_request(&self, now: u64) {
        self.moved_at.store(now, Relaxed);
        self.in_flight.fetch_sub(1, Relaxed);
    }

    /// The response is made and the request's body is not read. What the client sends next is no
    /// head, but the rest of it.
    pub(super) fn leave_unread(&self) {
        self.is_unread.store(true, Relaxed);
    }

    /// A response's stream has nothing to send for now, or has again.
    pub(super) fn set_source_pending(&self, is_pending: bool) {
        add(&self.pending_sources, is_pending);
    }

    /// Whether a response waits for the service's own stream.
    pub(crate) fn awaits_source(&self) -> bool {
        self.pending_sources.load(Relaxed) > 0
    }

    /// A request takes its time, or did.
    pub(crate) fn set_slow(&self, is_slow: bool) {
        self.is_slow.store(is_slow, Relaxed);
    }

    pub(crate) fn is_slow(&self) -> bool {
        self.is_slow.load(Relaxed)
    }

    /// The client has closed its side: it waits for its answer, or has gone.
    pub(crate) fn half_close(&self) {
        if self.half_closed_at.load(Relaxed) == NONE {
            self.half_closed_at.store(self.now(), Relaxed);
        }
    }

    /// Since when it has.
    pub(crate) fn half_closed_since(&self) -> Option<u64> {
        some(self.half_closed_at.load(Relaxed))
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// Whether nothing here waits for the service: what there is waits for the client.
    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight() <= self.streams.stalled()
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

    pub(crate) fn moved_at(&self) -> u64 {
        self.moved_at.load(Relaxed)
    }

    /// Since when the rest of a body is still read, by what its handler has left behind.
    pub(crate) fn uploads_since(&self) -> Option<u64> {
        let is_uploading = self.is_unread.load(Relaxed) && self.in_flight() == 0;
        is_uploading.then(|| self.moved_at())
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.unblocked();
    }
}

fn add(number: &AtomicU32, is_more: bool) {
    if is_more {
        number.fetch_add(1, Relaxed);
    } else {
        number.fetch_sub(1, Relaxed);
    }
}

fn some(moment: u64) -> Option<u64> {
    (moment != NONE).then_some(moment)
}
