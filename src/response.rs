//! The usual responses. A [`Response`] is hyper's, so whatever is not here is a builder away.

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;

use crate::body::Body;
use crate::error::Error;

/// The media type of JSON. (A constant: `from_static` looks at each byte whenever it is called.)
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

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

/// Any status with a body of this media type.
pub fn with_type(status: StatusCode, media_type: HeaderValue, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}
