//! HTTP/1.1 on a connection, from a head that is there until the connection ends or is quiet.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, Sleep, sleep};

use super::Limits;
use super::io::Io;
use super::socket::Socket;
use crate::bounds::{Kind, STALLED_AFTER, Waiter};
use crate::code::Code;
use crate::error::Error;
use crate::layers::{self, Flow, Refused};

/// What hyper and its buffers cost while they serve a connection, large heads apart. Measured: 11 KiB.
const CONNECTION_BYTES: usize = 12 * 1024;

/// How long a connection must have been quiet to be taken back from hyper.
const QUIET: Duration = Duration::from_millis(100);

/// The same once the service drains: nobody should be waited for longer than needed.
const QUIET_WHILE_DRAINING: Duration = Duration::from_millis(50);

/// What a protocol leaves behind.
pub(super) enum Left {
    /// Quiet: the bare socket waits for the next request. The bytes were read and not used.
    Quiet(Socket, Bytes),
    /// Done: the socket is to be closed so that the client gets all that was written.
    Done(Socket),
    /// Gone.
    Gone,
}

/// Who may be answered here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    /// Everybody.
    All,
    /// Those whom the main thread answers (see `gate`); the next one who is not leaves it quiet.
    Own,
}

/// What the watch over a connection has decided.
enum Verdict {
    /// Look again then.
    Wait(Duration),
    /// Nothing is going on, or nothing that is for this thread.
    Quiet,
    /// The client takes no bytes, or sends the rest of a body to a handler that has answered.
    Stalled,
}

enum Ended {
    ByProtocol(hyper::Result<()>),
    By(Verdict),
}

pub(super) async fn serve(
    stream: Socket,
    ahead: Bytes,
    flow: &Arc<Flow>,
    limits: &Limits,
    answers: Answers,
) -> Left {
    let mut hold = flow.share.hold();
    hold.force(CONNECTION_BYTES);
    let service = {
        let flow = Arc::clone(flow);
        service_fn(move |request| layers::answer(Arc::clone(&flow), request))
    };
    let is_shut = (answers == Answers::Own).then(Arc::<AtomicBool>::default);
    let mut io = Io::new(stream, ahead, flow);
    if let Some(is_shut) = &is_shut {
        io = io.gated(Arc::clone(is_shut));
    }
    let mut http = builder(limits).serve_connection(TokioIo::new(io), service);
    let mut tick = Box::pin(sleep(QUIET));
    // A client that is waited for: it may have to give way.
    let mut stall = Waiter::default();
    let began = flow.moved_at();
    let mut is_slow = false;

    let ended = std::future::poll_fn(|context| {
        loop {
            flow.begin_turn();
            if let Poll::Ready(result) = Pin::new(&mut http).poll(context) {
                return Poll::Ready(Ended::ByProtocol(result));
            }
            flow.await_head();
            if is_idle(flow) {
                let is_shut = is_shut.as_ref().is_some_and(|is_shut| is_shut.load(Relaxed));
                // What is only convenient, such as buffers at hand, is for those who need it; and while
                // the queue is guarded the next request is let in by the main thread.
                let bounds = &flow.layers.bounds;
                let is_wanted =
                    || bounds.account.is_tight() || bounds.queue.is_guarded(|| flow.now());
                if is_shut || (flow.moved_at() != began && is_wanted()) {
                    return Poll::Ready(Ended::By(Verdict::Quiet));
                }
                if std::mem::take(&mut is_slow) {
                    flow.set_slow(false);
                    reset(&mut tick, QUIET);
                }
            }
            if stall.poll_cut(context).is_ready() {
                flow.layers.bounds.evict();
                return Poll::Ready(Ended::By(Verdict::Stalled));
            }
            if tick.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            match judge(flow, limits, &mut stall) {
                Verdict::Wait(time) => {
                    is_slow = time > QUIET;
                    reset(&mut tick, time);
                }
                verdict => return Poll::Ready(Ended::By(verdict)),
            }
        }
    })
    .await;

    let parts = http.into_parts();
    let (stream, ahead) = parts.io.into_inner().into_parts();
    match ended {
        Ended::By(Verdict::Quiet) => Left::Quiet(stream, joined(parts.read_buf, ahead)),
        Ended::By(_) => {
            tracing::debug!(
                "a client did not take its response, or send its body, in time; it was cut"
            );
            Left::Gone
        }
        Ended::ByProtocol(Ok(())) => Left::Done(stream),
        Ended::ByProtocol(Err(error)) if error.is_parse() => {
            // hyper has answered, without a body.
            let error = if error.is_parse_too_large() {
                limits.request.header_fields_too_large()
            } else {
                Error::new(Code::INVALID_INPUT, "not HTTP")
            };
            let since = flow.head_since().unwrap_or_else(|| flow.now());
            layers::refuse(&flow.layers, &Refused::unknown(), &error, flow.elapsed(since));
            Left::Done(stream)
        }
        Ended::ByProtocol(Err(error)) => {
            tracing::debug!(%error, "a connection broke off");
            Left::Gone
        }
    }
}

fn joined(first: Bytes, then: Bytes) -> Bytes {
    if first.is_empty() || then.is_empty() {
        return if first.is_empty() { then } else { first };
    }
    let mut both = BytesMut::from(first);
    both.extend_from_slice(&then);
    both.freeze()
}

fn builder(limits: &Limits) -> http1::Builder {
    let largest_head = limits.largest_head();
    let mut builder = http1::Builder::new();
    builder
        // A client may close its sending half and still wait for the answer.
        .half_close(true)
        // `head` has the header timeout: hyper's begins while a connection is still idle, ends without
        // an answer, and costs a timer for each request.
        .header_read_timeout(None)
        .max_buf_size(largest_head.max(16 * 1024))
        .max_header_size(largest_head);
    builder
}

/// Whether nothing is going on, but perhaps a head that has begun.
fn is_idle(flow: &Flow) -> bool {
    flow.in_flight() == 0 && flow.blocked_since().is_none() && flow.uploads_since().is_none()
}

/// Looks whether the connection has kept to its limits.
fn judge(flow: &Arc<Flow>, limits: &Limits, stall: &mut Waiter) -> Verdict {
    let left = |since: u64, limit: Duration| limit.saturating_sub(flow.elapsed(since));
    let limit = limits.request.request_timeout;
    let waiting = &flow.layers.bounds.waiting;
    let look_again = limit.min(STALLED_AFTER);
    if let Some(since) = flow.blocked_since().or(flow.uploads_since()) {
        stall.wait(waiting, Kind::Stalled, since);
        let left = left(since, limit);
        return if left.is_zero() { Verdict::Stalled } else { Verdict::Wait(left.min(look_again)) };
    }
    if !is_idle(flow) {
        flow.set_slow(true);
        match flow.half_closed_since() {
            Some(since) => stall.wait(waiting, Kind::Stalled, since),
            None => stall.stop(),
        }
        return Verdict::Wait(look_again);
    }
    stall.stop();
    let is_draining = flow.layers.lifecycle.is_draining();
    let quiet = if is_draining { QUIET_WHILE_DRAINING } else { QUIET };
    let left = left(flow.head_since().unwrap_or_else(|| flow.moved_at()), quiet);
    if left.is_zero() { Verdict::Quiet } else { Verdict::Wait(left) }
}

fn reset(tick: &mut Pin<Box<Sleep>>, time: Duration) {
    // Never at once: a limit may end within the timer's own grain.
    tick.as_mut().reset(Instant::now() + time.max(Duration::from_millis(1)));
}
