//! How many connections there may be. Past the limit a small reserve still answers those who watch
//! the service, and tells everyone else to come back; past the reserve the kernel's queue waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections past the limit that still get health and metrics.
pub(crate) const RESERVE: usize = 64;

/// Counts connections in and out.
#[derive(Debug)]
pub(crate) struct Admission {
    places: Arc<Semaphore>,
    limit: usize,
    rejected: AtomicU64,
}

/// A connection's place; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
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

impl Admission {
    pub(crate) fn new(limit: usize) -> Self {
        let places = Arc::new(Semaphore::new(limit + RESERVE));
        Self { places, limit, rejected: AtomicU64::new(0) }
    }

    /// A place for the next connection, when there is one.
    pub(crate) async fn enter(&self) -> Option<Place> {
        let permit = Arc::clone(&self.places).acquire_owned().await.ok()?;
        Some(self.place(permit))
    }

    /// A place for the next connection, if there is one.
    pub(crate) fn try_enter(&self) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(self.place(permit))
    }

    fn place(&self, permit: OwnedSemaphorePermit) -> Place {
        let is_past_limit = self.active() > self.limit as u64;
        let class = if is_past_limit { Class::Reserve } else { Class::Normal };
        Place { _permit: permit, class }
    }

    /// How many connections are open.
    pub(crate) fn active(&self) -> u64 {
        (self.limit + RESERVE).saturating_sub(self.places.available_permits()) as u64
    }

    /// Waits until no connection is open.
    pub(crate) async fn empty(&self) {
        let all = u32::try_from(self.limit + RESERVE).unwrap_or(u32::MAX);
        let _ = self.places.acquire_many(all).await;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn past_the_limit_comes_the_reserve_and_past_that_nobody() {
        let admission = Admission::new(2);
        let mut places: Vec<Place> =
            (0..2 + RESERVE).filter_map(|_| admission.try_enter()).collect();
        let classes: Vec<Class> = places.iter().map(|place| place.class).collect();
        assert_eq!(classes[..3], [Class::Normal, Class::Normal, Class::Reserve]);
        assert_eq!(classes.len(), 2 + RESERVE);
        assert!(admission.try_enter().is_none());
        assert_eq!(admission.active(), 66);
        places.truncate(1);
        assert_eq!(admission.enter().await.unwrap().class, Class::Normal);
        places.clear();
        admission.empty().await;
    }
}
