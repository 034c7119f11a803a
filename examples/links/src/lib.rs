//! A link shortener on PostgreSQL: a service of one's own, made of pcf-api. The way there, step by
//! step: docs/your-service.md.
//!
//! | file | what is there |
//! | --- | --- |
//! | `settings.rs`, `metrics.rs` | what can be set, what is counted |
//! | `start.rs` | what is made at the start, runs beside the routes, and is closed at the end |
//! | `store.rs` | every question to the database |
//! | `error.rs` | everything that can go wrong, and what clients get of it |
//! | `key.rs` | the layer around what changes links |
//! | `routes.rs`, and a file each in `routes/` | the handlers |

#![forbid(unsafe_code)]

mod error;
mod key;
mod metrics;
mod routes;
mod settings;
mod start;
mod store;

use pcf_api::{Builder, DATABASE_URL, Service};

pub use error::LinkError;
pub use routes::routes;
pub use start::Links;

/// All of the service but its routes, so that a test can add one of its own.
pub fn builder() -> Builder<Links> {
    pcf_api::service!()
        .settings(&settings::ALL)
        .require(&[&DATABASE_URL])
        .metrics(&[&metrics::CREATED, &metrics::VISITS, &metrics::LOOK])
        .start(start::start)
}

/// The service.
pub fn service() -> Service {
    builder().routes(routes)
}
