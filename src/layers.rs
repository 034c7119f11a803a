//! The way of a request, as one list. Before it: accept → admission → protocol (see [`crate::server`]).

mod exchange;
mod flow;
mod limits;
mod observe;
mod panics;
mod refused;
mod timeout;
mod traced;

use std::convert::Infallible;
use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, StatusCode, Version};

use crate::body::Body;
use crate::bounds::{Bounds, Reason};
use crate::code::Code;
use crate::error::Error;
use crate::lifecycle::Lifecycle;
use crate::metrics::HttpMetrics;
use crate::otlp::Spans;
use crate::request::Request;
use crate::response::{self, Response};
use crate::router::{BoxedFuture, Found, HandlerFn, HandlerResult, Router, other_method};
use crate::trace::{TRACEPARENT, TraceContext, X_REQUEST_ID};
use crate::upload::Upload;

use exchange::Exchange;
pub(crate) use exchange::Progress;
pub(crate) use flow::Flow;
pub(crate) use limits::Limits;
pub(crate) use observe::Observed;
pub(crate) use refused::{Refused, refuse};

/// What the server as a whole can do: RFC 9110, 9.3.7.
const ALL_METHODS: HeaderValue =
    HeaderValue::from_static("DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");

/// What the layers need, the same for every request. Made once.
#[derive(Debug)]
pub(crate) struct Layers {
    pub(crate) router: Router,
    pub(crate) metrics: Arc<HttpMetrics>,
    pub(crate) limits: Limits,
    pub(crate) bounds: Arc<Bounds>,
    pub(crate) lifecycle: Arc<Lifecycle>,
    /// Where spans go, if they go anywhere.
    pub(crate) spans: Option<Spans>,
    /// What every moment is counted from.
    pub(crate) epoch: Instant,
}

impl Layers {
    /// Now, as nanoseconds since the service's epoch.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX - 1)
    }
}

/// Answers a request. It always answers: whatever goes wrong below becomes a response.
///
/// What can be done at once is done before the future is made: the future then holds little, and
/// there is one in the memory of each connection.
pub(crate) fn answer(
    flow: Arc<Flow>,
    request: hyper::Request<Incoming>,
) -> impl Future<Output = Result<hyper::Response<Observed>, Infallible>> + Send {
    let layers = &flow.layers;
    let target = request.uri().path_and_query().cloned();
    let (is_head, version) = (request.method() == Method::HEAD, request.version());
    let found = layers.router.find(request.method(), path_of(target.as_ref()));
    let scope = traced::scope(&flow, &request, &found);
    let mut exchange = Exchange::begin(&flow, request.method(), version, &found, scope);
    let (max_body_bytes, limit) = layers.limits.of(&found);
    let request = Request::new(request, max_body_bytes, flow.share.hold());
    #[cfg(feature = "tls")]
    let request = request.with_client_certificate(flow.client());
    let upload = request.upload();
    let work = dispatch(&mut exchange, request, max_body_bytes, found);

    // From the inside out: each line is a layer around the ones above it. Pinned where they are,
    // since a future that is given on by value is copied at each layer.
    async move {
        let layers = &flow.layers;
        let result = {
            let work = pin!(timeout::within(&exchange, limit, upload.as_deref(), work));
            let work = pin!(panics::caught(&layers.metrics, work));
            exchange.scope().clone().around(work).await
        };
        let path = path_of(target.as_ref());
        let mut response = envelope(&mut exchange, path, upload.as_deref(), result);
        let is_unread = upload.is_some_and(|upload| !upload.has_ended());
        if is_unread {
            flow.leave_unread();
        }
        let is_last = is_unread || flow.is_closing();
        finish(&mut response, is_last, is_head, version, exchange.scope().context());
        Ok(observe::observe(exchange, response))
    }
}

/// The innermost: admission, limits, route, handler.
fn dispatch(
    exchange: &mut Exchange,
    request: Request,
    max_body_bytes: usize,
    found: Found<'_>,
) -> BoxedFuture {
    let flow = Arc::clone(exchange.flow());
    let layers = &flow.layers;
    match admit(&flow, &found)
        .and_then(|()| limits::check(&layers.limits, max_body_bytes, &request))
    {
        Ok(head) => exchange.hold_head(head),
        Err(error) => {
            exchange.hold_head(0);
            return Box::pin(ready(Err(error)));
        }
    }
    let call = |handler: &HandlerFn, request: Request| {
        let scope = exchange.scope();
        panics::caught_now(&layers.metrics, || scope.within(|| handler(request)))
    };
    let result = match found {
        Found::Endpoint(endpoint, params) => {
            return call(&endpoint.handler, request.with_params(params));
        }
        Found::Layered(endpoint) => return call(&endpoint.handler, request),
        Found::OtherMethods(allow) => other_method(request.method(), allow),
        Found::Nothing if request.method() == Method::OPTIONS && request.uri().path() == "*" => {
            other_method(&Method::OPTIONS, &ALL_METHODS)
        }
        Found::Nothing => Err(Error::new(Code::NOT_FOUND, "there is nothing at this path")),
    };
    Box::pin(ready(result))
}

/// Refuses what the service cannot take now. Those who watch it are always answered.
fn admit(flow: &Flow, found: &Found<'_>) -> Result<(), Error> {
    let bounds = &flow.layers.bounds;
    if matches!(found, Found::Endpoint(endpoint, _) if endpoint.is_probe) {
        return Ok(());
    }
    if flow.is_reserve() {
        if flow.reject() {
            bounds.reject();
        }
        return Err(Error::shed(Reason::Connections));
    }
    let in_flight = usize::try_from(flow.in_flight()).unwrap_or(usize::MAX);
    bounds.admit(in_flight, || flow.now()).map_err(Error::shed)?;
    if flow.share.is_greedy() {
        // It may not even take that answer: then the next one is its last.
        if bounds.account.is_full() {
            flow.condemn();
        }
        return Err(Error::shed(Reason::BufferedBytes));
    }
    Ok(())
}

fn path_of(target: Option<&PathAndQuery>) -> &str {
    target.map_or("", PathAndQuery::path)
}

/// Errors become the one envelope, and what was shed is counted.
fn envelope(
    exchange: &mut Exchange,
    path: &str,
    upload: Option<&Upload>,
    result: HandlerResult,
) -> Response {
    let scope = exchange.scope().clone();
    let answer = |error: &Error| {
        let trace_id = scope.context().trace_id();
        scope.within(|| response::of_error(error, trace_id, Some(path)))
    };
    let mut response = match result {
        Err(error) => answer(&error),
        Ok(response) => match upload.and_then(Upload::failure) {
            // Whoever was given the body could not know what its failure means: 413, or 503.
            Some(error) if response.status().as_u16() >= 400 => {
                response::with_headers_of(answer(&error), &response)
            }
            _ => response,
        },
    };
    // Behind layers an error has become a response already.
    if let Some(reason) = response.extensions_mut().remove::<Reason>() {
        exchange.shed(reason);
    }
    response
}

/// What every response has: the trace's ids, the end of the connection where it ends, and no body
/// where HEAD was asked.
fn finish(
    response: &mut Response,
    is_last: bool,
    is_head: bool,
    version: Version,
    context: TraceContext,
) {
    let (traceparent, request_id) = context.header_values();
    let size = match response.status() {
        // RFC 9110, 8.6: a 204 has no such field, and in a 304 it would be the size of what has not
        // changed, which is not known here.
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => None,
        _ => response.body().exact_size(),
    };
    let headers = response.headers_mut();
    headers.insert(TRACEPARENT, traceparent);
    headers.insert(X_REQUEST_ID, request_id);
    // HTTP/2 has no such field; there GOAWAY says it (see `server::h2`).
    if version < Version::HTTP_2 && is_last {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if !is_head && size.is_some() && headers.keys().any(|name| name == CONTENT_LENGTH) {
        // hyper writes the true one; a handler's wrong one would put the connection out of step.
        headers.remove(CONTENT_LENGTH);
    }
    if is_head {
        if let Some(size) = size.filter(|_| !headers.contains_key(CONTENT_LENGTH)) {
            headers.insert(CONTENT_LENGTH, size.into());
        }
        *response.body_mut() = Body::empty();
    }
}
