//! A request as a handler gets it. Size and time limits hold for whatever is read from it.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Uri, Version};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::error::{Code, Error};
use crate::server::Connection;

/// A request.
#[derive(Debug)]
pub struct Request {
    head: Parts,
    body: RequestBody,
    params: Vec<(String, String)>,
    connection: Arc<Connection>,
}

impl Request {
    pub(crate) fn new(request: hyper::Request<Incoming>, connection: Arc<Connection>) -> Self {
        let (head, incoming) = request.into_parts();
        Self { head, body: RequestBody::new(incoming), params: Vec::new(), connection }
    }

    pub(crate) fn with_params(mut self, params: Vec<(String, String)>) -> Self {
        self.params = params;
        self
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.head.method
    }

    /// The target.
    pub fn uri(&self) -> &Uri {
        &self.head.uri
    }

    /// The header fields.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// What stood in the place of `{name}` in the route's pattern, percent-decoded.
    pub fn param(&self, name: &str) -> Result<Cow<'_, str>, Error> {
        let found = self.params.iter().find(|(key, _)| key == name);
        let (_, value) = found.ok_or_else(|| {
            Error::new(Code::InternalError, "something went wrong on our side")
                .caused_by(format!("the route's pattern has no {{{name}}}"))
        })?;
        percent_decode_str(value)
            .decode_utf8()
            .map_err(|_| Error::new(Code::InvalidInput, "a part of the path is not UTF-8 text"))
    }

    /// The whole body; 413 when it is larger than `server.max_body_bytes`.
    pub async fn bytes(self) -> Result<Bytes, Error> {
        let limit = self.app().config.server.max_body_bytes;
        match Limited::new(self.body, limit).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(too_large(limit)),
            Err(error) => {
                let message = "the body did not arrive whole";
                Err(Error::new(Code::InvalidInput, message).caused_by(error))
            }
        }
    }

    /// The body as JSON: 415 when it does not say it is JSON, 400 when it is none, 422 when it is
    /// not what the type wants.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let media_type = self.head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence =
            media_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
        let is_json = essence.eq_ignore_ascii_case("application/json")
            || essence.to_ascii_lowercase().ends_with("+json");
        if !is_json {
            let message = "the body must be JSON, with content-type: application/json";
            return Err(Error::new(Code::UnsupportedMediaType, message));
        }
        serde_json::from_slice(&self.bytes().await?).map_err(|error| {
            let code = if error.is_data() { Code::UnprocessableEntity } else { Code::InvalidInput };
            Error::new(code, format!("the body is not the JSON that is expected: {error}"))
        })
    }

    /// The body as it arrives, without the limit of [`Request::bytes`] but with its time.
    pub fn into_body(self) -> RequestBody {
        self.body
    }

    pub(crate) fn version(&self) -> Version {
        self.head.version
    }

    pub(crate) fn body(&self) -> &RequestBody {
        &self.body
    }

    /// What can be asked of the body once a handler has it; none where there is no body.
    pub(crate) fn upload(&self) -> Option<Arc<Upload>> {
        self.body.upload.clone()
    }

    pub(crate) fn app(&self) -> &App {
        self.connection.app()
    }
}

/// 413, for a body past the limit.
pub(crate) fn too_large(limit: usize) -> Error {
    Error::new(Code::PayloadTooLarge, format!("the body is larger than {limit} bytes"))
}

/// How a body fares in the hands of a handler.
#[derive(Debug, Default)]
pub(crate) struct Upload {
    waits: AtomicBool,
    is_unread: AtomicBool,
}

impl Upload {
    /// Whether the handler waits for the client to send more.
    pub(crate) fn waits(&self) -> bool {
        self.waits.load(Relaxed)
    }

    /// Whether the handler has dropped the body before its end. hyper then closes the connection,
    /// unless all of the body is there already, and does not always say so.
    pub(crate) fn is_unread(&self) -> bool {
        self.is_unread.load(Relaxed)
    }
}

/// The body of a request, as it arrives.
#[derive(Debug)]
pub struct RequestBody {
    incoming: Incoming,
    /// None where there is no body.
    upload: Option<Arc<Upload>>,
    has_ended: bool,
}

impl RequestBody {
    fn new(incoming: Incoming) -> Self {
        let has_ended = incoming.is_end_stream();
        Self { incoming, upload: (!has_ended).then(Arc::default), has_ended }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(upload) = &self.upload {
            upload.is_unread.store(!self.has_ended && !self.incoming.is_end_stream(), Relaxed);
        }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.incoming).poll_frame(context);
        if let Some(upload) = &self.upload {
            upload.waits.store(frame.is_pending(), Relaxed);
        }
        self.has_ended |= matches!(frame, Poll::Ready(None));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
