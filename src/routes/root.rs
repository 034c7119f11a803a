//! `GET /`: what is running here, for someone who opens the address: a page for a browser, JSON for
//! all others.

mod page;

use std::sync::Arc;
use std::time::SystemTime;

use hyper::HeaderMap;
use hyper::header::{ACCEPT, CACHE_CONTROL, HeaderValue, VARY};
use serde::Serialize;

use super::Show;
use super::health::Ready;
use crate::health::HealthReport;
use crate::identity::{Identity, TARGET};
use crate::metrics::{Durations, HttpMetrics};
use crate::negotiation::preference;
use crate::request::Request;
use crate::response;
use crate::router::HandlerResult;
use crate::server::Admission;
use crate::telemetry::{Levels, rfc3339};

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
    log_level: String,
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

/// What is running here.
pub(crate) struct Root {
    pub(crate) identity: Identity,
    pub(crate) revision: Option<String>,
    pub(crate) pod_name: Option<String>,
    pub(crate) node_name: Option<String>,
    pub(crate) levels: Levels,
    pub(crate) ready: Ready,
    pub(crate) metrics: Arc<HttpMetrics>,
    pub(crate) admission: Arc<Admission>,
}

impl Show for Root {
    fn show(&self, request: &Request) -> HandlerResult {
        let mut response = if prefers_html(request.headers()) {
            page::response()
        } else {
            response::json(&self.overview())?
        };
        let headers = response.headers_mut();
        headers.insert(VARY, HeaderValue::from_name(ACCEPT));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Ok(response)
    }
}

/// A browser names `text/html`; a client that takes anything, or says nothing, gets JSON.
fn prefers_html(headers: &HeaderMap) -> bool {
    preference(headers, "text/html").weight > preference(headers, "application/json").weight
}

impl Root {
    fn overview(&self) -> Overview<'_> {
        let health = self.ready.report();
        let uptime = self.ready.health.started().elapsed();
        let (total, server_errors) = self.metrics.totals();
        Overview {
            name: self.identity.name,
            version: self.identity.version,
            target: TARGET,
            revision: self.revision.as_deref(),
            pod: self.pod_name.as_deref(),
            node: self.node_name.as_deref(),
            started_at: rfc3339(
                SystemTime::now().checked_sub(uptime).unwrap_or(SystemTime::UNIX_EPOCH),
            ),
            uptime_seconds: uptime.as_secs(),
            log_level: self.levels.now(),
            is_ready: health.status.is_ready(),
            health,
            requests: Requests {
                total,
                server_errors,
                in_flight: self.metrics.in_flight(),
                duration_seconds: self.metrics.durations(),
            },
            connections: self.admission.active(),
        }
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
