//! What a request may be: refused before a handler sees it.
//!
//! hyper's own parser has limits a little above these, so that what goes past ours is still answered
//! with the envelope; what goes past both gets hyper's bare 4xx.

use http_body::Body as _;
use hyper::Version;
use hyper::header::HOST;

use crate::config::ServerConfig;
use crate::error::{Code, Error};
use crate::request::{Request, too_large};

/// Name and value of a field stand between `: ` and the end of the line.
const FIELD_OVERHEAD: usize = 4;

pub(super) fn check(config: &ServerConfig, request: &Request) -> Result<(), Error> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > config.max_uri_bytes {
        let message = format!("the target is longer than {} bytes", config.max_uri_bytes);
        return Err(Error::new(Code::UriTooLong, message));
    }
    let (mut bytes, mut hosts) = (0, 0);
    for (name, value) in request.headers() {
        bytes += name.as_str().len() + value.len() + FIELD_OVERHEAD;
        hosts += usize::from(name == HOST);
    }
    if bytes > config.max_header_bytes {
        let message =
            format!("the header fields are larger than {} bytes", config.max_header_bytes);
        return Err(Error::new(Code::HeaderFieldsTooLarge, message));
    }
    // RFC 9112, 3.2: a server must refuse these.
    if request.version() == Version::HTTP_11 && hosts != 1 {
        return Err(Error::new(Code::InvalidInput, "exactly one Host header is needed"));
    }
    // A body that says its length is refused before it is sent; one that does not, while it is read.
    let smallest = request.body().size_hint().lower();
    if smallest > config.max_body_bytes as u64 {
        return Err(too_large(config.max_body_bytes));
    }
    Ok(())
}
