//! A request's time. It ends when the head of the response is made; a body that is a stream may take
//! longer, as long as it moves (see `server`). One that waits for more of its client's body may have
//! to give way to others before that.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::sleep;

use super::exchange::Exchange;
use crate::bounds::{Kind, Reason, Waiter};
use crate::code::Code;
use crate::error::Error;
use crate::router::{BoxedFuture, HandlerResult};
use crate::upload::Upload;

/// 504 when the work takes longer, or 408 when it was the client's body that was waited for.
pub(super) async fn within(
    exchange: &Exchange,
    limit: Duration,
    upload: Option<&Upload>,
    mut work: BoxedFuture,
) -> HandlerResult {
    // Most handlers never wait; those need no timer.
    let at_once = poll_fn(|context| Poll::Ready(work.as_mut().poll(context)));
    if let Poll::Ready(result) = at_once.await {
        return result;
    }
    exchange.wait();
    let result = Box::pin(wait(exchange, limit, upload, work)).await;
    // The client's time to take the answer begins now.
    exchange.progress(true);
    result
}

async fn wait(
    exchange: &Exchange,
    limit: Duration,
    upload: Option<&Upload>,
    mut work: BoxedFuture,
) -> HandlerResult {
    let mut deadline = pin!(sleep(limit.saturating_sub(exchange.age())));
    let mut stall = Stall::default();
    poll_fn(|context| {
        if let Poll::Ready(result) = work.as_mut().poll(context) {
            return Poll::Ready(result);
        }
        if upload.is_some_and(|upload| stall.is_cut(exchange, upload, context)) {
            return Poll::Ready(Err(Error::shed(Reason::Stalled)));
        }
        if deadline.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(Err(if upload.is_some_and(Upload::waits) {
            Error::new(Code::REQUEST_TIMEOUT, "the request's body did not arrive in time")
        } else {
            Error::new(Code::TIMEOUT, "the answer took too long")
        }))
    })
    .await
}

/// A body that is waited for, and how many frames of it there were when that began.
#[derive(Default)]
struct Stall {
    frames: Option<u32>,
    waiter: Waiter,
}

impl Stall {
    /// Whether it is to give way. Asked whenever the work has done what it could.
    fn is_cut(&mut self, exchange: &Exchange, upload: &Upload, context: &mut Context<'_>) -> bool {
        if !upload.waits() {
            *self = Self::default();
            return false;
        }
        let frames = Some(upload.frames());
        if self.frames != frames {
            let flow = exchange.flow();
            self.frames = frames;
            self.waiter.wait(&flow.layers.bounds.waiting, Kind::Stalled, flow.now());
        }
        self.waiter.poll_cut(context).is_ready()
    }
}
