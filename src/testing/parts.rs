//! What a service's state may hold, made by a test.

use crate::lifecycle::{Drain, Lifecycle, Phase};
use crate::settings::Watched;

/// A drain that a test begins.
///
/// ```
/// use pcf_api::testing;
///
/// let end = testing::drain();
/// let drain = end.drain(); // for the state of the handlers
/// end.begin();
/// assert!(drain.has_begun());
/// end.close();
/// ```
#[derive(Debug)]
pub struct TestDrain(Lifecycle);

/// A drain that has not begun.
pub fn drain() -> TestDrain {
    TestDrain(Lifecycle::new())
}

impl TestDrain {
    /// What the service's own code is given.
    pub fn drain(&self) -> Drain {
        self.0.drain()
    }

    /// The service is told to stop.
    pub fn begin(&self) {
        self.0.advance(Phase::Draining);
    }

    /// The delay is over.
    pub fn close(&self) {
        self.0.advance(Phase::Closing);
    }
}

/// A secret that does not change.
pub fn watched(secret: &str) -> Watched {
    Watched::fixed(secret)
}
