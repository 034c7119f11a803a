//! Which requests the main thread answers itself: those who watch the service, so that they wait for
//! no handler, and those that are refused. Everything else goes to the workers.

use std::sync::Arc;

use super::head::end_of_head;
use crate::layers::Flow;

/// What is to happen with the bytes at hand.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// So many bytes are a head that is answered here.
    Here(usize),
    /// What begins here is for the workers.
    Workers,
    /// There is too little of it to say.
    Part,
}

/// Looks at the head that these bytes begin with.
pub(super) fn judge(flow: &Arc<Flow>, bytes: &[u8]) -> Verdict {
    let Some(end) = end_of_head(bytes, 0) else {
        return Verdict::Part;
    };
    if flow.is_reserve() || is_own(flow, bytes) { Verdict::Here(end) } else { Verdict::Workers }
}

/// Whether the request line names a route that is answered here.
pub(super) fn is_own(flow: &Flow, bytes: &[u8]) -> bool {
    let target = bytes.strip_prefix(b"GET ").or_else(|| bytes.strip_prefix(b"HEAD "));
    let Some(target) = target else { return false };
    flow.layers.router.own_paths().any(|path| {
        let rest = target.strip_prefix(path.as_bytes());
        rest.is_some_and(|rest| rest.starts_with(b" ") || rest.starts_with(b"?"))
    })
}
