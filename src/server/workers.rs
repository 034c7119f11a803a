//! The workers: the runtime that handlers, and everything that they spawn, run on.
//!
//! One runtime that shares its work among its threads, for pools and clients of the ecosystem spawn
//! what drives their connections, and a handler that blocks its thread must not stop it. Where one
//! CPU is granted there is nothing to share: one thread with the simpler scheduler.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime, RuntimeMetrics};
use tokio::sync::Notify;

use crate::metrics;
use crate::task;

/// How long the end of the workers is waited for: one may be stuck in a handler.
const END_WITHIN: Duration = Duration::from_millis(500);

/// How many tasks a worker runs before it looks whether sockets or timers have something new. tokio's
/// own 61 are long where each takes a millisecond.
const LOOK_EVERY: u32 = 16;

/// How many tasks a worker runs before it takes one of those that the main thread hands over. tokio's own
/// 31 are as many times the wait of a connection that the workers have already. Such a task overtakes what
/// its worker would have run next, and no other can take that: hence [`task::share_next`].
const TAKE_EVERY: u32 = 2;

/// A handle on the workers.
#[derive(Clone, Debug)]
pub(crate) struct Workers {
    handle: Handle,
}

impl Workers {
    /// The runtime, for what the service's own code spawns.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// What tokio counts of them.
    pub(crate) fn metrics(&self) -> RuntimeMetrics {
        self.handle.metrics()
    }

    /// How long they were busy, all together.
    pub(crate) fn busy(&self) -> Duration {
        let metrics = self.metrics();
        (0..metrics.num_workers()).map(|worker| metrics.worker_total_busy_duration(worker)).sum()
    }

    /// Runs a task on them.
    pub(super) fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(task::spawn_on(&self.handle, task));
    }
}

/// The threads themselves.
pub(super) enum Threads {
    Shared(Runtime),
    Single { thread: JoinHandle<()>, stop: Arc<Notify> },
}

impl Threads {
    /// Starts so many.
    pub(super) fn start(count: usize) -> io::Result<(Self, Workers)> {
        if count == 1 {
            return Self::start_single("worker", 1);
        }
        // The main thread counts in the first shard.
        let next = AtomicUsize::new(1);
        let runtime = Builder::new_multi_thread()
            .worker_threads(count)
            .thread_name("worker")
            .event_interval(LOOK_EVERY)
            .global_queue_interval(TAKE_EVERY)
            .on_thread_start(move || metrics::use_shard(next.fetch_add(1, Relaxed)))
            .enable_all()
            .build()?;
        let workers = Workers { handle: runtime.handle().clone() };
        Ok((Self::Shared(runtime), workers))
    }

    /// Starts one of this name, which counts in this shard.
    pub(super) fn start_single(name: &'static str, shard: usize) -> io::Result<(Self, Workers)> {
        let runtime = Builder::new_current_thread()
            .event_interval(LOOK_EVERY)
            .global_queue_interval(TAKE_EVERY)
            .enable_all()
            .build()?;
        let workers = Workers { handle: runtime.handle().clone() };
        let stop = Arc::new(Notify::new());
        let told = Arc::clone(&stop);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            metrics::use_shard(shard);
            runtime.block_on(told.notified());
            // What cannot be stopped, such as a look-up that hangs, is left behind.
            runtime.shutdown_background();
        })?;
        Ok((Self::Single { thread, stop }, workers))
    }

    /// Ends the workers and what they still have, so that it is told before the last log line.
    pub(super) fn stop(self) {
        match self {
            Self::Shared(runtime) => runtime.shutdown_timeout(END_WITHIN),
            Self::Single { thread, stop } => {
                stop.notify_one();
                let deadline = Instant::now() + END_WITHIN;
                while Instant::now() < deadline && !thread.is_finished() {
                    thread::sleep(Duration::from_millis(1));
                }
            }
        }
    }
}
