//! The worker threads. Each has a runtime of its own and serves its connections alone, from the
//! first byte to the last: no lock, no queue and no cache line is shared with another.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::admission::Place;
use super::connection;
use super::watchdog;
use crate::app::App;
use crate::metrics::HttpShard;

/// One worker as its connections see it.
pub(crate) struct Worker {
    app: Arc<App>,
    index: usize,
    connections: AtomicUsize,
}

impl Worker {
    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// The numbers of this worker's requests.
    pub(crate) fn shard(&self) -> &HttpShard {
        // One shard was made for each worker.
        #[allow(clippy::indexing_slicing, reason = "App::new makes a shard for each worker")]
        &self.app.shards[self.index]
    }
}

/// An accepted connection.
pub(super) struct Accepted {
    pub(super) stream: std::net::TcpStream,
    pub(super) place: Place,
}

/// All workers. They end, with their connections, when this is dropped.
pub(super) struct Workers(Vec<Handle>);

/// How long the end of the workers is waited for: one may be stuck in a handler.
const JOIN_WITHIN: Duration = Duration::from_millis(500);

struct Handle {
    worker: Arc<Worker>,
    thread: JoinHandle<()>,
    /// Not bounded by itself: each message holds a place, and those are counted.
    queue: mpsc::UnboundedSender<Accepted>,
}

impl Workers {
    /// Starts a thread for each shard of the app.
    pub(super) fn start(app: &Arc<App>) -> io::Result<Self> {
        let handles = (0..app.shards.len()).map(|index| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let connections = AtomicUsize::new(0);
            let worker = Arc::new(Worker { app: Arc::clone(app), index, connections });
            let (queue, accepted) = mpsc::unbounded_channel();
            let task = run(Arc::clone(&worker), accepted);
            let thread = thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn(move || runtime.block_on(task))?;
            Ok(Handle { worker, thread, queue })
        });
        Ok(Self(handles.collect::<io::Result<_>>()?))
    }

    /// Gives a connection to the worker that has the fewest, and to one that is stuck only where
    /// all are.
    pub(super) fn take(&self, accepted: Accepted) {
        let load = |handle: &&Handle| {
            let Worker { app, index, connections } = &*handle.worker;
            (app.watchdog.is_late(*index), connections.load(Relaxed))
        };
        if let Some(handle) = self.0.iter().min_by_key(load) {
            handle.worker.connections.fetch_add(1, Relaxed);
            // A worker ends only when this is dropped.
            let _ = handle.queue.send(accepted);
        }
    }

    /// Ends the workers and what they still have, so that it is told before the last log line.
    pub(super) fn stop(self) {
        let threads: Vec<_> = self.0.into_iter().map(|handle| handle.thread).collect();
        let deadline = Instant::now() + JOIN_WITHIN;
        while Instant::now() < deadline && !threads.iter().all(JoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

async fn run(worker: Arc<Worker>, mut accepted: mpsc::UnboundedReceiver<Accepted>) {
    tokio::spawn(watchdog::beat(Arc::clone(&worker.app), worker.index));
    while let Some(Accepted { stream, place }) = accepted.recv().await {
        let worker = Arc::clone(&worker);
        tokio::spawn(async move {
            let _leaving = Leaving(Arc::clone(&worker));
            match TcpStream::from_std(stream) {
                Ok(stream) => connection::serve(stream, place, worker).await,
                Err(error) => tracing::warn!(%error, "an accepted connection cannot be served"),
            }
        });
    }
}

/// Counts a connection out, also when its task panics.
struct Leaving(Arc<Worker>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Relaxed);
    }
}
