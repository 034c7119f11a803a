//! The errors that clients get: one envelope for all of them.
//!
//! ```json
//! {"error":{"code":"NOT_FOUND","message":"…","trace_id":"…","timestamp":"…","path":"/x"}}
//! ```

use std::borrow::Cow;
use std::time::SystemTime;

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::body::BoxError;
use crate::response::{self, Response};
use crate::telemetry::rfc3339;
use crate::trace::TraceId;

/// The longest path that is repeated in an error, in characters.
const MAX_PATH: usize = 256;

/// What went wrong, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "each is the status code of its name, see `Code::status`")]
pub enum Code {
    InvalidInput,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    Conflict,
    PayloadTooLarge,
    UriTooLong,
    UnsupportedMediaType,
    UnprocessableEntity,
    TooManyRequests,
    HeaderFieldsTooLarge,
    InternalError,
    ServiceUnavailable,
    Timeout,
}

impl Code {
    /// The status that goes with it, RFC 9110 and RFC 6585.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::InvalidInput => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict => StatusCode::CONFLICT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::UnprocessableEntity => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::HeaderFieldsTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

/// What a handler returns in place of a response. Any other error becomes one by `?`: the client
/// then gets `INTERNAL_ERROR` and the trace id, and the log gets the error and all of its causes.
#[derive(Debug)]
pub struct Error {
    code: Code,
    message: Cow<'static, str>,
    extensions: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<BoxError>,
}

impl Error {
    /// An error with a message for the client. Nothing internal belongs into it.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            extensions: Map::new(),
            headers: Vec::new(),
            cause: None,
        }
    }

    /// Adds something for the client's program to the envelope's `extensions`.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extensions.insert(key.into(), value.into());
        self
    }

    /// Adds a header to the response, such as `Allow` or `Retry-After`.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds the cause: it is logged, and never shown to the client.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<BoxError>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// What went wrong, for programs.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The response with the envelope. The cause, if there is one, goes to the log.
    pub(crate) fn into_response(self, trace_id: TraceId, path: Option<&str>) -> Response {
        self.log_cause();
        let json = self.to_json(trace_id, path);
        let mut response = response::with_type(self.code.status(), response::JSON, json);
        response.headers_mut().extend(self.headers);
        response
    }

    /// The envelope.
    pub(crate) fn to_json(&self, trace_id: TraceId, path: Option<&str>) -> Vec<u8> {
        let path = path.map(|path| match path.char_indices().nth(MAX_PATH) {
            Some((end, _)) => path.get(..end).unwrap_or_default(),
            None => path,
        });
        let envelope = Envelope {
            error: Content {
                code: self.code,
                message: &self.message,
                trace_id: trace_id.to_string(),
                timestamp: rfc3339(SystemTime::now()),
                path,
                extensions: (!self.extensions.is_empty()).then_some(&self.extensions),
            },
        };
        serde_json::to_vec(&envelope).unwrap_or_default()
    }

    fn log_cause(&self) {
        let Some(cause) = &self.cause else { return };
        let mut causes = cause.to_string();
        let mut next = cause.source();
        while let Some(cause) = next {
            causes.push_str(": ");
            causes.push_str(&cause.to_string());
            next = cause.source();
        }
        if self.code.status().is_server_error() {
            tracing::error!(error = causes, "{}", self.message);
        } else {
            tracing::debug!(error = causes, "{}", self.message);
        }
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Self::new(Code::InternalError, "something went wrong on our side").caused_by(error)
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Content<'a>,
}

#[derive(Serialize)]
struct Content<'a> {
    code: Code,
    message: &'a str,
    trace_id: String,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extensions: Option<&'a Map<String, Value>>,
}

#[cfg(test)]
mod tests {
    use std::io;

    use http_body_util::BodyExt;
    use hyper::HeaderMap;
    use hyper::header::ALLOW;

    use super::*;
    use crate::trace::TraceContext;

    async fn json(error: Error, path: &str) -> (StatusCode, Value) {
        let trace = TraceContext::of(&HeaderMap::new());
        let response = error.into_response(trace.trace_id(), Some(path));
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn the_envelope_is_that_of_the_contract() {
        let error = Error::new(Code::Conflict, "taken").with("name", "x");
        let (status, json) = json(error, "/a").await;
        assert_eq!(status, 409);
        let error = &json["error"];
        assert_eq!((&error["code"], &error["message"]), (&"CONFLICT".into(), &"taken".into()));
        assert_eq!((&error["path"], &error["extensions"]["name"]), (&"/a".into(), &"x".into()));
        assert_eq!(error["trace_id"].as_str().unwrap().len(), 32);
        assert!(error["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[tokio::test]
    async fn another_error_is_internal_and_its_text_stays_inside() {
        let (status, json) = json(io::Error::other("password=hunter2").into(), "/a").await;
        assert_eq!((status.as_u16(), &json["error"]["code"]), (500, &"INTERNAL_ERROR".into()));
        assert!(!json.to_string().contains("hunter2"));
        assert!(json["error"].get("extensions").is_none());
    }

    #[tokio::test]
    async fn a_long_path_is_cut_between_characters() {
        let (_, json) = json(Error::new(Code::NotFound, "no"), &"/ü".repeat(1000)).await;
        assert_eq!(json["error"]["path"].as_str().unwrap().chars().count(), MAX_PATH);
    }

    #[test]
    fn headers_of_the_error_are_on_the_response() {
        let error = Error::new(Code::MethodNotAllowed, "no")
            .with_header(ALLOW, HeaderValue::from_static("GET"));
        let trace = TraceContext::of(&HeaderMap::new());
        assert_eq!(error.into_response(trace.trace_id(), None).headers()[ALLOW], "GET");
    }
}
