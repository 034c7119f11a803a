//! The trace that a request belongs to, after W3C Trace Context: `traceparent` is taken up or begun.
//! Where none comes, an `X-Request-ID` of 32 hexadecimal digits, as ingress-nginx makes them, is the
//! trace's id.
//!
//! The context of the request that is being worked on is known everywhere below it, so every log
//! line of the request has its ids. A task that a handler spawns starts without:
//!
//! ```
//! use pcf_api::{Error, Request, Response, response, trace};
//!
//! async fn order(_: Request) -> Result<Response, Error> {
//!     tokio::spawn(trace::inherit(async {
//!         tracing::info!("this line has the trace of the request");
//!     }));
//!     let id = trace::current().map(|context| context.trace_id().to_string());
//!     response::json(&id)
//! }
//! ```

mod scope;
#[cfg(feature = "otlp")]
mod spans;

use std::fmt;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

pub(crate) use scope::Scope;

tokio::task_local! {
    static CURRENT: Scope;
}

/// The header that carries a trace context, <https://www.w3.org/TR/trace-context/>.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The header that carries a trace's id alone, for those who do not know `traceparent`.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

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
    /// The trace that the request's `traceparent` names, with a new span in it; where there is no
    /// such header, or an invalid one, that of `X-Request-ID`; else a new trace, as the
    /// recommendation asks.
    pub fn of(headers: &HeaderMap) -> Self {
        Self::with_parent(headers).0
    }

    /// The same, and the id of the span that `traceparent` names.
    pub(crate) fn with_parent(headers: &HeaderMap) -> (Self, Option<u64>) {
        let parent = only(headers, &TRACEPARENT).and_then(parse);
        let named = || only(headers, &X_REQUEST_ID).and_then(trace_id_of).map(|id| (id, SAMPLED));
        // Neither id may be zero.
        let begun = || (fastrand::u128(..).max(1), SAMPLED);
        let taken_up = parent.map(|(trace_id, _, flags)| (trace_id, flags));
        let (trace_id, flags) = taken_up.or_else(named).unwrap_or_else(begun);
        let context = Self { trace_id, span_id: fastrand::u64(..).max(1), flags };
        (context, parent.map(|(_, id, _)| id))
    }

    /// A new trace.
    pub(crate) fn begin() -> Self {
        Self::of(&HeaderMap::new())
    }

    /// The trace's id.
    pub fn trace_id(self) -> TraceId {
        TraceId(self.trace_id)
    }

    /// The id of this service's span.
    pub fn span_id(self) -> SpanId {
        SpanId(self.span_id)
    }

    /// Whether the trace is kept by who began it, or is to be kept where it began here.
    pub(crate) fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
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
        let text = Bytes::from_owner(text);
        let value =
            |bytes| HeaderValue::from_maybe_shared(bytes).unwrap_or(HeaderValue::from_static(""));
        (value(text.clone()), value(text.slice(3..35)))
    }
}

/// The trace of the request that is being worked on; none outside a request.
pub fn current() -> Option<TraceContext> {
    CURRENT.try_with(Scope::context).ok()
}

/// The headers that give the trace on to a service that is asked while a request is worked on; none
/// outside a request. In one line, with reqwest:
///
/// ```no_run
/// # struct Client; impl Client { fn get(&self, _: &str) -> &Self { self } fn headers(&self, _: hyper::HeaderMap) {} }
/// # let client = Client;
/// client.get("https://stock.example/items").headers(pcf_api::trace::headers());
/// ```
///
/// With the feature `otlp` it is the innermost span that the other service's is the child of, and
/// `tracestate` goes along.
pub fn headers() -> HeaderMap {
    #[cfg(feature = "otlp")]
    if let Some(headers) = spans::headers() {
        return headers;
    }
    let mut headers = HeaderMap::new();
    if let Some(context) = current() {
        headers.insert(TRACEPARENT, context.header_values().0);
    }
    headers
}

/// Runs a future as part of a trace.
pub fn within<F: Future>(context: TraceContext, future: F) -> impl Future<Output = F::Output> {
    Scope::of(context).around(future)
}

/// Gives the trace of the request that is being worked on to a future that will run apart from it.
pub fn inherit<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let scope = Scope::current();
    async move {
        match scope {
            Some(scope) => scope.around(future).await,
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

/// The flag of a trace that is worth to be kept.
const SAMPLED: u8 = 1;

/// The value of a field that stands there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none()).map(HeaderValue::as_bytes)
}

/// The trace id that a request's id is: 32 digits in either case, not all of them zero.
fn trace_id_of(value: &[u8]) -> Option<u128> {
    if value.len() != 32 || !value.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let id = u128::from_str_radix(std::str::from_utf8(value).ok()?, 16).ok()?;
    (id != 0).then_some(id)
}

/// The trace id, parent's id and flags of a `traceparent`: version 00, or the part of a later version that the
/// recommendation promises to stay. Upper case, version ff and ids of zero are invalid.
fn parse(value: &[u8]) -> Option<(u128, u64, u8)> {
    let text = std::str::from_utf8(value).ok()?;
    let mut parts = text.splitn(5, '-');
    let version = digits(parts.next()?, 2)?;
    let trace_id = digits(parts.next()?, 32)?;
    let parent_id = digits(parts.next()?, 16)?;
    let flags = digits(parts.next()?, 2)?;
    let is_right_length = version > 0 || parts.next().is_none();
    let is_valid = version != 0xff && trace_id != 0 && parent_id != 0 && is_right_length;
    // Sampled, and random trace id; others have no meaning yet and are not passed on.
    let (parent_id, flags) = (u64::try_from(parent_id).ok()?, u8::try_from(flags & 0x03).ok()?);
    is_valid.then_some((trace_id, parent_id, flags))
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

    #[test]
    fn a_request_s_id_of_32_digits_is_the_trace_s_where_no_parent_names_one() {
        const ID: &str = "7f0e2d6a5b9c41d8a3e6f1b2c4d5e6f7";
        let of = |pairs: &[(HeaderName, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(name.clone(), value.parse().unwrap());
            }
            let context = TraceContext::of(&headers);
            let (traceparent, request_id) = context.header_values();
            assert!(traceparent.to_str().unwrap().ends_with("-01") || pairs.len() > 1);
            request_id.to_str().unwrap().to_owned()
        };
        let id = |value| (X_REQUEST_ID, value);
        assert_eq!(of(&[id(ID)]), ID);
        let upper = ID.to_uppercase();
        assert_eq!(of(&[id(&upper)]), ID, "in lower case");
        assert_eq!(of(&[id(ID), (TRACEPARENT, "00-no")]), ID, "what is no parent names none");
        let parent = of(&[id(ID), (TRACEPARENT, PARENT)]);
        assert_eq!(parent, "4bf92f3577b34da6a3ce929d0e0e4736");
        for other in [
            &[id("")][..],
            &[id("f0e2d6a5b9c41d8a3e6f1b2c4d5e6f7")],
            &[id("00000000000000000000000000000000")],
            &[id("7f0e2d6a-5b9c-41d8-a3e6-f1b2c4d5e6f7")],
            &[id("+f0e2d6a5b9c41d8a3e6f1b2c4d5e6f7")],
            &[id(ID), id(ID)],
        ] {
            assert_ne!(of(other), ID, "{other:?}");
        }
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
