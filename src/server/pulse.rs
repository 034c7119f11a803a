//! Whether the workers make progress, and how long a task waits for its turn.
//!
//! The main thread, which runs no handler, sends a byte through a socket to a task of the workers:
//! it waits for its turn as a request does, from the socket through the queue. How long that takes
//! is the time in the queue (see `bounds::queue`). A byte that is not answered for seconds, while
//! no request begins or ends either, means that every worker is stuck in one task (a blocking call,
//! an endless loop): then liveness fails, so that the process is started anew. A queue that is only
//! long is no such thing.
//!
//! Each answer is one observation of the scheduling delay, and so is each look that finds the byte
//! still on its way: a stall of a second counts as the fifty tasks that it would have kept waiting, and
//! is seen while it lasts.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use tokio::io::Interest;
use tokio::time::{Instant, sleep};

use super::workers::Workers;
use crate::layers::Layers;
use crate::metrics::Buckets;

/// How often the main thread looks while anything goes on, and while nothing does.
const LOOK: Duration = Duration::from_millis(20);
const LOOK_WHILE_IDLE: Duration = Duration::from_millis(100);

/// How long without progress means that the workers are stuck, and for how much of that one look can
/// count: a process that was frozen as a whole and goes on (a paused machine) has missed one.
const STUCK_AFTER: Duration = Duration::from_secs(5);
const LONGEST_LOOK: Duration = Duration::from_millis(200);

/// No byte is on its way.
const NONE: u64 = u64::MAX;

/// What is known of the workers.
#[derive(Debug)]
pub(crate) struct Pulse {
    /// When the byte that is on its way was sent.
    sent_at: AtomicU64,
    answers: AtomicU64,
    is_stuck: AtomicBool,
    /// How long tasks wait for their turn.
    pub(crate) delays: Buckets,
}

impl Pulse {
    pub(crate) fn new() -> Self {
        Self {
            sent_at: AtomicU64::new(NONE),
            answers: AtomicU64::new(0),
            is_stuck: AtomicBool::new(false),
            delays: Buckets::default(),
        }
    }

    /// Whether every worker is stuck in one task.
    pub(crate) fn is_stuck(&self) -> bool {
        self.is_stuck.load(SeqCst)
    }

    /// Sends a byte, where none is on its way.
    fn send(&self, layers: &Layers, mut to: &UnixStream) {
        if self.sent_at.compare_exchange(NONE, layers.now(), SeqCst, SeqCst).is_ok() {
            // There is always room for one.
            let _ = to.write(&[0]);
        }
    }

    /// How long the byte that is on its way has been.
    fn age(&self, layers: &Layers) -> Option<Duration> {
        let sent_at = self.sent_at.load(SeqCst);
        (sent_at != NONE).then(|| Duration::from_nanos(layers.now().saturating_sub(sent_at)))
    }
}

/// A way for bytes from the main thread to the workers.
pub(super) fn wire() -> io::Result<(UnixStream, UnixStream)> {
    let (here, there) = UnixStream::pair()?;
    here.set_nonblocking(true)?;
    there.set_nonblocking(true)?;
    Ok((here, there))
}

/// The part of the main thread: looks for ever.
pub(super) async fn watch(
    pulse: Arc<Pulse>,
    layers: Arc<Layers>,
    workers: Workers,
    (here, there): (UnixStream, UnixStream),
) {
    workers.spawn(answer(Arc::clone(&pulse), Arc::clone(&layers), there));

    let mut missed = Missed::default();
    let mut look = LOOK;
    loop {
        let began = Instant::now();
        sleep(look).await;
        match pulse.age(&layers) {
            None => pulse.send(&layers, &here),
            Some(age) => {
                pulse.delays.record(age);
                if age > layers.bounds.queue.last() {
                    layers.bounds.queue.record(age, layers.now());
                }
                // A worker that sleeps may leave it to another to look for what the sockets have; where
                // that one is blocked, nobody looks. A task from outside wakes the one that sleeps.
                workers.spawn(async {});
            }
        }
        let steps = layers.metrics.steps().wrapping_add(pulse.answers.load(SeqCst));
        let is_stuck = missed.look(steps, began.elapsed());
        if pulse.is_stuck.swap(is_stuck, SeqCst) != is_stuck {
            if is_stuck {
                tracing::error!(
                    "all workers are stuck in one task each; liveness fails until one goes on"
                );
            } else {
                tracing::warn!("workers that were stuck in one task each go on");
            }
        }
        look = if layers.metrics.in_flight() > 0 { LOOK } else { LOOK_WHILE_IDLE };
    }
}

/// The part of the workers: answers.
async fn answer(pulse: Arc<Pulse>, layers: Arc<Layers>, socket: UnixStream) {
    let Ok(socket) = tokio::net::UnixStream::from_std(socket) else {
        return tracing::error!("the watch over the workers cannot begin");
    };
    while comes(&socket).await {
        if let Some(age) = pulse.age(&layers) {
            pulse.delays.record(age);
            layers.bounds.queue.record(age, layers.now());
        }
        pulse.sent_at.store(NONE, SeqCst);
        pulse.answers.fetch_add(1, SeqCst);
    }
}

/// Waits for a byte; false when none will come, for the main thread has ended.
async fn comes(socket: &tokio::net::UnixStream) -> bool {
    while socket.ready(Interest::READABLE).await.is_ok() {
        match socket.try_read(&mut [0; 1]) {
            Ok(count) => return count > 0,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
    }
    false
}

/// Looks at which nothing had moved.
#[derive(Default)]
struct Missed {
    steps: u64,
    time: Duration,
}

impl Missed {
    /// Whether that lasts. This look comes so long after the one before.
    fn look(&mut self, steps: u64, after: Duration) -> bool {
        if steps == self.steps {
            self.time += after.min(LONGEST_LOOK);
        } else {
            *self = Self { steps, time: Duration::ZERO };
        }
        self.time >= STUCK_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_answers_end_with_the_main_thread() {
        let (mut here, there) = wire().unwrap();
        let there = tokio::net::UnixStream::from_std(there).unwrap();
        here.write_all(&[0]).unwrap();
        assert!(comes(&there).await);
        drop(here);
        assert!(!comes(&there).await);
    }

    #[test]
    fn the_workers_are_stuck_after_five_seconds_of_looks_and_well_after_one_step() {
        let mut missed = Missed::default();
        let mut looks =
            |steps: u64, count: u32| (0..count).map(|_| missed.look(steps, LOOK)).last().unwrap();
        assert!(!looks(1, 250), "the first one moved");
        assert!(looks(1, 1));
        assert!(!looks(2, 1));
        assert!(!looks(2, 249));
        let mut frozen = Missed::default();
        assert!(!frozen.look(0, Duration::from_secs(3600)), "one look");
    }
}
