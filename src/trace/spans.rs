//! A trace as OpenTelemetry has it.

use std::future::poll_fn;
use std::pin::pin;
use std::str::FromStr;

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};

use super::{SAMPLED, TraceContext};

/// What goes along with `traceparent`, each system's own: <https://www.w3.org/TR/trace-context/>.
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Most bytes of a `tracestate`: as many as the recommendation asks to pass on.
const MAX_STATE: usize = 512;

impl TraceContext {
    /// The same with another decision.
    pub(crate) fn with_sampled(self, is_sampled: bool) -> Self {
        let flags = if is_sampled { self.flags | SAMPLED } else { self.flags & !SAMPLED };
        Self { flags, ..self }
    }

    /// This service's span, as its children see it.
    pub(crate) fn span(self, state: TraceState) -> SpanContext {
        let flags = TraceFlags::new(self.flags);
        SpanContext::new(self.otel_trace_id(), SpanId::from(self.span_id), flags, false, state)
    }

    /// The span of who asks, with the `tracestate` that came along.
    pub(crate) fn parent(self, id: u64, headers: &HeaderMap) -> SpanContext {
        let flags = TraceFlags::new(self.flags);
        let state = state_of(headers);
        SpanContext::new(self.otel_trace_id(), SpanId::from(id), flags, true, state)
    }

    /// The trace's id.
    pub(crate) fn otel_trace_id(self) -> TraceId {
        TraceId::from(self.trace_id)
    }
}

/// What comes is passed on whole or, where it is not as it should be, not at all.
fn state_of(headers: &HeaderMap) -> TraceState {
    let values: Option<Vec<&str>> =
        headers.get_all(TRACESTATE).iter().map(|value| value.to_str().ok()).collect();
    let text = values.unwrap_or_default().join(",");
    if text.is_empty() || text.len() > MAX_STATE {
        return TraceState::default();
    }
    TraceState::from_str(&text).unwrap_or_default()
}

/// What is the parent of spans in a trace that is known by its ids alone.
pub(super) fn of(context: TraceContext) -> Context {
    Context::new().with_remote_span_context(context.span(TraceState::default()))
}

/// The context of the innermost span, if there is any.
pub(super) fn current() -> Option<Context> {
    Context::map_current(|context| context.has_active_span().then(|| context.clone()))
}

/// The headers that name the innermost span as the parent.
pub(super) fn headers() -> Option<HeaderMap> {
    let span = current()?.span().span_context().clone();
    let context = TraceContext {
        trace_id: u128::from_be_bytes(span.trace_id().to_bytes()),
        span_id: u64::from_be_bytes(span.span_id().to_bytes()),
        flags: span.trace_flags().to_u8(),
    };
    let mut headers = HeaderMap::new();
    headers.insert(super::TRACEPARENT, context.header_values().0);
    let state = span.trace_state().header();
    if let Some(state) = HeaderValue::from_str(&state).ok().filter(|state| !state.is_empty()) {
        headers.insert(TRACESTATE, state);
    }
    Some(headers)
}

/// Runs a future so that the spans that it makes are children of this one.
pub(super) async fn attached<F: Future>(spans: Option<Context>, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        let _attached = spans.clone().map(Context::attach);
        future.as_mut().poll(context)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::super::{Scope, TRACEPARENT, headers, inherit};
    use super::*;

    fn asked(state: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        headers.insert(TRACEPARENT, parent.parse().unwrap());
        for state in state {
            headers.append(TRACESTATE, state.parse().unwrap());
        }
        headers
    }

    fn scope(state: &[&str]) -> Scope {
        let asked = asked(state);
        let (context, parent) = TraceContext::with_parent(&asked);
        let parent = context.parent(parent.unwrap(), &asked);
        let span = context.span(parent.trace_state().clone());
        Scope::with_spans(context, Context::new().with_remote_span_context(span))
    }

    #[test]
    fn the_parent_is_the_one_that_the_header_names() {
        let asked = asked(&[]);
        let (context, parent) = TraceContext::with_parent(&asked);
        let parent = context.parent(parent.unwrap(), &asked);
        assert_eq!(parent.span_id().to_string(), "00f067aa0ba902b7");
        assert_eq!(parent.trace_id().to_string(), context.trace_id().to_string());
        assert!(parent.is_remote() && parent.is_sampled());
        assert!(context.is_sampled() && !context.with_sampled(false).is_sampled());
        assert_eq!(TraceContext::with_parent(&HeaderMap::new()).1, None);
    }

    #[tokio::test]
    async fn the_state_goes_on_also_in_a_task_that_inherits() {
        let scope = scope(&["a=1", "b=2"]);
        let own = scope.context().header_values().0;
        scope
            .around(async move {
                assert_eq!(headers()[TRACEPARENT], own);
                assert_eq!(headers()[TRACESTATE], "a=1,b=2");
                let spawned = tokio::spawn(inherit(async { headers() })).await.unwrap();
                assert_eq!(
                    (&spawned[TRACEPARENT], &spawned[TRACESTATE]),
                    (&own, &"a=1,b=2".parse().unwrap())
                );
            })
            .await;
        assert!(headers().is_empty());
    }

    #[test]
    fn a_state_that_is_none_or_too_long_is_left_out() {
        for wrong in [&["no state"][..], &[&format!("a={}", "x".repeat(600))], &["\u{e9}=1"]] {
            let told = scope(wrong).within(headers);
            assert!(!told.contains_key(TRACESTATE) && told.contains_key(TRACEPARENT), "{wrong:?}");
        }
    }
}
