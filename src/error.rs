//! The errors that clients get: one envelope for all of them.
//!
//! ```json
//! {"error":{"code":"NOT_FOUND","message":"…","trace_id":"…","timestamp":"…","path":"/x"}}
//! ```

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue, RETRY_AFTER};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::body::BoxError;
use crate::bounds::Reason;
use crate::code::Code;
use crate::telemetry::rfc3339;
use crate::text::chain;
use crate::trace::TraceId;

mod own;

pub use own::{HttpError, ResultExt};

/// The longest path that is repeated in an error, in characters.
const MAX_PATH: usize = 256;

/// What a client reads of an error that is none of its business.
pub(crate) const INTERNAL: &str = "something went wrong on our side";

/// What a handler returns in place of a response.
///
/// An error type of one's own becomes one by `?` ([`HttpError`]), any other by
/// `.or_internal()?` ([`ResultExt`]): the client then gets `INTERNAL_ERROR` and the trace's id, and
/// the log gets the error and all of its causes.
///
/// ```
/// use pcf_api::http::{HeaderValue, header::RETRY_AFTER};
/// use pcf_api::{Code, Error};
///
/// fn sold_out(cause: std::io::Error) -> Error {
///     // 409 {"error":{"code":"CONFLICT","message":"sold out","extensions":{"left":0},…}}
///     Error::new(Code::CONFLICT, "sold out")
///         .with("left", 0)
///         .with_header(RETRY_AFTER, HeaderValue::from_static("60"))
///         .caused_by(cause) // for the log alone
/// }
/// # assert_eq!(sold_out(std::io::Error::other("x")).code(), Code::CONFLICT);
/// ```
#[derive(Debug)]
pub struct Error {
    code: Code,
    message: Cow<'static, str>,
    extensions: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<BoxError>,
    shed: Option<Reason>,
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
            shed: None,
        }
    }

    /// 500: what went wrong is for the log alone.
    pub fn internal(cause: impl Into<BoxError>) -> Self {
        Self::new(Code::INTERNAL_ERROR, INTERNAL).caused_by(cause)
    }

    /// 503: the service has too much to do. When to come back stands in `Retry-After`, RFC 9110, 10.2.3.
    pub(crate) fn shed(reason: Reason) -> Self {
        let error =
            Self::new(Code::SERVICE_UNAVAILABLE, "the service is overloaded; try again soon")
                .with_header(RETRY_AFTER, HeaderValue::from_static("1"));
        Self { shed: Some(reason), ..error }
    }

    /// Why it was shed, where it was.
    pub(crate) fn shed_reason(&self) -> Option<Reason> {
        self.shed
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

    fn without_cause(&self) -> Self {
        Self {
            code: self.code,
            message: self.message.clone(),
            extensions: self.extensions.clone(),
            headers: self.headers.clone(),
            cause: None,
            shed: self.shed,
        }
    }

    /// What the client reads.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What went wrong, for programs.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The header fields that go with it.
    pub(crate) fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
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

    /// Tells the log of the cause, where there is one.
    pub(crate) fn log_cause(&self) {
        let Some(cause) = &self.cause else { return };
        let causes = chain(&**cause);
        match self.code.status() {
            // Of the other ones it is known what they are: full, away, not made yet.
            StatusCode::INTERNAL_SERVER_ERROR => {
                tracing::error!(error = causes, "{}", self.message);
            }
            status if status.is_server_error() => {
                tracing::warn!(error = causes, "{}", self.message);
            }
            _ => tracing::debug!(error = causes, "{}", self.message),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
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
    use hyper::HeaderMap;

    use super::*;
    use crate::trace::TraceContext;

    fn json(error: &Error, path: &str) -> Value {
        let trace = TraceContext::of(&HeaderMap::new());
        serde_json::from_slice(&error.to_json(trace.trace_id(), Some(path))).unwrap()
    }

    #[test]
    fn the_envelope_is_that_of_the_contract() {
        let json = json(&Error::new(Code::CONFLICT, "taken").with("name", "x"), "/a");
        let error = &json["error"];
        assert_eq!((&error["code"], &error["message"]), (&"CONFLICT".into(), &"taken".into()));
        assert_eq!((&error["path"], &error["extensions"]["name"]), (&"/a".into(), &"x".into()));
        assert_eq!(error["trace_id"].as_str().unwrap().len(), 32);
        assert!(error["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn another_error_is_internal_and_its_text_stays_inside() {
        let error = Err::<(), _>("password=hunter2".to_owned()).or_internal().unwrap_err();
        let json = json(&error, "/a");
        assert_eq!(
            (error.code().status().as_u16(), &json["error"]["code"]),
            (500, &"INTERNAL_ERROR".into())
        );
        assert!(!json.to_string().contains("hunter2"));
        assert!(json["error"].get("extensions").is_none());
    }

    #[test]
    fn a_long_path_is_cut_between_characters() {
        let json = json(&Error::new(Code::NOT_FOUND, "no"), &"/ü".repeat(1000));
        assert_eq!(json["error"]["path"].as_str().unwrap().chars().count(), MAX_PATH);
    }
}
