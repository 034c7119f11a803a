//! HTTP/2 without TLS, by prior knowledge (RFC 9113, 3.3), on the port of HTTP/1.1.

mod streams;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::sleep;

use self::streams::{Stalled, Streams};
use super::Limits;
use super::admission::RESERVE_PATIENCE;
use super::io::Io;
use super::linger::Linger;
use super::socket::Socket;
use super::turns::Turns;
use crate::bounds::{Kind, STALLED_AFTER, Waiter};
use crate::layers::{self, Flow};

/// What a client that speaks HTTP/2 says first, RFC 9113, 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a connection costs, its requests apart. Measured: 22 KiB after the first request.
const CONNECTION_BYTES: usize = 24 * 1024;

/// Most requests of one connection at a time.
const MAX_STREAMS: u32 = 128;

/// How many bytes of bodies a client may send before a handler takes them: per request, and per
/// connection.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// Most bytes of a response that wait to be sent, per request.
const SEND_BUFFER: usize = 16 * 1024;

/// How often a quiet client is asked whether it is still there, and how long it may take to answer.
const PING_EVERY: Duration = Duration::from_secs(20);
const PONG_WITHIN: Duration = Duration::from_secs(10);

/// How often the watch looks, and how often once the connection is to end.
const TICK: Duration = Duration::from_secs(1);
const TICK_WHILE_CLOSING: Duration = Duration::from_millis(50);

/// How long a new connection may take to ask for the first time when the service closes, and how
/// long one without a request may then take to acknowledge that it ends.
const FIRST_REQUEST_GRACE: Duration = Duration::from_secs(1);
const FAREWELL: Duration = Duration::from_millis(500);

/// The same for one that gives way to another.
const SHORT_FAREWELL: Duration = Duration::from_millis(50);

/// How far the parser's limit lies above ours: HTTP/2 counts 32 bytes more per field, and our own
/// answer should reach the client.
const HEAD_SLACK: usize = 8 * 1024;

/// Whether these bytes begin HTTP/2.
pub(super) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(PREFACE)
}

/// Whether these bytes are HTTP/2, or could become the beginning of it.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    begins(bytes) || (bytes.len() < PREFACE.len() && PREFACE.starts_with(bytes))
}

/// What the watch over a connection has decided.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Look again then.
    Wait(Duration),
    /// Tell the client that it ends, and let it finish.
    GoAway,
    /// End it in good order, whether the client agrees or not.
    Finish,
    /// The client does not move.
    Cut,
}

pub(super) async fn serve(stream: Socket, ahead: Bytes, flow: &Arc<Flow>, limits: &Limits) {
    let mut hold = flow.share.hold();
    hold.force(CONNECTION_BYTES);
    let service = {
        let flow = Arc::clone(flow);
        service_fn(move |request| layers::answer(Arc::clone(&flow), request))
    };
    let linger = Linger::new(limits.request.request_timeout);
    let io = TokioIo::new(Io::new(stream, ahead, flow).closed_by(linger));
    let http = builder(limits, flow).serve_connection(io, service);
    let mut http = pin!(http);
    let mut phases = flow.layers.lifecycle.changes();
    let mut watch = Watch::default();
    let turns = Turns::default();
    loop {
        let wait = match watch.judge(flow, limits) {
            Verdict::Wait(wait) => wait,
            Verdict::GoAway => {
                http.as_mut().graceful_shutdown();
                watch.told_to_go_at = Some(flow.now());
                TICK_WHILE_CLOSING
            }
            Verdict::Finish => {
                flow.finish();
                TICK
            }
            Verdict::Cut => {
                tracing::debug!("a client of HTTP/2 did not move in time; it was cut");
                return;
            }
        };
        let turn = poll_fn(|context| {
            flow.begin_turn();
            match turns.poll(http.as_mut(), context) {
                Poll::Ready(result) => Poll::Ready(Some(result)),
                Poll::Pending if flow.is_condemned() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        tokio::select! {
            result = turn => {
                match result {
                    Some(Ok(())) => {}
                    Some(Err(error)) => tracing::debug!(%error, "a connection broke off"),
                    None => flow.layers.bounds.evict(),
                }
                return;
            }
            () = watch.idle.cut() => {
                flow.layers.bounds.evict();
                http.as_mut().graceful_shutdown();
                watch.told_to_go_at.get_or_insert(flow.now());
                watch.is_evicted = true;
            }
            () = sleep(wait) => {}
            _ = phases.changed() => {}
        }
    }
}

fn builder(limits: &Limits, flow: &Arc<Flow>) -> http2::Builder<Streams> {
    let request = &limits.request;
    let largest_head = request.max_header_bytes + request.max_uri_bytes + HEAD_SLACK;
    let mut builder = http2::Builder::new(Streams::new(flow));
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PONG_WITHIN)
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(u32::try_from(largest_head).unwrap_or(u32::MAX));
    builder
}

/// The watch over a connection.
#[derive(Default)]
struct Watch {
    told_to_go_at: Option<u64>,
    /// Whether it was to give way to another.
    is_evicted: bool,
    stalled: Stalled,
    /// While nothing here waits for the service: it may have to give way.
    idle: Waiter,
}

impl Watch {
    /// Looks whether the connection has kept to its limits, and whether it should end.
    fn judge(&mut self, flow: &Arc<Flow>, limits: &Limits) -> Verdict {
        let is_over = |since: u64, limit: Duration| flow.elapsed(since) >= limit;
        let at_most = |limit: Duration| {
            if flow.is_reserve() { limit.min(RESERVE_PATIENCE) } else { limit }
        };
        let patience = at_most(limits.request.request_timeout);
        if !self.stalled.look(flow, patience) {
            return Verdict::Cut;
        }
        if flow.blocked_since().is_some_and(|since| is_over(since, patience)) {
            return Verdict::Cut;
        }
        self.note_idle(flow);
        let is_closing = flow.layers.lifecycle.is_closing();
        if flow.is_lingering() {
            // It has bounds of its own.
            return Verdict::Wait(TICK);
        }
        if let Some(told) = self.told_to_go_at {
            // What is in flight may take its time, also when the connection is to end; but one that
            // goes on asking does not keep the reserve, nor a place that another needs.
            let farewell = if self.is_evicted {
                SHORT_FAREWELL
            } else if is_closing {
                FAREWELL.min(patience)
            } else {
                patience
            };
            let leaving_since = (flow.in_flight() == 0).then(|| told.max(flow.moved_at()));
            if leaving_since.is_some_and(|since| is_over(since, farewell)) {
                return if flow.is_finishing() { Verdict::Wait(TICK) } else { Verdict::Finish };
            }
            if (self.is_evicted && flow.is_idle() && is_over(told, farewell))
                || (flow.is_reserve() && is_over(told, 2 * patience))
            {
                return Verdict::Cut;
            }
            let is_hurried = is_closing || self.is_evicted;
            return Verdict::Wait(if is_hurried { TICK_WHILE_CLOSING } else { TICK });
        }
        let idle_limit = at_most(if flow.has_served() {
            limits.keep_alive_timeout
        } else {
            limits.header_read_timeout
        });
        if flow.in_flight() == 0 && is_over(flow.moved_at(), idle_limit) {
            return Verdict::GoAway;
        }
        if flow.is_closing() {
            // A request that is on the way with the preface still gets its answer.
            let grace = if is_closing { FIRST_REQUEST_GRACE } else { idle_limit };
            if flow.has_served() || is_over(flow.moved_at(), grace) {
                return Verdict::GoAway;
            }
            return Verdict::Wait(TICK_WHILE_CLOSING);
        }
        Verdict::Wait(TICK.min(idle_limit).min(patience))
    }

    fn note_idle(&mut self, flow: &Flow) {
        let since = flow.blocked_since().unwrap_or_else(|| flow.moved_at());
        let is_idle = flow.is_idle() || flow.blocked_since().is_some();
        // One that is on its way out makes room already: others are to go next.
        let is_leaving = self.is_evicted || flow.is_lingering();
        if is_leaving || !is_idle || flow.elapsed(since) < STALLED_AFTER {
            self.idle.stop();
        } else {
            self.idle.wait(&flow.layers.bounds.waiting, Kind::Lull, since);
        }
    }
}
