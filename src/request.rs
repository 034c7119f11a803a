//! A request as a handler gets it. Size and time limits hold for whatever is read from it.

use std::borrow::Cow;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Uri, Version};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::error::{Code, Error};
use crate::server::Connection;

/// Most characters of the reason why JSON is refused.
const MAX_REASON: usize = 256;

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
        let limit = connection.app().config.server.max_body_bytes;
        Self { head, body: RequestBody::new(incoming, limit), params: Vec::new(), connection }
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

    /// The same as a value of a type, such as a number; 400 where it is none.
    pub fn param_as<T: FromStr>(&self, name: &str) -> Result<T, Error> {
        self.param(name)?.parse().map_err(|_| {
            Error::new(Code::InvalidInput, format!("{name}, a part of the path, has a wrong form"))
        })
    }

    /// What the query gives this name first, decoded as forms are (`+` is a space); none where the
    /// name is not there.
    pub fn query(&self, name: &str) -> Result<Option<String>, Error> {
        let mut pairs = self.uri().query().unwrap_or_default().split('&').map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (form_decoded(key), value)
        });
        let found = pairs.find(|(key, _)| key.as_deref() == Some(name));
        found.map_or(Ok(None), |(_, value)| {
            let error = || {
                Error::new(Code::InvalidInput, format!("{name}, in the query, is not UTF-8 text"))
            };
            form_decoded(value).ok_or_else(error).map(Some)
        })
    }

    /// The whole body; 413 when it is larger than `server.max_body_bytes`.
    pub async fn bytes(self) -> Result<Bytes, Error> {
        // Into one buffer: each chunk kept as it came would hold the memory that it was read into.
        let mut body = self.body;
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                if whole.is_empty() && body.is_end_stream() {
                    return Ok(data);
                }
                whole.extend_from_slice(&data);
            }
        }
        Ok(whole.freeze())
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
            // serde repeats the client's value, however long.
            let reason: String = error.to_string().chars().take(MAX_REASON).collect();
            Error::new(code, format!("the body is not the JSON that is expected: {reason}"))
        })
    }

    /// The body as it arrives; it fails with 413 past `server.max_body_bytes`. A body that outlives
    /// its handler is the connection's last: the client is told so, and has the request timeout to
    /// send the rest.
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

/// application/x-www-form-urlencoded, <https://url.spec.whatwg.org/#urlencoded-parsing>; none where
/// it is not UTF-8.
fn form_decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    Some(percent_decode_str(&text).decode_utf8().ok()?.into_owned())
}

/// 413, for a body past the limit.
pub(crate) fn too_large(limit: usize) -> Error {
    Error::new(Code::PayloadTooLarge, format!("the body is larger than {limit} bytes"))
}

/// How a body fares in the hands of a handler.
#[derive(Debug, Default)]
pub(crate) struct Upload {
    waits: AtomicBool,
    has_ended: AtomicBool,
}

impl Upload {
    /// Whether the handler waits for the client to send more.
    pub(crate) fn waits(&self) -> bool {
        self.waits.load(Relaxed)
    }

    /// Whether all of it was read.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.load(Relaxed)
    }
}

/// The body of a request, as it arrives.
#[derive(Debug)]
pub struct RequestBody {
    incoming: Incoming,
    /// The most that may be read, and how much of it may still come.
    limit: usize,
    left: usize,
    /// None where there is no body.
    upload: Option<Arc<Upload>>,
}

impl RequestBody {
    fn new(incoming: Incoming, limit: usize) -> Self {
        let upload = (!incoming.is_end_stream()).then(Arc::default);
        Self { incoming, limit, left: limit, upload }
    }

    /// A frame as the handler gets it.
    fn limited(
        &mut self,
        frame: Option<Result<Frame<Bytes>, hyper::Error>>,
    ) -> Option<Result<Frame<Bytes>, Error>> {
        if let Some(upload) = &self.upload {
            let has_ended = frame.is_none() || self.incoming.is_end_stream();
            upload.has_ended.store(has_ended, Relaxed);
        }
        match frame? {
            Err(error) => {
                let message = "the body did not arrive whole";
                Some(Err(Error::new(Code::InvalidInput, message).caused_by(error)))
            }
            Ok(frame) => {
                let size = frame.data_ref().map_or(0, Bytes::len);
                match self.left.checked_sub(size) {
                    Some(left) => self.left = left,
                    None => return Some(Err(too_large(self.limit))),
                }
                Some(Ok(frame))
            }
        }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = Pin::new(&mut self.incoming).poll_frame(context);
        if let Some(upload) = &self.upload {
            upload.waits.store(frame.is_pending(), Relaxed);
        }
        frame.map(|frame| self.limited(frame))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
