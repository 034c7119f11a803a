//! Where the service is in its life. It only ever goes forward.

use std::sync::atomic::{AtomicU8, Ordering::SeqCst};

use tokio::sync::watch;

/// A part of the service's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Serves.
    Serving,
    /// Was told to stop: still serves everything, says on each connection that it ends, and is not
    /// ready any more, so that load balancers look elsewhere.
    Draining,
    /// Takes no new connections, and ends those without a request.
    Closing,
}

/// The phase, to be read at no cost by each request and waited for by those that sleep.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    phase: AtomicU8,
    changed: watch::Sender<Phase>,
}

impl Lifecycle {
    pub(crate) fn new() -> Self {
        Self {
            phase: AtomicU8::new(Phase::Serving as u8),
            changed: watch::Sender::new(Phase::Serving),
        }
    }

    /// Goes on to a later phase.
    pub(crate) fn advance(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, SeqCst);
        self.changed.send_replace(phase);
    }

    /// Whether the service was told to stop.
    pub(crate) fn is_draining(&self) -> bool {
        self.phase.load(SeqCst) >= Phase::Draining as u8
    }

    /// Whether connections without a request end.
    pub(crate) fn is_closing(&self) -> bool {
        self.phase.load(SeqCst) >= Phase::Closing as u8
    }

    /// A way to wait for the next phase.
    pub(crate) fn changes(&self) -> watch::Receiver<Phase> {
        self.changed.subscribe()
    }
}
