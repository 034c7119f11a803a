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

    /// What those who wait for the end are given.
    pub(crate) fn drain(&self) -> Drain {
        Drain(self.changed.subscribe())
    }

    /// A way to wait for the next phase.
    pub(crate) fn changes(&self) -> watch::Receiver<Phase> {
        self.changed.subscribe()
    }
}

/// Tells when the service is on its way to its end: for long streams, background tasks, and whatever
/// else would hold the drain. [`Context::drain`](crate::Context::drain) gives one, to be kept in the
/// service's state; it may be cloned at will.
///
/// ```
/// use std::time::Duration;
///
/// use pcf_api::Drain;
///
/// async fn poll_a_queue(drain: Drain) {
///     while !drain.has_begun() {
///         // one job, then:
///         tokio::select! {
///             () = drain.begun() => {}
///             () = tokio::time::sleep(Duration::from_secs(1)) => {}
///         }
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Drain(watch::Receiver<Phase>);

impl Drain {
    /// Whether the service was told to stop.
    pub fn has_begun(&self) -> bool {
        *self.0.borrow() >= Phase::Draining
    }

    /// Waits until the service is told to stop. It is not ready any more then, and still serves all
    /// that comes for `server.drain_delay`, while load balancers take notice.
    pub async fn begun(&self) {
        self.reached(Phase::Draining).await;
    }

    /// Waits until the delay is over: no more connections are taken, and what is in flight has
    /// `server.drain_timeout`. The moment to end a long stream: its client comes back, and another
    /// instance has it.
    pub async fn closing(&self) {
        self.reached(Phase::Closing).await;
    }

    async fn reached(&self, phase: Phase) {
        // Without the one that tells, the service is gone.
        let _ = self.0.clone().wait_for(|now| *now >= phase).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_asks_late_is_told_at_once() {
        let lifecycle = Lifecycle::new();
        let drain = lifecycle.drain();
        assert!(!drain.has_begun());
        lifecycle.advance(Phase::Draining);
        drain.begun().await;
        assert!(drain.has_begun());
        let closing = tokio::spawn({
            let drain = drain.clone();
            async move { drain.closing().await }
        });
        lifecycle.advance(Phase::Closing);
        closing.await.unwrap();
        drop(lifecycle);
        drain.closing().await;
    }
}
