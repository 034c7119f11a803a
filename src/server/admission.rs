//! How many connections there may be. Past the limit a small reserve still answers those who watch
//! the service, and tells everyone else to come back; past the reserve the kernel's queue waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections past the limit that still get health and metrics.
pub(crate) const RESERVE: usize = 64;

/// Counts connections in and out.
#[derive(Debug)]
pub(crate) struct Admission {
    permits: Arc<Semaphore>,
    active: Arc<AtomicUsize>,
    limit: usize,
    rejected: AtomicU64,
}

/// The right to one more connection.
#[derive(Debug)]
pub(super) struct Permit(#[allow(dead_code, reason = "held until dropped")] OwnedSemaphorePermit);

/// A connection's place; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: Permit,
    active: Arc<AtomicUsize>,
    pub(crate) class: Class,
}

/// What a connection may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Everything.
    Normal,
    /// Health and metrics; 503 for the rest, and then it ends.
    Reserve,
}

/// The longest that a connection of the reserve may keep it waiting: the reserve is small.
const RESERVE_PATIENCE: Duration = Duration::from_secs(1);

impl Class {
    /// How long a client may take, where it usually is `usual`.
    pub(super) fn at_most(self, usual: Duration) -> Duration {
        match self {
            Self::Normal => usual,
            Self::Reserve => usual.min(RESERVE_PATIENCE),
        }
    }
}

impl Admission {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(limit + RESERVE)),
            active: Arc::default(),
            limit,
            rejected: AtomicU64::new(0),
        }
    }

    /// The right to one more connection, when there is one.
    pub(super) async fn permit(&self) -> Option<Permit> {
        Arc::clone(&self.permits).acquire_owned().await.ok().map(Permit)
    }

    /// The right to one more connection, if there is one.
    pub(super) fn try_permit(&self) -> Option<Permit> {
        Arc::clone(&self.permits).try_acquire_owned().ok().map(Permit)
    }

    /// The place of a connection that has come.
    pub(super) fn enter(&self, permit: Permit) -> Place {
        let before = self.active.fetch_add(1, Relaxed);
        let class = if before < self.limit { Class::Normal } else { Class::Reserve };
        Place { _permit: permit, active: Arc::clone(&self.active), class }
    }

    /// How many connections are open.
    pub(crate) fn active(&self) -> usize {
        self.active.load(Relaxed)
    }

    /// How many connections may be open before the reserve begins.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Waits until no connection is open.
    pub(crate) async fn empty(&self) {
        let all = u32::try_from(self.limit + RESERVE).unwrap_or(u32::MAX);
        let _ = self.permits.acquire_many(all).await;
    }

    /// A connection of the reserve was told to come back.
    pub(crate) fn reject(&self) {
        self.rejected.fetch_add(1, Relaxed);
    }

    /// How many were told to come back.
    pub(crate) fn rejected(&self) -> u64 {
        self.rejected.load(Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.active.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn past_the_limit_comes_the_reserve_and_past_that_nobody() {
        let admission = Admission::new(2);
        let enter = || admission.try_permit().map(|permit| admission.enter(permit));
        let mut places: Vec<Place> = (0..2 + RESERVE).filter_map(|_| enter()).collect();
        let classes: Vec<Class> = places.iter().map(|place| place.class).collect();
        assert_eq!(classes[..3], [Class::Normal, Class::Normal, Class::Reserve]);
        assert_eq!((classes.len(), admission.active()), (2 + RESERVE, 2 + RESERVE));
        assert!(enter().is_none());
        places.truncate(1);
        let permit = admission.permit().await.unwrap();
        assert_eq!(admission.active(), 1, "a permit is not a connection yet");
        places.push(admission.enter(permit));
        assert_eq!(places[1].class, Class::Normal);
        places.clear();
        admission.empty().await;
    }
}
