//! The states of a dependency and of the service, and how one follows from the other.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::settings::Value;

/// A dependency that answers within this is healthy.
pub(super) const HEALTHY_WITHIN: Duration = Duration::from_millis(100);

/// A dependency that answers within this is degraded; one that takes longer is unhealthy.
pub(super) const DEGRADED_WITHIN: Duration = Duration::from_secs(1);

/// A result older than this says nothing any more, and counts as unhealthy.
pub(super) const STALE_AFTER: Duration = Duration::from_secs(30);

/// How a dependency is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Has not answered yet, and has time left for it.
    Starting,
    /// Answers within 100 ms.
    Healthy,
    /// Answers within 1 s.
    Degraded,
    /// Does not answer, refuses, or takes too long.
    Unhealthy,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Status::from(*self).as_str())
    }
}

/// How the service is: what readiness reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// A critical dependency has not answered yet.
    Starting,
    /// All is well.
    Healthy,
    /// Serves, but something is slow or an important dependency is down.
    Degraded,
    /// A critical dependency is down.
    Unhealthy,
    /// Was told to stop; finishes what is in flight.
    Draining,
}

impl Status {
    /// Every status, for the metric that has one series for each.
    pub const ALL: [Self; 5] =
        [Self::Starting, Self::Healthy, Self::Degraded, Self::Unhealthy, Self::Draining];

    /// The status in words, as in JSON and in the metric's label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Draining => "draining",
        }
    }

    /// Whether new requests should be sent here.
    pub const fn is_ready(self) -> bool {
        matches!(self, Self::Healthy | Self::Degraded)
    }
}

impl From<State> for Status {
    fn from(state: State) -> Self {
        match state {
            State::Starting => Self::Starting,
            State::Healthy => Self::Healthy,
            State::Degraded => Self::Degraded,
            State::Unhealthy => Self::Unhealthy,
        }
    }
}

/// What a dependency's absence means for the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Criticality {
    /// The service cannot serve without it: down makes it unhealthy.
    Critical,
    /// The service serves less without it: down makes it degraded.
    Important,
    /// The service serves all the same: down is only noted.
    Optional,
}

impl Criticality {
    /// The criticality in words, as in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Important => "important",
            Self::Optional => "optional",
        }
    }
}

impl Value for Criticality {
    const EXPECTED: &'static str = "critical, important or optional";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        [Self::Critical, Self::Important, Self::Optional]
            .into_iter()
            .find(|criticality| criticality.as_str() == text)
            .ok_or(None)
    }

    fn show(&self) -> String {
        self.as_str().to_owned()
    }
}

/// The service's status, of its dependencies'. Only a critical one can keep a service from being
/// ready, so only a critical one holds it in `starting`.
pub(super) fn overall(dependencies: impl IntoIterator<Item = (Criticality, State)>) -> Status {
    let mut worst = State::Healthy;
    let mut is_starting = false;
    for (criticality, state) in dependencies {
        let counts_as = match (criticality, state) {
            (Criticality::Critical, State::Starting) => {
                is_starting = true;
                State::Healthy
            }
            (Criticality::Critical, state) => state,
            (Criticality::Important, State::Degraded | State::Unhealthy) => State::Degraded,
            (Criticality::Important | Criticality::Optional, _) => State::Healthy,
        };
        worst = worst.max(counts_as);
    }
    match worst {
        State::Unhealthy => Status::Unhealthy,
        _ if is_starting => Status::Starting,
        state => state.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::Criticality::{Critical, Important, Optional};
    use super::State::{Degraded, Healthy, Starting, Unhealthy};
    use super::*;

    #[test]
    fn the_service_is_as_well_as_what_it_cannot_do_without() {
        for (dependencies, status) in [
            (&[] as &[_], Status::Healthy),
            (&[(Critical, Healthy), (Important, Healthy)], Status::Healthy),
            (&[(Critical, Unhealthy)], Status::Unhealthy),
            (&[(Critical, Degraded)], Status::Degraded),
            (&[(Critical, Starting)], Status::Starting),
            (&[(Critical, Starting), (Critical, Unhealthy)], Status::Unhealthy),
            (&[(Critical, Starting), (Important, Unhealthy)], Status::Starting),
            (&[(Important, Unhealthy)], Status::Degraded),
            (&[(Important, Degraded)], Status::Degraded),
            (&[(Important, Starting)], Status::Healthy),
            (&[(Optional, Unhealthy), (Optional, Starting)], Status::Healthy),
            (&[(Important, Unhealthy), (Critical, Unhealthy)], Status::Unhealthy),
        ] {
            assert_eq!(overall(dependencies.iter().copied()), status, "{dependencies:?}");
        }
    }

    #[test]
    fn only_healthy_and_degraded_are_ready() {
        let ready: Vec<_> = Status::ALL.into_iter().filter(|status| status.is_ready()).collect();
        assert_eq!(ready, [Status::Healthy, Status::Degraded]);
    }
}
