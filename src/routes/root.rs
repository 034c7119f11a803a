//! `GET /`: what is running here, for someone who opens the address: a page for a browser, JSON for
//! all others.

mod accept;
mod page;

use std::time::SystemTime;

use hyper::header::{ACCEPT, CACHE_CONTROL, HeaderValue, VARY};
use serde::Serialize;

use crate::app::{App, TARGET, VERSION};
use crate::health::HealthReport;
use crate::metrics::{Durations, HttpSeries};
use crate::request::Request;
use crate::response;
use crate::router::HandlerResult;
use crate::telemetry::rfc3339;

#[derive(Serialize)]
struct Overview<'a> {
    name: &'static str,
    version: &'static str,
    target: &'static str,
    revision: Option<&'a str>,
    pod: Option<&'a str>,
    node: Option<&'a str>,
    started_at: String,
    uptime_seconds: u64,
    is_ready: bool,
    health: HealthReport,
    requests: Requests,
    connections: usize,
}

#[derive(Serialize)]
struct Requests {
    total: u64,
    server_errors: u64,
    in_flight: u64,
    duration_seconds: Durations,
}

pub(super) async fn show(request: Request) -> HandlerResult {
    let mut response = if accept::prefers_html(request.headers()) {
        page::response()
    } else {
        response::json(&overview(request.app()))?
    };
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_name(ACCEPT));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

fn overview(app: &App) -> Overview<'_> {
    let health = app.health.report(app.lifecycle.is_draining());
    let uptime = app.health.started().elapsed();
    let (total, server_errors) = HttpSeries::totals(&app.shards);
    Overview {
        name: env!("CARGO_PKG_NAME"),
        version: VERSION,
        target: TARGET,
        revision: app.config.revision.as_deref(),
        pod: app.config.pod_name.as_deref(),
        node: app.config.node_name.as_deref(),
        started_at: rfc3339(
            SystemTime::now().checked_sub(uptime).unwrap_or(SystemTime::UNIX_EPOCH),
        ),
        uptime_seconds: uptime.as_secs(),
        is_ready: health.status.is_ready(),
        health,
        requests: Requests {
            total,
            server_errors,
            in_flight: app.in_flight(),
            duration_seconds: HttpSeries::durations(&app.shards),
        },
        connections: app.admission.active(),
    }
}
