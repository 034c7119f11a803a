//! How many connections there may be. Past the limit the one that has waited the longest for its
//! client makes room; where none waits, a small reserve still answers those who watch the service,
//! and tells everyone else to come back. Past the reserve the kernel's queue waits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use crate::bounds::{Kind, STALLED_AFTER};
use crate::layers::Layers;

/// Connections past the limit that still get health and metrics.
pub(crate) const RESERVE: usize = 64;

/// How long one of the reserve may at least take to say what it wants.
const RESERVE_GRACE: Duration = Duration::from_millis(20);

/// How long one of the reserve waits for a place of its own.
const PROMOTED_WITHIN: Duration = Duration::from_millis(100);

/// The longest that a connection of the reserve may keep it waiting: the reserve is small.
pub(super) const RESERVE_PATIENCE: Duration = Duration::from_secs(1);

/// Gives places to connections.
#[derive(Debug)]
pub(crate) struct Admission {
    normal: Arc<Semaphore>,
    reserve: Arc<Semaphore>,
    limit: usize,
}

/// A connection's place; given back when it is dropped.
#[derive(Debug)]
pub(crate) enum Place {
    /// May ask for everything.
    Normal { _permit: OwnedSemaphorePermit },
    /// Health and metrics; 503 for the rest, and then it ends.
    Reserve { _permit: OwnedSemaphorePermit },
}

impl Place {
    pub(super) fn is_reserve(&self) -> bool {
        matches!(self, Self::Reserve { .. })
    }
}

impl Admission {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            normal: Arc::new(Semaphore::new(limit)),
            reserve: Arc::new(Semaphore::new(RESERVE)),
            limit,
        }
    }

    /// A place for a connection that has come, as soon as there is one.
    pub(super) async fn place(&self, layers: &Layers) -> Place {
        loop {
            if let Some(place) = self.try_place(layers) {
                return place;
            }
            layers.bounds.cut(&[Kind::Reserve], layers.now(), RESERVE_GRACE);
            tokio::select! {
                biased;
                Ok(permit) = Arc::clone(&self.normal).acquire_owned() => {
                    return Place::Normal { _permit: permit };
                }
                Ok(permit) = Arc::clone(&self.reserve).acquire_owned() => {
                    return Place::Reserve { _permit: permit };
                }
                () = sleep(RESERVE_GRACE) => {}
            }
        }
    }

    /// A place for a connection that has come, if there is one.
    pub(super) fn try_place(&self, layers: &Layers) -> Option<Place> {
        if let Ok(permit) = Arc::clone(&self.normal).try_acquire_owned() {
            return Some(Place::Normal { _permit: permit });
        }
        // The place is free in a moment; until then the reserve has the newcomer.
        let kinds = [Kind::Head, Kind::Lull, Kind::Idle, Kind::Stalled];
        layers.bounds.cut(&kinds, layers.now(), STALLED_AFTER);
        let permit = Arc::clone(&self.reserve).try_acquire_owned().ok()?;
        Some(Place::Reserve { _permit: permit })
    }

    /// Gives one of the reserve a place of its own, if there is one in a moment: the one that was to
    /// make room may still be on its way out.
    pub(super) async fn promote(&self, place: &mut Place) -> bool {
        match timeout(PROMOTED_WITHIN, Arc::clone(&self.normal).acquire_owned()).await {
            Ok(Ok(permit)) => {
                *place = Place::Normal { _permit: permit };
                true
            }
            _ => false,
        }
    }

    /// How many connections are open.
    pub(crate) fn active(&self) -> usize {
        (self.limit + RESERVE)
            .saturating_sub(self.normal.available_permits() + self.reserve.available_permits())
    }

    /// How many connections may be open before the reserve begins.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Waits until no connection is open.
    pub(super) async fn empty(&self) {
        let all = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let _normal = self.normal.acquire_many(all(self.limit)).await;
        let _reserve = self.reserve.acquire_many(all(RESERVE)).await;
    }
}
