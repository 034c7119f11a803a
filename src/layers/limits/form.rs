//! The form of a message, as far as hyper's parser leaves it to the service: target, Host and transfer
//! codings by RFC 9112.

use hyper::header::{HOST, HeaderValue, TRANSFER_ENCODING};
use hyper::{Method, Version};

use crate::authority::is_host;
use crate::code::Code;
use crate::error::Error;
use crate::request::Request;

pub(super) fn check(request: &Request) -> Result<(), Error> {
    let refuse = |message: &'static str| Err(Error::new(Code::INVALID_INPUT, message));
    if !is_target(request) {
        return refuse("the target must be a path, or name a scheme and a host");
    }
    // RFC 9112, 3.2: a server must refuse these. Before HTTP/1.1 there was no such field, and HTTP/2
    // has its own.
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() == Version::HTTP_11 => {
            return refuse("exactly one Host header is needed");
        }
        (_, Some(_)) => return refuse("exactly one Host header is needed"),
        (Some(host), _) if !is_host(host.as_bytes()) => {
            return refuse("the Host header must be a host and perhaps a port");
        }
        _ => {}
    }
    // RFC 9112, 6.1: chunked is the last coding, and is there once. Another before it would be left
    // in the body that a handler reads.
    let mut codings = request.headers().get_all(TRANSFER_ENCODING).iter();
    let is_chunked = |codings: &HeaderValue| codings.as_bytes().eq_ignore_ascii_case(b"chunked");
    if codings.next().is_some_and(|first| !is_chunked(first)) || codings.next().is_some() {
        return refuse("chunked is the only transfer coding that is understood, and once");
    }
    Ok(())
}

/// RFC 9112, 3.2: a host alone is for CONNECT, an asterisk for OPTIONS.
fn is_target(request: &Request) -> bool {
    match request.uri().path() {
        "" => request.method() == Method::CONNECT,
        "*" => request.method() == Method::OPTIONS,
        path => path.starts_with('/'),
    }
}
