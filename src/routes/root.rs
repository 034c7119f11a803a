//! `GET /`: what is running here, for someone who opens the address: a page for a browser, JSON for
//! all others.

mod page;

use std::time::SystemTime;

use hyper::HeaderMap;
use hyper::header::{ACCEPT, CACHE_CONTROL, HeaderValue, VARY};
use serde::Serialize;

use crate::app::{App, TARGET, VERSION};
use crate::health::HealthReport;
use crate::metrics::{Durations, HttpSeries};
use crate::negotiation::preference;
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
    let mut response = if prefers_html(request.headers()) {
        page::response()
    } else {
        response::json(&overview(request.app()))?
    };
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_name(ACCEPT));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// A browser names `text/html`; a client that takes anything, or says nothing, gets JSON.
fn prefers_html(headers: &HeaderMap) -> bool {
    preference(headers, "text/html").weight > preference(headers, "application/json").weight
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

#[cfg(test)]
mod tests {
    use super::*;

    fn html_for(accept: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        prefers_html(&headers)
    }

    #[test]
    fn browsers_get_the_page() {
        for accept in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
            "text/html, application/xhtml+xml, image/jxr, */*;q=0.5",
            "text/html",
            "text/*",
            "application/json;q=0.5, text/html;q=0.6",
            "*/*, application/json;q=0.1",
        ] {
            assert!(html_for(accept), "{accept}");
        }
    }

    #[test]
    fn everyone_else_gets_json() {
        for accept in [
            "*/*",
            "application/json",
            "application/json, text/html",
            "application/json, text/html;q=0.9",
            "text/html;q=0, */*",
            "text/html;q=0.3, application/*;q=0.4",
            "text/plain",
        ] {
            assert!(!html_for(accept), "{accept}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }
}
