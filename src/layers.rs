//! The way of a request, as one list. Before it: accept → admission → protocol (see [`crate::server`]).

mod limits;
mod observe;
mod panics;
mod timeout;

use std::convert::Infallible;
use std::future::ready;
use std::pin::{Pin, pin};
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, StatusCode, Version};

use crate::body::Body;
use crate::error::{Code, Error};
use crate::request::Request;
use crate::response::{self, Response};
use crate::router::{BoxedFuture, Found, HandlerResult};
use crate::server::Connection;
use crate::trace::{self, TRACEPARENT, TraceContext};

use observe::Exchange;
pub(crate) use observe::{Observed, refused};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers a request. It always answers: whatever goes wrong below becomes a response.
///
/// What can be done at once is done before the future is made: the future then holds little, and
/// there is one in the memory of each connection.
pub(crate) fn answer(
    connection: Arc<Connection>,
    request: hyper::Request<Incoming>,
) -> impl Future<Output = Result<hyper::Response<Observed>, Infallible>> + Send {
    let context = TraceContext::of(request.headers());
    let target = request.uri().path_and_query().cloned();
    let (is_head, version) = (request.method() == Method::HEAD, request.version());
    let found = connection.app().router.find(request.method(), path_of(target.as_ref()));
    let exchange = Exchange::begin(&connection, request.method(), &found, context);
    let request = Request::new(request, Arc::clone(&connection));
    let upload = request.upload();
    let work = dispatch(&connection, request, found, context);

    // From the inside out: each line is a layer around the ones above it. Pinned where they are,
    // since a future that is given on by value is copied at each layer.
    async move {
        let mut response = {
            let work = pin!(timeout::within(&exchange, upload.as_deref(), work));
            let work = pin!(panics::caught(connection.shard(), work));
            let work = pin!(envelope(context, path_of(target.as_ref()), work));
            trace::within(context, work).await
        };
        let is_unread = upload.is_some_and(|upload| !upload.has_ended());
        if is_unread {
            connection.flow().leave_unread();
        }
        let is_last = is_unread || connection.is_closing();
        finish(&mut response, is_last, is_head, version, context);
        Ok(exchange.observe(response))
    }
}

/// The innermost: admission, limits, route, handler.
fn dispatch(
    connection: &Connection,
    request: Request,
    found: Found<'_>,
    context: TraceContext,
) -> BoxedFuture {
    let config = &connection.app().config.server;
    if let Err(error) = connection.admit(&found).and_then(|()| limits::check(config, &request)) {
        return Box::pin(ready(Err(error)));
    }
    let is_options = request.method() == Method::OPTIONS;
    let result = match found {
        Found::Endpoint(endpoint, params) => {
            return panics::caught_now(connection.shard(), || {
                trace::within_now(context, || (endpoint.handler)(request.with_params(params)))
            });
        }
        Found::OtherMethods(allow) if is_options => Ok(options(allow.clone())),
        Found::OtherMethods(allow) => {
            let message = "this path is there, but not for this method";
            Err(Error::new(Code::MethodNotAllowed, message).with_header(ALLOW, allow.clone()))
        }
        Found::Nothing if is_options && request.uri().path() == "*" => {
            Ok(options(HeaderValue::from_static("DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT")))
        }
        Found::Nothing => Err(Error::new(Code::NotFound, "there is nothing at this path")),
    };
    Box::pin(ready(result))
}

fn path_of(target: Option<&PathAndQuery>) -> &str {
    target.map_or("", PathAndQuery::path)
}

/// RFC 9110, 9.3.7: what can be done here.
fn options(allow: HeaderValue) -> Response {
    let mut response = response::no_content();
    response.headers_mut().insert(ALLOW, allow);
    response
}

/// Errors become the one envelope.
async fn envelope(
    context: TraceContext,
    path: &str,
    work: Pin<&mut impl Future<Output = HandlerResult>>,
) -> Response {
    match work.await {
        Ok(response) => response,
        Err(error) => error.into_response(context.trace_id(), Some(path)),
    }
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
    if !is_head && size.is_some() {
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

/// The whole of a response that is written without hyper, to a client whose request's head never
/// became whole: RFC 9110, 15.5.9.
pub(crate) fn head_timeout_response(context: TraceContext) -> Vec<u8> {
    let error = Error::new(Code::RequestTimeout, "the request's head did not arrive in time");
    let json = error.to_json(context.trace_id(), None);
    let (traceparent, request_id) = context.header_values();
    let mut response = format!(
        "HTTP/1.1 {} Request Timeout\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         traceparent: {}\r\nx-request-id: {}\r\nconnection: close\r\n\r\n",
        StatusCode::REQUEST_TIMEOUT.as_u16(),
        json.len(),
        traceparent.to_str().unwrap_or_default(),
        request_id.to_str().unwrap_or_default(),
    )
    .into_bytes();
    response.extend_from_slice(&json);
    response
}
