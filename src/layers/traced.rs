//! The trace that a request belongs to, and its span where there is one.

use super::Flow;
use crate::router::Found;
use crate::trace::{Scope, TraceContext};

pub(super) fn scope<B>(flow: &Flow, request: &hyper::Request<B>, found: &Found<'_>) -> Scope {
    let Some(spans) = &flow.layers.spans else { return TraceContext::of(request.headers()).into() };
    match found {
        Found::Endpoint(endpoint, _) | Found::Layered(endpoint) => {
            spans.begin(request, flow.scheme(), Some(endpoint.label), endpoint.is_probe)
        }
        _ => spans.begin(request, flow.scheme(), None, false),
    }
}
