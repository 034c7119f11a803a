//! The route table. A route of your own is an async function and one line here; limits, timeouts,
//! metrics, log lines, trace ids and error envelopes come by themselves.

mod health;
mod metrics;
mod root;
mod version;

use crate::router::Routes;

/// The routes of the service.
pub fn routes() -> Routes {
    Routes::new()
        .get("/", root::show)
        .get("/version", version::show)
        .probe("/health", health::live)
        .probe("/health/ready", health::ready)
        .probe("/metrics", metrics::scrape)
    // Yours: .get("/hello/{name}", hello::greet)
}
