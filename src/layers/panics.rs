//! A handler that panics: the request gets a 500, the counter a one, the log a line (by the panic
//! hook, see `telemetry::panics`), and the connection and the process live on.

use std::future::{poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use crate::code::Code;
use crate::error::{Error, INTERNAL};
use crate::metrics::HttpMetrics;
use crate::router::{BoxedFuture, HandlerResult};

/// Runs the work and catches its panic.
///
/// `AssertUnwindSafe`: what the handler had is dropped with it, and what is shared with others is
/// atomic or behind a lock that tells of the panic.
pub(super) async fn caught(
    metrics: &HttpMetrics,
    mut work: Pin<&mut impl Future<Output = HandlerResult>>,
) -> HandlerResult {
    poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)))
            .unwrap_or_else(|_| Poll::Ready(Err(panicked(metrics))))
    })
    .await
}

/// The same for a handler that panics before there is a future.
pub(super) fn caught_now(metrics: &HttpMetrics, call: impl FnOnce() -> BoxedFuture) -> BoxedFuture {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Box::pin(ready(Err(panicked(metrics)))))
}

fn panicked(metrics: &HttpMetrics) -> Error {
    metrics.shard().panicked();
    // The panic hook has told the log.
    Error::new(Code::INTERNAL_ERROR, INTERNAL)
}
