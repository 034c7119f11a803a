//! The usual responses. A [`Response`] is hyper's, so whatever is not here is a builder away.
//!
//! ```
//! use pcf_api::http::{HeaderValue, StatusCode, header::{CACHE_CONTROL, LOCATION}};
//! use pcf_api::{Error, Response, response};
//! use serde::Serialize;
//!
//! #[derive(Serialize)]
//! struct Item {
//!     id: u64,
//! }
//!
//! fn created() -> Result<Response, Error> {
//!     let mut response = response::json_with(StatusCode::CREATED, &Item { id: 7 })?;
//!     response.headers_mut().insert(LOCATION, HeaderValue::from_static("/items/7"));
//!     Ok(response)
//! }
//!
//! fn logo(svg: Vec<u8>) -> Response {
//!     let media_type = HeaderValue::from_static("image/svg+xml");
//!     let mut response = response::with_type(StatusCode::OK, media_type, svg);
//!     response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("max-age=3600"));
//!     response
//! }
//! # assert_eq!(created().unwrap().status(), 201);
//! # assert_eq!(logo(vec![]).status(), 200);
//! # assert_eq!(response::no_content().status(), 204);
//! ```

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use serde::Serialize;

use crate::body::Body;
use crate::error::Error;
use crate::trace::TraceId;

/// The media type of JSON. (A constant: `from_static` looks at each byte whenever it is called.)
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// SECURITY: a body is what its type says. A browser that guessed could take the words of a user in
/// it for a script.
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// What a handler returns.
pub type Response = hyper::Response<Body>;

/// 200 with a value as JSON.
pub fn json(value: &impl Serialize) -> Result<Response, Error> {
    json_with(StatusCode::OK, value)
}

/// Any status with a value as JSON.
pub fn json_with(status: StatusCode, value: &impl Serialize) -> Result<Response, Error> {
    Ok(with_type(status, JSON, serde_json::to_vec(value)?))
}

/// 200 with plain text.
pub fn text(text: impl Into<Body>) -> Response {
    with_type(StatusCode::OK, TEXT, text)
}

/// 204: done, and nothing to say.
pub fn no_content() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Any status with a body of this media type, which browsers are told not to doubt.
pub fn with_type(status: StatusCode, media_type: HeaderValue, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    response
}

/// An error as the client gets it: the envelope. The cause, if there is one, goes to the log.
pub(crate) fn of_error(error: &Error, trace_id: TraceId, path: Option<&str>) -> Response {
    error.log_cause();
    let mut response = with_type(error.code().status(), JSON, error.to_json(trace_id, path));
    response.headers_mut().extend(error.headers().iter().cloned());
    if let Some(reason) = error.shed_reason() {
        response.extensions_mut().insert(reason);
    }
    response
}

/// A response with what the layers around a handler have put on another, such as CORS; what that one
/// says of its own body is left out.
pub(crate) fn with_headers_of(mut response: Response, other: &Response) -> Response {
    for (name, value) in other.headers() {
        if !name.as_str().starts_with("content-") && !response.headers().contains_key(name) {
            response.headers_mut().append(name, value.clone());
        }
    }
    response
}
