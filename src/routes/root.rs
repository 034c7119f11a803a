//! `GET /`: what is running here, for someone who opens the address.

use std::time::SystemTime;

use serde::Serialize;

use crate::app::{App, TARGET, VERSION};
use crate::health::HealthReport;
use crate::metrics::HttpSeries;
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
}

pub(super) async fn show(request: Request) -> HandlerResult {
    response::json(&overview(request.app()))
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
        requests: Requests { total, server_errors, in_flight: app.in_flight() },
        connections: app.admission.active(),
    }
}
