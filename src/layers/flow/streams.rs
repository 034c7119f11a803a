//! The requests of an HTTP/2 connection: those that are there, and how many there were.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::layers::exchange::Progress;

#[derive(Debug, Default)]
pub(crate) struct Streams {
    /// In order.
    open: Mutex<Vec<Arc<Progress>>>,
    begun: AtomicU32,
    stalled: AtomicU32,
}

impl Streams {
    /// One begins.
    pub(in crate::layers) fn begin(&self, now: u64) -> Arc<Progress> {
        let progress = Arc::new(Progress::new(now));
        self.lock().push(Arc::clone(&progress));
        self.begun.fetch_add(1, Relaxed);
        progress
    }

    /// One ends.
    pub(in crate::layers) fn end(&self, progress: &Arc<Progress>) {
        let mut open = self.lock();
        if let Some(index) = open.iter().position(|stream| Arc::ptr_eq(stream, progress)) {
            open.remove(index);
        }
    }

    /// Those that have begun and not ended, in order.
    pub(crate) fn open(&self) -> Vec<Arc<Progress>> {
        self.lock().clone()
    }

    /// The one of them that has begun last.
    pub(crate) fn last(&self) -> Option<Arc<Progress>> {
        self.lock().last().cloned()
    }

    /// How many have ever begun.
    pub(super) fn begun(&self) -> u32 {
        self.begun.load(Relaxed)
    }

    /// So many have waited for the client for a while.
    pub(crate) fn set_stalled(&self, count: u32) {
        self.stalled.store(count, Relaxed);
    }

    pub(super) fn stalled(&self) -> u32 {
        self.stalled.load(Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Progress>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
