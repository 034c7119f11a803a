//! Between handlers and `tower`: a handler as a service that layers can be put around, and a service
//! as a handler.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::Uri;
use hyper::http::uri::PathAndQuery;
use tower_service::Service;

use super::handler::{BoundHandler, HandlerFn};
use crate::body::{Body, BoxError};
use crate::error::Error;
use crate::request::Request;
use crate::response::{self, Response};
use crate::trace;
use crate::upload::RequestBody;

/// A route's handler as a `tower` service, for layers to be put around. It never fails: an error is
/// the response that the client gets. It is always ready.
#[derive(Clone)]
pub struct HandlerService(HandlerFn);

impl HandlerService {
    pub(super) fn new(handler: HandlerFn) -> Self {
        Self(handler)
    }
}

impl std::fmt::Debug for HandlerService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HandlerService")
    }
}

/// Whatever layers have made of the request's body.
impl<B> Service<hyper::Request<B>> for HandlerService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: hyper::Request<B>) -> Self::Future {
        let uri = request.uri().clone();
        let answer = (self.0)(Request::from(request));
        Box::pin(async move {
            Ok(answer.await.unwrap_or_else(|error| {
                let trace = trace::current().unwrap_or_else(trace::TraceContext::begin);
                response::of_error(&error, trace.trace_id(), Some(uri.path()))
            }))
        })
    }
}

/// A `tower` service that routes can be: of requests with a [`RequestBody`] to responses with any body
/// of [`Bytes`], whose errors are or become errors of the standard library. An axum `Router`, a tonic
/// server and tower-http's services are such; nothing is to be implemented.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `tower` service that can be mounted or be what a layer makes",
    note = "needed are `Service<http::Request<RequestBody>, Response = http::Response<B>>`, `Clone`, \
            `Send`, `Sync` and `'static`, a future that is `Send`, a body `B` of `Bytes` that is `Send`, \
            and errors that are `Into<BoxError>`"
)]
pub trait TowerService: Clone + Send + Sync + 'static {
    /// The service as a handler.
    #[doc(hidden)]
    fn into_handler(self) -> BoundHandler;
}

impl<T, B> TowerService for T
where
    T: Service<hyper::Request<RequestBody>, Response = hyper::Response<B>>
        + Clone
        + Send
        + Sync
        + 'static,
    T::Error: Into<BoxError>,
    T::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn into_handler(self) -> BoundHandler {
        BoundHandler(Arc::new(move |request: Request| {
            let mut service = self.clone();
            Box::pin(async move {
                let failed = |error: T::Error| Error::from(error.into());
                poll_fn(|context| service.poll_ready(context)).await.map_err(failed)?;
                let response = service.call(request.into_http()).await.map_err(failed)?;
                Ok(response.map(Body::of))
            })
        }))
    }
}

/// A handler that sees paths without this prefix.
pub(super) fn stripped(prefix: &str, handler: HandlerFn) -> HandlerFn {
    let prefix = prefix.to_owned();
    Arc::new(move |request| {
        let mut request = request.into_http();
        if let Some(uri) = without(request.uri(), &prefix) {
            *request.uri_mut() = uri;
        }
        handler(Request::from(request))
    })
}

fn without(uri: &Uri, prefix: &str) -> Option<Uri> {
    let path = uri.path_and_query()?.as_str().strip_prefix(prefix)?;
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_taken_off_and_the_query_stays() {
        for (uri, expected) in [
            ("/assets", "/"),
            ("/assets/", "/"),
            ("/assets/a/b?c=d", "/a/b?c=d"),
            ("/assets?c=d", "/?c=d"),
            ("http://host/assets/a", "http://host/a"),
        ] {
            let uri: Uri = uri.parse().unwrap();
            assert_eq!(without(&uri, "/assets").unwrap().to_string(), expected);
        }
        assert!(without(&"/other".parse().unwrap(), "/assets").is_none());
    }
}
