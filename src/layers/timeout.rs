//! A request's time. It ends when the head of the response is made; a body that is a stream may take
//! longer, as long as it moves (see `server::flow`).

use std::future::poll_fn;
use std::task::Poll;

use tokio::time::timeout;

use crate::error::{Code, Error};
use crate::request::Upload;
use crate::router::{BoxedFuture, HandlerResult};

use super::observe::Exchange;

/// 504 when the work takes longer, or 408 when it was the client's body that was waited for.
pub(super) async fn within(
    exchange: &Exchange,
    upload: Option<&Upload>,
    mut work: BoxedFuture,
) -> HandlerResult {
    // Most handlers never wait; those need no timer.
    let at_once = poll_fn(|context| Poll::Ready(work.as_mut().poll(context)));
    if let Poll::Ready(result) = at_once.await {
        return result;
    }
    let result = Box::pin(timeout(exchange.time_left(), work)).await;
    // The client's time to take the answer begins now.
    exchange.progress();
    match result {
        Ok(result) => result,
        Err(_) if upload.is_some_and(Upload::waits) => {
            let message = "the request's body did not arrive in time";
            Err(Error::new(Code::RequestTimeout, message))
        }
        Err(_) => Err(Error::new(Code::Timeout, "the answer took too long")),
    }
}
