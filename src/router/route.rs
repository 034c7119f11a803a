//! One route, and what it has of its own.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use tracing::Level;

use super::handler::{Handler, HandlerFn};

/// What gives a handler its state.
pub(super) type Bind<S> = Box<dyn FnOnce(&Arc<S>) -> HandlerFn + Send>;

/// What wraps a handler in a layer.
pub(super) type Wrap = Arc<dyn Fn(HandlerFn) -> HandlerFn + Send + Sync>;

/// One route: a method, a pattern, a handler, and what it has of its own.
pub struct Route<S = ()> {
    /// None: whatever method.
    pub(super) method: Option<Method>,
    pub(super) pattern: Cow<'static, str>,
    /// What it is called in metrics and log lines; its pattern where there is none.
    pub(super) label: Option<String>,
    pub(super) bind: Bind<S>,
    pub(super) terms: Terms,
}

/// What a route has of its own.
#[derive(Clone, Default)]
pub(super) struct Terms {
    pub(super) max_body_bytes: Option<usize>,
    pub(super) timeout: Option<Duration>,
    pub(super) log_level: Option<Level>,
    pub(super) kind: Kind,
    /// The innermost first.
    pub(super) layers: Vec<Wrap>,
}

/// Who asks a route, and who answers it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    Normal,
    /// Those who watch the service.
    Probe,
    /// The same, and it is answered at once, on the thread that runs no handler.
    OwnProbe,
}

impl<S: Send + Sync + 'static> Route<S> {
    /// A route for a method.
    pub fn new<A>(
        method: Method,
        pattern: impl Into<Cow<'static, str>>,
        handler: impl Handler<S, A>,
    ) -> Self {
        Self {
            method: Some(method),
            pattern: pattern.into(),
            label: None,
            bind: Box::new(move |state| handler.bind(state).0),
            terms: Terms::default(),
        }
    }

    /// A route for GET and HEAD.
    pub fn get<A>(pattern: impl Into<Cow<'static, str>>, handler: impl Handler<S, A>) -> Self {
        Self::new(Method::GET, pattern, handler)
    }

    /// A route for POST.
    pub fn post<A>(pattern: impl Into<Cow<'static, str>>, handler: impl Handler<S, A>) -> Self {
        Self::new(Method::POST, pattern, handler)
    }

    /// A route for PUT.
    pub fn put<A>(pattern: impl Into<Cow<'static, str>>, handler: impl Handler<S, A>) -> Self {
        Self::new(Method::PUT, pattern, handler)
    }

    /// A route for PATCH.
    pub fn patch<A>(pattern: impl Into<Cow<'static, str>>, handler: impl Handler<S, A>) -> Self {
        Self::new(Method::PATCH, pattern, handler)
    }

    /// A route for DELETE.
    pub fn delete<A>(pattern: impl Into<Cow<'static, str>>, handler: impl Handler<S, A>) -> Self {
        Self::new(Method::DELETE, pattern, handler)
    }

    /// A route for GET and HEAD that those who watch the service ask: it is answered past every
    /// bound too, and a success is logged at DEBUG only.
    pub fn probe<A>(pattern: impl Into<Cow<'static, str>>, handler: impl Handler<S, A>) -> Self {
        let route = Self::get(pattern, handler).log_level(Level::DEBUG);
        Self { terms: Terms { kind: Kind::Probe, ..route.terms }, ..route }
    }

    /// The same, answered by the thread that runs no handler: it must not wait.
    pub(crate) fn own_probe<A>(pattern: &'static str, handler: impl Handler<S, A>) -> Self {
        let route = Self::probe(pattern, handler);
        Self { terms: Terms { kind: Kind::OwnProbe, ..route.terms }, ..route }
    }

    /// A route for whatever method.
    pub(super) fn any(
        pattern: impl Into<Cow<'static, str>>,
        bind: impl FnOnce(&Arc<S>) -> HandlerFn + Send + 'static,
    ) -> Self {
        Self {
            method: None,
            pattern: pattern.into(),
            label: None,
            bind: Box::new(bind),
            terms: Terms::default(),
        }
    }

    /// Most bytes of a request's body, in place of `server.max_body_bytes`; more is answered 413.
    #[must_use]
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.terms.max_body_bytes = Some(bytes);
        self
    }

    /// How long a request may take until the head of its response is made, in place of
    /// `server.request_timeout`: 504 after it, 408 where its body had not arrived.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.terms.timeout = Some(limit);
        self
    }

    /// The level of the line that each request gets, in place of INFO. A failure is told at INFO at
    /// least.
    #[must_use]
    pub fn log_level(mut self, level: Level) -> Self {
        self.terms.log_level = Some(level);
        self
    }

    pub(super) fn layer(&mut self, wrap: &Wrap) {
        self.terms.layers.push(Arc::clone(wrap));
    }
}
