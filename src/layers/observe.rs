//! What is counted and logged of a request, from its head to the last byte of its response.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::Method;
use tracing::{Level, debug, enabled, info};

use crate::body::{Body, BoxError};
use crate::metrics::{HttpSeries, SeriesId};
use crate::response::Response;
use crate::router::{Found, method_label};
use crate::server::Connection;
use crate::telemetry::ACCESS;
use crate::trace::{self, TraceContext};

/// The status of a request that got no answer, for its client left or the drain cut it: nginx's number
/// for the former.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// The route of a request that no route took.
const NO_ROUTE: &str = "none";

/// A request and its response. It is counted and logged when it is dropped, however it ends: sent
/// whole, cut by the client, or given up by the server.
pub(super) struct Exchange {
    connection: Arc<Connection>,
    method: &'static str,
    route: &'static str,
    series: SeriesId,
    is_probe: bool,
    started: u64,
    trace: TraceContext,
    status: u16,
    bytes: u64,
}

impl Exchange {
    pub(super) fn begin(
        connection: &Arc<Connection>,
        method: &Method,
        found: &Found<'_>,
        trace: TraceContext,
    ) -> Self {
        let (route, series, is_probe) = match found {
            Found::Endpoint(endpoint, _) => (endpoint.pattern, endpoint.series, endpoint.is_probe),
            _ => (NO_ROUTE, HttpSeries::of_no_route(method), false),
        };
        let started = connection.now();
        connection.shard().start();
        connection.flow().begin_request(started);
        Self {
            connection: Arc::clone(connection),
            method: method_label(method),
            route,
            series,
            is_probe,
            started,
            trace,
            status: CLIENT_CLOSED_REQUEST,
            bytes: 0,
        }
    }

    /// How much of the request's time is left.
    pub(super) fn time_left(&self) -> Duration {
        let limit = self.connection.app().config.server.request_timeout;
        limit.saturating_sub(self.connection.elapsed(self.started))
    }

    /// The service has done its part for now.
    pub(super) fn progress(&self) {
        self.connection.flow().progress(self.connection.now());
    }

    /// Goes on with the response's body.
    pub(super) fn observe(mut self, response: Response) -> hyper::Response<Observed> {
        self.status = response.status().as_u16();
        response.map(|body| Observed { body, exchange: self, is_source_pending: false })
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let connection = &self.connection;
        let now = connection.now();
        connection.flow().end_request(now);
        let took = Duration::from_nanos(now.saturating_sub(self.started));
        connection.shard().finish(&connection.app().series, self.series, self.status, took);
        // Probes come every few seconds from many places; only their failures are news.
        let is_quiet = self.is_probe && self.status < 400;
        log(self.trace, is_quiet, self.method, self.route, self.status, took, self.bytes);
    }
}

/// The access line.
fn log(
    trace: TraceContext,
    is_quiet: bool,
    method: &str,
    route: &str,
    status: u16,
    took: Duration,
    bytes: u64,
) {
    let ms = || (took.as_secs_f64() * 1e6).round() / 1e3;
    if is_quiet {
        if enabled!(target: ACCESS, Level::DEBUG) {
            trace::within_now(trace, || {
                debug!(target: ACCESS, method, route, status, duration_ms = ms(), bytes, "request");
            });
        }
    } else if enabled!(target: ACCESS, Level::INFO) {
        trace::within_now(trace, || {
            info!(target: ACCESS, method, route, status, duration_ms = ms(), bytes, "request");
        });
    }
}

/// Counts and logs a message that never became a request: it was refused by the parser, or its head
/// did not arrive in time.
pub(crate) fn refused(connection: &Connection, trace: TraceContext, status: u16, since: u64) {
    let app = connection.app();
    let took = connection.elapsed(since);
    connection.shard().start();
    connection.shard().finish(&app.series, HttpSeries::OF_UNKNOWN_METHOD, status, took);
    log(trace, false, "other", NO_ROUTE, status, took, 0);
}

/// The body of a response on its way to the client.
pub(crate) struct Observed {
    body: Body,
    exchange: Exchange,
    is_source_pending: bool,
}

impl Observed {
    /// A stream is the handler's code: it may panic, fail, log, and keep the client waiting.
    fn poll_stream(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let trace = self.exchange.trace;
        let poll = AssertUnwindSafe(|| {
            trace::within_now(trace, || Pin::new(&mut self.body).poll_frame(context))
        });
        let frame = catch_unwind(poll).unwrap_or_else(|_| {
            self.exchange.connection.shard().panicked();
            Poll::Ready(Some(Err("the response's body panicked".into())))
        });
        if let Poll::Ready(Some(Err(error))) = &frame {
            trace::within_now(trace, || tracing::error!(%error, "the response's body broke off"));
        }
        self.set_source_pending(frame.is_pending());
        self.exchange.progress();
        frame
    }

    /// Tells the connection whether it is the service that is waited for, or the client.
    fn set_source_pending(&mut self, is_pending: bool) {
        if self.is_source_pending != is_pending {
            self.is_source_pending = is_pending;
            self.exchange.connection.flow().set_source_pending(is_pending);
        }
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        self.set_source_pending(false);
    }
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = if self.body.is_stream() {
            self.poll_stream(context)
        } else {
            let frame = Pin::new(&mut self.body).poll_frame(context);
            // A body in one piece is there at once: no look at the clock.
            if self.exchange.bytes > 0 || !self.body.is_end_stream() {
                self.exchange.progress();
            }
            frame
        };
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            self.exchange.bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
