//! The trace that a request belongs to, and its span where there is one.

use super::Flow;
use crate::router::Found;
use crate::trace::{Scope, TraceContext};

pub(super) fn scope<B>(flow: &Flow, request: &hyper::Request<B>, found: &Found<'_>) -> Scope {
    let Some(spans) = &flow.layers.spans else { return TraceContext::of(request.headers()).into() };
    let endpoint = found.endpoint();
    let is_probe = endpoint.is_some_and(|endpoint| endpoint.is_probe);
    spans.begin(request, flow.scheme(), endpoint.map(|endpoint| endpoint.label), is_probe)
}
