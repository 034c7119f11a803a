//! What is known, everywhere below a request, of the trace that it belongs to.

use super::{CURRENT, TraceContext};

/// The trace of what is worked on, and with the feature `otlp` its spans.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    context: TraceContext,
    /// Where spans are to be sent: what they are the children of.
    #[cfg(feature = "otlp")]
    spans: Option<opentelemetry::Context>,
}

impl From<TraceContext> for Scope {
    /// One without spans.
    fn from(context: TraceContext) -> Self {
        Self {
            context,
            #[cfg(feature = "otlp")]
            spans: None,
        }
    }
}

impl Scope {
    /// That of a trace that is known by its ids alone.
    pub(super) fn of(context: TraceContext) -> Self {
        #[cfg(feature = "otlp")]
        return Self::with_spans(context, super::spans::of(context));
        #[cfg(not(feature = "otlp"))]
        return context.into();
    }

    /// The ids.
    pub(crate) fn context(&self) -> TraceContext {
        self.context
    }

    /// Runs a future in it.
    pub(crate) fn around<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        #[cfg(feature = "otlp")]
        let future = super::spans::attached(self.spans.clone(), future);
        CURRENT.scope(self, future)
    }

    /// Does something at once in it.
    pub(crate) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        #[cfg(feature = "otlp")]
        let _attached = self.spans.clone().map(opentelemetry::Context::attach);
        CURRENT.sync_scope(self.clone(), work)
    }

    /// That of what is worked on.
    pub(super) fn current() -> Option<Self> {
        let scope = CURRENT.try_with(Self::clone).ok()?;
        #[cfg(feature = "otlp")]
        let scope = Self { spans: super::spans::current(), ..scope };
        Some(scope)
    }
}

#[cfg(feature = "otlp")]
impl Scope {
    /// One with spans.
    pub(crate) fn with_spans(context: TraceContext, spans: opentelemetry::Context) -> Self {
        Self { context, spans: Some(spans) }
    }

    /// What its spans are the children of.
    pub(crate) fn spans(&self) -> Option<&opentelemetry::Context> {
        self.spans.as_ref()
    }
}
