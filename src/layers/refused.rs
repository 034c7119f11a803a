//! A message that never becomes a request for the layers: what its client is told, and what is counted
//! and logged of it.

use std::fmt::Write;
use std::time::Duration;

use hyper::Method;
use hyper::header::HeaderValue;
use tracing::Level;

use super::Layers;
use super::exchange::log;
use crate::error::Error;
use crate::metrics::{HttpSeries, NO_ROUTE};
use crate::router::method_label;
use crate::trace::TraceContext;

/// What is known of it.
pub(crate) struct Refused {
    pub(crate) method: Option<Method>,
    pub(crate) path: Option<String>,
    pub(crate) trace: TraceContext,
}

impl Refused {
    /// Nothing is.
    pub(crate) fn unknown() -> Self {
        Self { method: None, path: None, trace: TraceContext::begin() }
    }

    /// The whole response, over HTTP/1.1.
    pub(crate) fn response(&self, error: &Error, is_kept: bool) -> Vec<u8> {
        let json = error.to_json(self.trace.trace_id(), self.path.as_deref());
        let status = error.code().status();
        let (traceparent, request_id) = self.trace.header_values();
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let mut response = format!(
            "HTTP/1.1 {} {}\r\ncontent-type: application/json\r\n\
             x-content-type-options: nosniff\r\ncontent-length: {}\r\n\
             traceparent: {}\r\nx-request-id: {}\r\n",
            status.as_u16(),
            status.canonical_reason().unwrap_or_default(),
            json.len(),
            text(&traceparent),
            text(&request_id),
        );
        for (name, value) in error.headers() {
            let _ = write!(response, "{name}: {}\r\n", text(value));
        }
        response.push_str(if is_kept { "\r\n" } else { "connection: close\r\n\r\n" });
        let mut response = response.into_bytes();
        if self.method != Some(Method::HEAD) {
            response.extend_from_slice(&json);
        }
        response
    }
}

/// Counts and logs it.
pub(crate) fn refuse(layers: &Layers, refused: &Refused, error: &Error, took: Duration) {
    let (series, method) = match &refused.method {
        Some(method) => (HttpSeries::of_no_route(method), method_label(method)),
        None => (HttpSeries::OF_UNKNOWN_METHOD, "other"),
    };
    let status = error.code().status().as_u16();
    layers.metrics.shard().start();
    layers.metrics.finish(series, status, took);
    // What is shed is told in sum.
    let level = if error.shed_reason().is_some() { Level::DEBUG } else { Level::INFO };
    log(&refused.trace.into(), level, method, NO_ROUTE, status, took, 0);
}
