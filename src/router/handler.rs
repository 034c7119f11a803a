//! Handlers: async functions from a request, and what they share, to a response.

use std::pin::Pin;
use std::sync::Arc;

use crate::error::Error;
use crate::request::Request;
use crate::response::Response;

/// What a handler's future comes to.
pub(crate) type HandlerResult = Result<Response, Error>;

/// A handler's future.
pub(crate) type BoxedFuture = Pin<Box<dyn Future<Output = HandlerResult> + Send>>;

/// A handler with its state.
pub(crate) type HandlerFn = Arc<dyn Fn(Request) -> BoxedFuture + Send + Sync>;

/// An async function that answers requests: of a [`Request`], or of a [`Request`] and an
/// [`Arc`] of what the handlers of a service share (made by its `start`). Its error is
/// [`Error`], or a type of one's own that implements [`HttpError`](crate::HttpError).
///
/// ```
/// use std::sync::Arc;
///
/// use pcf_api::{Error, Request, Response, Routes, response};
///
/// struct Shop { name: String }
///
/// async fn hello(request: Request) -> Result<Response, Error> {
///     Ok(response::text(format!("Hello, {}!", request.param("name")?)))
/// }
///
/// async fn about(_: Request, shop: Arc<Shop>) -> Result<Response, Error> {
///     Ok(response::text(shop.name.clone()))
/// }
///
/// let routes: Routes<Shop> = Routes::new().get("/hello/{name}", hello).get("/about", about);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler of a service whose state is `{S}`",
    note = "a handler is an `async fn(Request) -> Result<Response, E>` or an \
            `async fn(Request, Arc<{S}>) -> Result<Response, E>`, where `E` is `Error` or \
            implements `HttpError`; its future must be `Send`"
)]
pub trait Handler<S, Arguments>: Send + Sync + 'static {
    /// The handler with its state.
    #[doc(hidden)]
    fn bind(self, state: &Arc<S>) -> BoundHandler;
}

/// A handler with its state.
#[doc(hidden)]
pub struct BoundHandler(pub(crate) HandlerFn);

impl<S, H, F, E> Handler<S, (Request,)> for H
where
    H: Fn(Request) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Response, E>> + Send + 'static,
    E: Into<Error>,
{
    fn bind(self, _: &Arc<S>) -> BoundHandler {
        BoundHandler(Arc::new(move |request| {
            let answer = self(request);
            Box::pin(async move { answer.await.map_err(Into::into) })
        }))
    }
}

impl<S, H, F, E> Handler<S, (Request, Arc<S>)> for H
where
    S: Send + Sync + 'static,
    H: Fn(Request, Arc<S>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Response, E>> + Send + 'static,
    E: Into<Error>,
{
    fn bind(self, state: &Arc<S>) -> BoundHandler {
        let state = Arc::clone(state);
        BoundHandler(Arc::new(move |request| {
            let answer = self(request, Arc::clone(&state));
            Box::pin(async move { answer.await.map_err(Into::into) })
        }))
    }
}
