//! A refusal that is written without hyper, to a client whose request never becomes one: its head did
//! not arrive or is too large, or the service has too much to do.

use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::h2;
use super::socket::Socket;
use crate::bounds::Reason;
use crate::error::Error;
use crate::layers::{self, Flow, Refused};
use crate::trace::{TRACEPARENT, TraceContext, X_REQUEST_ID};

/// How long a client may take to take it.
const WITHIN: Duration = Duration::from_millis(100);

/// What HTTP/2 has for a client that there is no room for: SETTINGS, which come first, and GOAWAY with
/// ENHANCE_YOUR_CALM. None of its requests has begun. RFC 9113, 3.4, 6.8 and 7.
const GO_AWAY: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0b";

/// Tells the client, as well as it can be told; the connection is to be closed then. A client that
/// does not even send its head may not read either.
pub(super) async fn tell(stream: &mut Socket, flow: &Flow, error: &Error) {
    let refused = Refused::unknown();
    write(stream, flow, error, &refused, &refused.response(error, false)).await;
}

/// The same for one that there is no room for; `ahead` was read of it.
pub(super) async fn shed(stream: &mut Socket, flow: &Flow, ahead: &[u8], reason: Reason) {
    flow.layers.bounds.shed.count(reason);
    let error = Error::shed(reason);
    if h2::begins(ahead) {
        write(stream, flow, &error, &Refused::unknown(), GO_AWAY).await;
    } else {
        tell(stream, flow, &error).await;
    }
}

/// The same for one whose whole head is there, and nothing else; whether the connection may go on.
pub(super) async fn shed_whole(
    stream: &mut Socket,
    flow: &Flow,
    head: &[u8],
    reason: Reason,
) -> bool {
    flow.layers.bounds.shed.count(reason);
    let (refused, is_kept) = read(head).unwrap_or((Refused::unknown(), false));
    let is_kept = is_kept && !flow.is_closing();
    let error = Error::shed(reason);
    let response = refused.response(&error, is_kept);
    write(stream, flow, &error, &refused, &response).await && is_kept
}

async fn write(
    stream: &mut Socket,
    flow: &Flow,
    error: &Error,
    refused: &Refused,
    response: &[u8],
) -> bool {
    let written = timeout(WITHIN, async {
        stream.write_all(response).await?;
        stream.flush().await
    })
    .await;
    let since = flow.head_since().unwrap_or_else(|| flow.now());
    layers::refuse(&flow.layers, refused, error, flow.elapsed(since));
    flow.refuse();
    matches!(written, Ok(Ok(())))
}

/// What is to be known of a request, and whether the connection may have another after it: not where
/// a body or a farewell is on the way.
fn read(head: &[u8]) -> Option<(Refused, bool)> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut fields);
    let Ok(httparse::Status::Complete(length)) = request.parse(head) else { return None };
    let method = Method::from_bytes(request.method?.as_bytes()).ok()?;
    let has =
        |name: &str| request.headers.iter().any(|field| field.name.eq_ignore_ascii_case(name));
    let is_kept = matches!(method, Method::GET | Method::HEAD)
        && request.version == Some(1)
        && length == head.len()
        && !has("content-length")
        && !has("transfer-encoding")
        && !has("connection");
    let mut parents = HeaderMap::new();
    for field in request.headers.iter().filter(|field| is_trace(field.name)) {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(field.name.as_bytes()), HeaderValue::from_bytes(field.value))
        {
            parents.append(name, value);
        }
    }
    let path = request.path?.split('?').next().unwrap_or_default().to_owned();
    Some((
        Refused { method: Some(method), path: Some(path), trace: TraceContext::of(&parents) },
        is_kept,
    ))
}

fn is_trace(name: &str) -> bool {
    [TRACEPARENT.as_str(), X_REQUEST_ID.as_str()]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_kept(head: &str) -> bool {
        read(head.as_bytes()).is_some_and(|(_, is_kept)| is_kept)
    }

    #[test]
    fn a_connection_goes_on_only_after_a_plain_request_alone() {
        assert!(is_kept("GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n"));
        for head in [
            "GET / HTTP/1.0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\ncontent-length: 3\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n",
            "nonsense\r\n\r\n",
        ] {
            assert!(!is_kept(head), "{head:?}");
        }
    }

    #[test]
    fn the_trace_and_the_path_of_the_request_are_those_of_its_refusal() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let head = format!("HEAD /a?secret HTTP/1.1\r\nHost: x\r\nTraceParent: {parent}\r\n\r\n");
        let (refused, _) = read(head.as_bytes()).unwrap();
        assert_eq!(refused.path.as_deref(), Some("/a"));
        assert_eq!(parent.split('-').nth(1), Some(refused.trace.trace_id().to_string().as_str()));
        let response = String::from_utf8(refused.response(&Error::shed(Reason::QueueTime), true));
        let response = response.unwrap();
        assert!(response.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{response}");
        assert!(response.contains("\r\nretry-after: 1\r\n") && response.ends_with("\r\n\r\n"));
        assert!(!response.contains("connection: close"), "{response}");
    }
}
