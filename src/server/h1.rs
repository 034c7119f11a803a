//! HTTP/1.1 on a connection, until it ends or has been quiet for a while.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::connection::{Connection, Left};
use super::io::Io;
use crate::config::ServerConfig;
use crate::layers;
use crate::trace::TraceContext;

/// How long a connection must have been quiet to be taken back from hyper.
const QUIET: Duration = Duration::from_millis(100);

/// The same once the service drains: nobody should be waited for longer than needed.
const QUIET_WHILE_DRAINING: Duration = Duration::from_millis(50);

/// How far the parser's limit lies above ours, so that our own answer reaches the client.
const PARSER_SLACK: usize = 8 * 1024;

/// What the watch over a connection has decided.
enum Verdict {
    /// Look again then.
    Wait(Duration),
    /// Nothing is going on.
    Quiet,
    /// A head has not arrived in time.
    HeadTimeout,
    /// The client takes no bytes, or sends the rest of a body to a handler that has answered.
    Stalled,
}

enum Ended {
    ByProtocol(hyper::Result<()>),
    By(Verdict),
}

pub(super) async fn serve(stream: TcpStream, ahead: Bytes, connection: &Arc<Connection>) -> Left {
    let config = &connection.app().config.server;
    let service = {
        let connection = Arc::clone(connection);
        service_fn(move |request| layers::answer(Arc::clone(&connection), request))
    };
    let io = TokioIo::new(Io::new(stream, ahead, connection));
    let mut http = builder(config).serve_connection(io, service);
    let mut tick = Box::pin(sleep(shortest_limit(config)));

    let ended = std::future::poll_fn(|context| {
        loop {
            if let Poll::Ready(result) = Pin::new(&mut http).poll(context) {
                return Poll::Ready(Ended::ByProtocol(result));
            }
            connection.flow().await_head(|| connection.now());
            if tick.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            match judge(connection) {
                Verdict::Wait(time) => reset(&mut tick, time),
                verdict => return Poll::Ready(Ended::By(verdict)),
            }
        }
    })
    .await;

    let parts = http.into_parts();
    let stream = parts.io.into_inner().into_stream();
    match ended {
        Ended::By(Verdict::Quiet) => Left::Quiet(stream, parts.read_buf),
        Ended::By(Verdict::HeadTimeout) if is_no_head(&parts.read_buf) => {
            connection.flow().forget_head();
            Left::Quiet(stream, Bytes::new())
        }
        Ended::By(Verdict::HeadTimeout) => {
            answer_head_timeout(&stream, connection);
            Left::Done(stream)
        }
        Ended::By(_) => {
            tracing::debug!(
                "a client did not take its response, or send its body, in time; it was cut"
            );
            Left::Gone
        }
        Ended::ByProtocol(Ok(())) => Left::Done(stream),
        Ended::ByProtocol(Err(error)) if error.is_parse() => {
            // hyper has answered.
            let status = if error.is_parse_too_large() { 431 } else { 400 };
            let since = connection.flow().head_since().unwrap_or_else(|| connection.now());
            layers::refused(connection, TraceContext::of(&HeaderMap::new()), status, since);
            Left::Done(stream)
        }
        Ended::ByProtocol(Err(error)) => {
            tracing::debug!(%error, "a connection broke off");
            Left::Gone
        }
    }
}

/// hyper may have read the rest of a body that the handler left, and empty lines in front of a head
/// are to be ignored: RFC 9112, 2.2.
fn is_no_head(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
}

fn builder(config: &ServerConfig) -> http1::Builder {
    let largest_head = config.max_header_bytes + config.max_uri_bytes + PARSER_SLACK;
    let mut builder = http1::Builder::new();
    builder
        // A client may close its sending half and still wait for the answer.
        .half_close(true)
        // The watch below has the header timeout: hyper's begins while a connection is still idle,
        // ends without an answer, and costs a timer for each request.
        .header_read_timeout(None)
        .max_buf_size(largest_head.max(16 * 1024))
        .max_header_size(largest_head);
    builder
}

/// Looks whether the connection has kept to its limits.
fn judge(connection: &Connection) -> Verdict {
    let config = &connection.app().config.server;
    let flow = connection.flow();
    let left = |since: u64, limit: Duration| {
        connection.class().at_most(limit).saturating_sub(connection.elapsed(since))
    };
    let mut wait = shortest_limit(config);

    if let Some(since) = flow.blocked_since().or(flow.uploads_since()) {
        let left = left(since, config.request_timeout);
        if left.is_zero() {
            return Verdict::Stalled;
        }
        wait = wait.min(left);
    } else if flow.in_flight() == 0 {
        if let Some(since) = flow.head_since() {
            let left = left(since, config.header_read_timeout);
            if left.is_zero() {
                return Verdict::HeadTimeout;
            }
            wait = wait.min(left);
        } else {
            let is_draining = connection.app().lifecycle.is_draining();
            let quiet = if is_draining { QUIET_WHILE_DRAINING } else { QUIET };
            let left = left(flow.moved_at(), quiet);
            if left.is_zero() {
                return Verdict::Quiet;
            }
            wait = wait.min(left);
        }
    }
    Verdict::Wait(wait)
}

/// How long nobody needs to look: no limit that begins now can be over by then.
fn shortest_limit(config: &ServerConfig) -> Duration {
    QUIET.min(config.header_read_timeout).min(config.request_timeout)
}

fn reset(tick: &mut Pin<Box<Sleep>>, time: Duration) {
    // Never at once: a limit may end within the timer's own grain.
    tick.as_mut().reset(Instant::now() + time.max(Duration::from_millis(1)));
}

/// Best effort: a client that does not even send its head may not read either.
fn answer_head_timeout(stream: &TcpStream, connection: &Connection) {
    let trace = TraceContext::of(&HeaderMap::new());
    let response = layers::head_timeout_response(trace);
    let _ = stream.try_write(&response);
    let since = connection.flow().head_since().unwrap_or_else(|| connection.now());
    layers::refused(connection, trace, 408, since);
}
