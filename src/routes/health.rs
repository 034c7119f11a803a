//! `GET /health` and `GET /health/ready`: liveness and readiness.
//!
//! Liveness asks whether this process should be restarted: it depends on no dependency and stays
//! well while draining. Readiness asks whether requests should be sent here; it reads what the
//! checkers left and waits for nothing.

use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER};

use crate::error::{Code, Error};
use crate::request::Request;
use crate::response;
use crate::router::HandlerResult;

/// When to ask again, in seconds: states change with the checks, at most one a second.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("1");

pub(super) async fn live(request: Request) -> HandlerResult {
    match request.app().watchdog.stalled_worker() {
        None => Ok(response::text("OK")),
        Some(worker) => Err(Error::new(
            Code::ServiceUnavailable,
            format!("worker {worker} has been busy with one task for too long"),
        )),
    }
}

pub(super) async fn ready(request: Request) -> HandlerResult {
    let app = request.app();
    let report = app.health.report(app.lifecycle.is_draining());
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
