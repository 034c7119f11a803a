//! `GET /health` and `GET /health/ready`: liveness and readiness.
//!
//! Liveness asks whether this process should be restarted: it depends on no dependency and stays
//! well while draining. Readiness asks whether requests should be sent here; it reads what the
//! checkers left and waits for nothing.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER};

use super::Show;
use crate::code::Code;
use crate::error::Error;
use crate::health::{Health, HealthReport};
use crate::lifecycle::Lifecycle;
use crate::request::Request;
use crate::response;
use crate::router::HandlerResult;
use crate::server::Pulse;

/// When to ask again, in seconds: states change with the checks, at most one a second.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// Whether this process should be restarted.
#[derive(Clone)]
pub(crate) struct Live(pub(crate) Arc<Pulse>);

impl Show for Live {
    fn show(&self, _: &Request) -> HandlerResult {
        if self.0.is_stuck() {
            return Err(Error::new(
                Code::SERVICE_UNAVAILABLE,
                "every worker has been busy with one task for too long",
            ));
        }
        Ok(response::text("OK"))
    }
}

/// Whether requests should be sent here.
#[derive(Clone)]
pub(crate) struct Ready {
    pub(crate) health: Arc<Health>,
    pub(crate) lifecycle: Arc<Lifecycle>,
}

impl Ready {
    /// What readiness reports.
    pub(super) fn report(&self) -> HealthReport {
        self.health.report(self.lifecycle.is_draining())
    }
}

impl Show for Ready {
    fn show(&self, _: &Request) -> HandlerResult {
        let report = self.report();
        let is_ready = report.status.is_ready();
        let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let mut response = response::json_with(status, &report)?;
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if !is_ready {
            headers.insert(RETRY_AFTER, RETRY_SECONDS);
        }
        Ok(response)
    }
}
