//! Health as data. A checker per dependency runs in the background ([`checker`]) and leaves its
//! result here; whoever asks only reads, so an answer never waits for a dependency.
//!
//! Liveness is not here: it depends on no dependency (see `server::pulse`).

mod backoff;
mod checker;
mod probe;
mod reminder;
mod report;
mod security;
pub(crate) mod settings;
mod state;
mod target;

pub(crate) use checker::run as run_checks;
pub(crate) use report::{Check, Health, HealthReport, Subject};
pub use state::{Criticality, Status};
pub use target::TargetUrl;
