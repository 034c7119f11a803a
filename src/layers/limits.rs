//! What a request may be: refused before a handler sees it.
//!
//! hyper's own parser has limits a little above these, so that what goes past ours is still answered
//! with the envelope; what goes past both gets hyper's bare 4xx.

mod form;

use std::time::Duration;

use http_body::Body as _;

use crate::code::Code;
use crate::error::Error;
use crate::request::Request;
use crate::router::Found;
use crate::upload::too_large;

/// Name and value of a field stand between `: ` and the end of the line.
const FIELD_OVERHEAD: usize = 4;

/// The limits of a request.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) max_uri_bytes: usize,
    pub(crate) max_header_bytes: usize,
    pub(crate) max_body_bytes: usize,
    pub(crate) request_timeout: Duration,
}

impl Limits {
    /// Most bytes of the body, and how long the request may take: the route's own, where it has any.
    pub(super) fn of(&self, found: &Found<'_>) -> (usize, Duration) {
        let own = found.endpoint();
        let max_body_bytes = own.and_then(|endpoint| endpoint.max_body_bytes);
        let timeout = own.and_then(|endpoint| endpoint.timeout);
        (max_body_bytes.unwrap_or(self.max_body_bytes), timeout.unwrap_or(self.request_timeout))
    }

    /// 414, for a target past the limit.
    pub(crate) fn uri_too_long(&self) -> Error {
        let message = format!("the target is longer than {} bytes", self.max_uri_bytes);
        Error::new(Code::URI_TOO_LONG, message)
    }

    /// 431, for a head past the limit.
    pub(crate) fn header_fields_too_large(&self) -> Error {
        let message = format!("the header fields are larger than {} bytes", self.max_header_bytes);
        Error::new(Code::HEADER_FIELDS_TOO_LARGE, message)
    }
}

/// Refuses what is past a limit; the size of the head of what is not.
pub(super) fn check(
    limits: &Limits,
    max_body_bytes: usize,
    request: &Request,
) -> Result<usize, Error> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > limits.max_uri_bytes {
        return Err(limits.uri_too_long());
    }
    let mut bytes = 0;
    for (name, value) in request.headers() {
        bytes += name.as_str().len() + value.len() + FIELD_OVERHEAD;
    }
    if bytes > limits.max_header_bytes {
        return Err(limits.header_fields_too_large());
    }
    form::check(request)?;
    // A body that says its length is refused before it is sent; one that does not, while it is read.
    let smallest = request.body().size_hint().lower();
    if smallest > max_body_bytes as u64 {
        return Err(too_large(max_body_bytes));
    }
    Ok(target + bytes)
}
