//! The trace that a request belongs to, after W3C Trace Context: `traceparent` is taken up or begun.
//!
//! The context of the request that is being worked on is known everywhere below it, so every log
//! line of the request has its ids. A task that a handler spawns starts without; give it on by
//! `tokio::spawn(trace::inherit(future))`.

use std::fmt;

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

tokio::task_local! {
    static CURRENT: TraceContext;
}

/// The header that carries a trace context, <https://www.w3.org/TR/trace-context/>.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A trace and this service's span in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

/// An id of a trace; shown as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId(u128);

/// An id of a span; shown as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanId(u64);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 32];
        hex(&mut text, &self.0.to_be_bytes());
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 16];
        hex(&mut text, &self.0.to_be_bytes());
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl TraceContext {
    /// The trace that the request's `traceparent` names, with a new span in it; a new trace where
    /// there is no header or an invalid one, as the recommendation asks.
    pub fn of(headers: &HeaderMap) -> Self {
        let parent = headers
            .get(TRACEPARENT)
            .filter(|_| headers.get_all(TRACEPARENT).iter().count() == 1)
            .and_then(|value| parse(value.as_bytes()));
        // Neither id may be zero.
        let span_id = fastrand::u64(..).max(1);
        let (trace_id, flags) = parent.unwrap_or_else(|| (fastrand::u128(..).max(1), 1));
        Self { trace_id, span_id, flags }
    }

    /// The trace's id.
    pub fn trace_id(self) -> TraceId {
        TraceId(self.trace_id)
    }

    /// The id of this service's span.
    pub fn span_id(self) -> SpanId {
        SpanId(self.span_id)
    }

    /// The values of `traceparent` and `x-request-id` (the trace's id) that go on.
    pub fn header_values(self) -> (HeaderValue, HeaderValue) {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        let (_, rest) = text.split_at_mut(3);
        let (trace_id, rest) = rest.split_at_mut(32);
        let (_, rest) = rest.split_at_mut(1);
        let (span_id, rest) = rest.split_at_mut(16);
        let (_, flags) = rest.split_at_mut(1);
        hex(trace_id, &self.trace_id.to_be_bytes());
        hex(span_id, &self.span_id.to_be_bytes());
        hex(flags, &[self.flags]);
        let value = |bytes| HeaderValue::from_bytes(bytes).unwrap_or(HeaderValue::from_static(""));
        (value(&text), value(text.get(3..35).unwrap_or_default()))
    }
}

/// The trace of the request that is being worked on; none outside a request.
pub fn current() -> Option<TraceContext> {
    CURRENT.try_with(|context| *context).ok()
}

/// Runs a future as part of a trace.
pub fn within<F: Future>(context: TraceContext, future: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(context, future)
}

/// Does something at once as part of a trace.
pub(crate) fn within_now<T>(context: TraceContext, work: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(context, work)
}

/// Gives the trace of the request that is being worked on to a future that will run apart from it.
pub fn inherit<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let context = current();
    async move {
        match context {
            Some(context) => within(context, future).await,
            None => future.await,
        }
    }
}

/// Writes two digits for each byte.
fn hex(place: &mut [u8], bytes: &[u8]) {
    for (place, byte) in place.chunks_exact_mut(2).zip(bytes) {
        if let Some(digits) = DIGITS.get(usize::from(*byte)) {
            place.copy_from_slice(digits);
        }
    }
}

/// The two digits of each byte.
#[allow(clippy::indexing_slicing, reason = "evaluated when the program is built")]
const DIGITS: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    table
};

/// The trace id and flags of a `traceparent`: version 00, or the part of a later version that the
/// recommendation promises to stay. Upper case, version ff and ids of zero are invalid.
fn parse(value: &[u8]) -> Option<(u128, u8)> {
    let text = std::str::from_utf8(value).ok()?;
    let mut parts = text.splitn(5, '-');
    let version = digits(parts.next()?, 2)?;
    let trace_id = digits(parts.next()?, 32)?;
    let parent_id = digits(parts.next()?, 16)?;
    let flags = digits(parts.next()?, 2)?;
    let is_right_length = version > 0 || parts.next().is_none();
    let is_valid = version != 0xff && trace_id != 0 && parent_id != 0 && is_right_length;
    // Sampled, and random trace id; others have no meaning yet and are not passed on.
    is_valid.then_some((trace_id, u8::try_from(flags & 0x03).ok()?))
}

fn digits(text: &str, count: usize) -> Option<u128> {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == count && text.bytes().all(is_hex))
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

    fn of(value: &str) -> TraceContext {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, value.parse().unwrap());
        TraceContext::of(&headers)
    }

    #[test]
    fn a_valid_parent_is_taken_up_with_a_new_span() {
        let context = of(PARENT);
        let (traceparent, request_id) = context.header_values();
        assert_eq!(request_id, "4bf92f3577b34da6a3ce929d0e0e4736");
        let text = traceparent.to_str().unwrap();
        assert_eq!(text, format!("00-{}-{}-00", context.trace_id(), context.span_id()));
        assert!(!text.contains("00f067aa0ba902b7"));
        assert_eq!(of(text).trace_id(), context.trace_id());
        let later =
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-brings";
        assert_eq!(of(later).trace_id(), context.trace_id());
    }

    #[test]
    fn anything_else_begins_a_new_trace() {
        for wrong in [
            "",
            "00",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-00",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
        ] {
            assert_ne!(
                of(wrong).trace_id().to_string(),
                "4bf92f3577b34da6a3ce929d0e0e4736",
                "{wrong}"
            );
        }
        let mut twice = HeaderMap::new();
        twice.append(TRACEPARENT, PARENT.parse().unwrap());
        twice.append(TRACEPARENT, PARENT.parse().unwrap());
        assert_ne!(TraceContext::of(&twice).trace_id(), of(PARENT).trace_id());
    }

    #[tokio::test]
    async fn a_spawned_task_inherits_the_trace_only_when_it_is_given_on() {
        let context = of(PARENT);
        within(context, async {
            assert_eq!(current(), Some(context));
            assert_eq!(tokio::spawn(async { current() }).await.unwrap(), None);
            assert_eq!(tokio::spawn(inherit(async { current() })).await.unwrap(), Some(context));
        })
        .await;
        assert_eq!(current(), None);
    }
}
