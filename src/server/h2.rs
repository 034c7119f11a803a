//! HTTP/2 without TLS, by prior knowledge (RFC 9113, 3.3), on the port of HTTP/1.1.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::admission::Class;
use super::connection::Connection;
use super::io::Io;
use super::linger::Linger;
use crate::config::ServerConfig;
use crate::layers;

/// What a client that speaks HTTP/2 says first, RFC 9113, 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Most requests of one connection at a time.
const MAX_STREAMS: u32 = 128;

/// How many bytes of bodies a client may send before a handler takes them: per request, and per
/// connection.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// Most bytes of a response that wait to be sent, per request.
const SEND_BUFFER: usize = 64 * 1024;

/// How often a quiet client is asked whether it is still there, and how long it may take to answer.
const PING_EVERY: Duration = Duration::from_secs(20);
const PONG_WITHIN: Duration = Duration::from_secs(10);

/// How often the watch looks, and how often once the connection is to end.
const TICK: Duration = Duration::from_secs(1);
const TICK_WHILE_CLOSING: Duration = Duration::from_millis(50);

/// How long a new connection may take to ask for the first time when the service closes.
const FIRST_REQUEST_GRACE: Duration = Duration::from_secs(1);

/// How far the parser's limit lies above ours: HTTP/2 counts 32 bytes more per field, and our own
/// answer should reach the client.
const HEAD_SLACK: usize = 8 * 1024;

/// Whether these bytes begin HTTP/2.
pub(super) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(PREFACE)
}

/// Whether these bytes could become the beginning of HTTP/2: there are too few of them to tell.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    bytes.len() < PREFACE.len() && PREFACE.starts_with(bytes)
}

/// What the watch over a connection has decided.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Look again then.
    Wait(Duration),
    /// Tell the client that it ends, and let it finish.
    GoAway,
    /// The client does not move.
    Cut,
}

pub(super) async fn serve(stream: TcpStream, ahead: Bytes, connection: &Arc<Connection>) {
    let service = {
        let connection = Arc::clone(connection);
        service_fn(move |request| layers::answer(Arc::clone(&connection), request))
    };
    let linger = Linger::new(connection.app().config.server.request_timeout);
    let io = TokioIo::new(Io::new(stream, ahead, connection).closed_by(linger));
    let http = builder(&connection.app().config.server).serve_connection(io, service);
    let mut http = pin!(http);
    let mut phases = connection.app().lifecycle.changes();
    let mut told_to_go_at = None;
    loop {
        let wait = match judge(connection, told_to_go_at) {
            Verdict::Wait(wait) => wait,
            Verdict::GoAway => {
                http.as_mut().graceful_shutdown();
                told_to_go_at = Some(connection.now());
                TICK
            }
            Verdict::Cut => {
                tracing::debug!("a client of HTTP/2 did not move in time; it was cut");
                return;
            }
        };
        tokio::select! {
            result = http.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%error, "a connection broke off");
                }
                return;
            }
            () = sleep(wait) => {}
            _ = phases.changed() => {}
        }
    }
}

fn builder(config: &ServerConfig) -> http2::Builder<TokioExecutor> {
    let largest_head = config.max_header_bytes + config.max_uri_bytes + HEAD_SLACK;
    let mut builder = http2::Builder::new(TokioExecutor::new());
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

/// Looks whether the connection has kept to its limits, and whether it should end.
fn judge(connection: &Connection, told_to_go_at: Option<u64>) -> Verdict {
    let config = &connection.app().config.server;
    let flow = connection.flow();
    let is_over = |since: u64, limit: Duration| connection.elapsed(since) >= limit;

    // What is in flight may take its time, also when the connection is to end.
    let leaving_since =
        told_to_go_at.filter(|_| flow.in_flight() == 0).map(|told| told.max(flow.moved_at()));
    let stuck_since = flow.blocked_since().or(flow.stalled_since()).or(leaving_since);
    let patience = connection.class().at_most(config.request_timeout + TICK);
    if stuck_since.is_some_and(|since| is_over(since, patience)) {
        return Verdict::Cut;
    }
    // One that goes on asking does not keep the reserve.
    if connection.class() == Class::Reserve
        && told_to_go_at.is_some_and(|told| is_over(told, 2 * patience))
    {
        return Verdict::Cut;
    }
    if told_to_go_at.is_some() {
        return Verdict::Wait(TICK);
    }
    let idle_limit = connection.class().at_most(if flow.has_served() {
        config.keep_alive_timeout
    } else {
        config.header_read_timeout
    });
    if flow.in_flight() == 0 && is_over(flow.moved_at(), idle_limit) {
        return Verdict::GoAway;
    }
    let is_closing = connection.app().lifecycle.is_closing();
    if connection.is_closing() {
        // A request that is on the way with the preface still gets its answer.
        let grace = if is_closing { FIRST_REQUEST_GRACE } else { idle_limit };
        if flow.has_served() || is_over(flow.moved_at(), grace) {
            return Verdict::GoAway;
        }
        return Verdict::Wait(TICK_WHILE_CLOSING);
    }
    Verdict::Wait(TICK.min(idle_limit))
}
