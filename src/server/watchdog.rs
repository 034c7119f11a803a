//! Whether the workers still turn. A worker that is stuck in one task (a blocking call, an endless
//! loop) answers nobody; liveness then fails, so that the process is started anew.
//!
//! Missed beats are counted in looks, not in time: a process that was frozen as a whole and goes on
//! (a paused machine) has missed one look at most.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::app::App;

/// How often each worker beats, and how often someone looks.
const BEAT: Duration = Duration::from_secs(1);

/// A worker that has not beaten for so many looks is stalled.
const MISSES: u32 = 5;

/// The beats of all workers.
#[derive(Debug)]
pub(crate) struct Watchdog(Vec<Pulse>);

#[derive(Debug, Default)]
struct Pulse {
    beats: AtomicU64,
    seen: AtomicU64,
    misses: AtomicU32,
}

impl Watchdog {
    pub(crate) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| Pulse::default()).collect())
    }

    /// The first worker that is stuck in one task.
    pub(crate) fn stalled_worker(&self) -> Option<usize> {
        self.0.iter().position(|pulse| pulse.misses.load(Relaxed) >= MISSES)
    }

    /// Whether a worker may be stuck: one look can come just before a beat, two cannot.
    pub(super) fn is_late(&self, worker: usize) -> bool {
        self.0.get(worker).is_some_and(|pulse| pulse.misses.load(Relaxed) >= 2)
    }

    fn look(&self) {
        for (worker, pulse) in self.0.iter().enumerate() {
            let beats = pulse.beats.load(Relaxed);
            if beats != pulse.seen.swap(beats, Relaxed) {
                if pulse.misses.swap(0, Relaxed) >= MISSES {
                    tracing::warn!(worker, "a worker that was stuck in one task goes on");
                }
            } else if pulse.misses.fetch_add(1, Relaxed) + 1 == MISSES {
                tracing::error!(
                    worker,
                    "a worker is stuck in one task; liveness fails until it goes on"
                );
            }
        }
    }
}

/// A worker's own part: shows that it turns.
pub(super) async fn beat(app: Arc<App>, worker: usize) {
    let Some(pulse) = app.watchdog.0.get(worker) else {
        return;
    };
    loop {
        pulse.beats.fetch_add(1, Relaxed);
        sleep(BEAT).await;
    }
}

/// The part of the main thread, which runs no handler: looks for ever.
pub(super) async fn look(app: Arc<App>) {
    let mut looks = interval(BEAT);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        app.watchdog.look();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_stalled_after_five_missed_looks_and_well_after_one_beat() {
        let watchdog = Watchdog::new(2);
        let beat = |worker: usize| watchdog.0[worker].beats.fetch_add(1, Relaxed);
        for _ in 0..4 {
            beat(0);
            watchdog.look();
        }
        assert_eq!(watchdog.stalled_worker(), None);
        beat(0);
        watchdog.look();
        assert_eq!(watchdog.stalled_worker(), Some(1));
        beat(1);
        watchdog.look();
        assert_eq!(watchdog.stalled_worker(), None);
    }
}
