//! A request as a handler gets it. Size and time limits hold for whatever is read from it.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Uri, Version};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use crate::body::BoxError;
use crate::bounds::Hold;
use crate::code::Code;
use crate::error::Error;
#[cfg(feature = "tls")]
use crate::tls::ClientCertificate;
pub use crate::upload::RequestBody;
use crate::upload::{Allowance, Upload};

/// Most characters of the reason why JSON is refused.
const MAX_REASON: usize = 256;

/// A request, as a handler gets it.
///
/// ```
/// use pcf_api::{Code, Error, Request, Response, response};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize, Serialize)]
/// struct Order {
///     item: String,
///     count: u32,
/// }
///
/// // POST /shops/{shop}/orders?urgent=yes
/// async fn order(request: Request) -> Result<Response, Error> {
///     let shop: u64 = request.param_as("shop")?; // 400 where it is no number
///     let is_urgent = request.query("urgent")?.as_deref() == Some("yes");
///     let has_key = request.headers().contains_key("x-api-key");
///     if !has_key {
///         return Err(Error::new(Code::UNAUTHORIZED, "an API key is needed"));
///     }
///     let order: Order = request.json().await?; // 415, 400, 422 or 413 where it is none
///     tracing::info!(shop, is_urgent, "an order");
///     response::json(&order)
/// }
/// ```
#[derive(Debug)]
pub struct Request {
    head: Parts,
    body: RequestBody,
    params: Vec<(String, String)>,
}

impl Request {
    /// A request whose body may have so many bytes, those that are kept counted in `hold`.
    pub(crate) fn new(request: hyper::Request<Incoming>, limit: usize, hold: Hold) -> Self {
        let (head, incoming) = request.into_parts();
        Self { head, body: RequestBody::incoming(incoming, limit, hold), params: Vec::new() }
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
        let (_, value) = found
            .ok_or_else(|| Error::internal(format!("the route's pattern has no {{{name}}}")))?;
        percent_decode_str(value)
            .decode_utf8()
            .map_err(|_| Error::new(Code::INVALID_INPUT, "a part of the path is not UTF-8 text"))
    }

    /// The same as a value of a type, such as a number; 400 where it is none.
    pub fn param_as<T: FromStr>(&self, name: &str) -> Result<T, Error> {
        self.param(name)?.parse().map_err(|_| {
            Error::new(Code::INVALID_INPUT, format!("{name}, a part of the path, has a wrong form"))
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
                Error::new(Code::INVALID_INPUT, format!("{name}, in the query, is not UTF-8 text"))
            };
            form_decoded(value).ok_or_else(error).map(Some)
        })
    }

    /// The whole body; 413 when it is larger than the route's limit, which is
    /// `server.max_body_bytes` where the route has none of its own.
    pub async fn bytes(self) -> Result<Bytes, Error> {
        self.body.whole().await
    }

    /// The body as JSON: 415 when it does not say it is JSON, 400 when it is none, 422 when it is
    /// not what the type wants, which is told with the field.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let media_type = self.head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence =
            media_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
        let is_json = essence.eq_ignore_ascii_case("application/json")
            || essence.to_ascii_lowercase().ends_with("+json");
        if !is_json {
            let message = "the body must be JSON, with content-type: application/json";
            return Err(Error::new(Code::UNSUPPORTED_MEDIA_TYPE, message));
        }
        let body = self.bytes().await?;
        serde_json::from_slice(&body).map_err(|error| refused::<T>(&body, &error))
    }

    /// The body as it arrives; it fails with 413 past the route's limit.
    ///
    /// ```
    /// use http_body_util::BodyExt;
    /// use pcf_api::{Error, Request, Response, response};
    ///
    /// async fn count(request: Request) -> Result<Response, Error> {
    ///     let mut body = request.into_body();
    ///     let mut bytes = 0;
    ///     while let Some(frame) = body.frame().await {
    ///         bytes += frame?.data_ref().map_or(0, |data| data.len());
    ///     }
    ///     Ok(response::text(bytes.to_string()))
    /// }
    /// ```
    ///
    /// A body that outlives
    /// its handler is the connection's last: the client is told so, and has the request timeout to
    /// send the rest.
    pub fn into_body(self) -> RequestBody {
        self.body
    }

    /// The request as the types of the ecosystem, for a `tower` service. What stood in the places of
    /// the route's pattern goes with it, and comes back by `Request::from`.
    pub fn into_http(self) -> hyper::Request<RequestBody> {
        let Self { mut head, body, params } = self;
        if !params.is_empty() {
            head.extensions.insert(Params(params));
        }
        head.extensions.insert(body.allowance());
        hyper::Request::from_parts(head, body)
    }

    /// The certificate that the client has presented; none where `server.tls_client_ca` is not set, and
    /// on the management port. Layers and services of `tower` find it in the extensions.
    ///
    /// ```
    /// use pcf_api::{Code, Error, Request, Response, response};
    ///
    /// async fn whoami(request: Request) -> Result<Response, Error> {
    ///     let client = request.client_certificate();
    ///     let client = client.ok_or_else(|| Error::new(Code::UNAUTHORIZED, "who are you?"))?;
    ///     Ok(response::text(client.subject().to_owned())) // CN=shop,O=Example
    /// }
    /// ```
    #[cfg(feature = "tls")]
    pub fn client_certificate(&self) -> Option<&ClientCertificate> {
        self.head.extensions.get()
    }

    #[cfg(feature = "tls")]
    pub(crate) fn with_client_certificate(mut self, client: Option<&ClientCertificate>) -> Self {
        if let Some(client) = client {
            self.head.extensions.insert(client.clone());
        }
        self
    }

    /// The head's extensions: what layers around the handler have left for it.
    ///
    /// ```
    /// #[derive(Clone)]
    /// struct User(String);
    ///
    /// fn name(request: &pcf_api::Request) -> Option<&str> {
    ///     request.extensions().get::<User>().map(|user| user.0.as_str())
    /// }
    /// ```
    pub fn extensions(&self) -> &hyper::http::Extensions {
        &self.head.extensions
    }

    pub(crate) fn version(&self) -> Version {
        self.head.version
    }

    pub(crate) fn body(&self) -> &RequestBody {
        &self.body
    }

    /// What can be asked of the body once a handler has it; none where there is no body.
    pub(crate) fn upload(&self) -> Option<Arc<Upload>> {
        self.body.upload()
    }
}

/// What the client is told of JSON that is not a `T`. Such a body is read once more to find the field:
/// to keep its path at the first time would cost each good body a quarter of its time.
fn refused<T: DeserializeOwned>(body: &[u8], error: &serde_json::Error) -> Error {
    let with_path = || {
        let mut again = serde_json::Deserializer::from_slice(body);
        serde_path_to_error::deserialize::<_, T>(&mut again).err().map(|error| error.to_string())
    };
    let (code, found) = if error.is_data() {
        (Code::UNPROCESSABLE_ENTITY, with_path())
    } else {
        (Code::INVALID_INPUT, None)
    };
    // serde repeats the client's keys and values, however long.
    let reason = found.unwrap_or_else(|| error.to_string());
    let reason: String = reason.chars().take(MAX_REASON).collect();
    Error::new(code, format!("the body is not the JSON that is expected: {reason}"))
}

/// What stood in the places of the route's pattern, on its way through layers.
#[derive(Clone)]
struct Params(Vec<(String, String)>);

/// A request of the ecosystem's types, whatever layers have made of its body.
impl<B> From<hyper::Request<B>> for Request
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn from(request: hyper::Request<B>) -> Self {
        let (mut head, body) = request.into_parts();
        let Params(params) = head.extensions.remove().unwrap_or(Params(Vec::new()));
        let allowance = head.extensions.remove::<Allowance>();
        Self { head, body: RequestBody::of(body, allowance), params }
    }
}

/// application/x-www-form-urlencoded, <https://url.spec.whatwg.org/#urlencoded-parsing>; none where
/// it is not UTF-8.
fn form_decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    Some(percent_decode_str(&text).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "none of them is read")]
    struct Order {
        item: String,
        parts: Vec<Part>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "none of them is read")]
    struct Part {
        count: u32,
    }

    /// What the client is told of a body that is no order.
    async fn told(body: &str) -> (u16, String) {
        let request = hyper::Request::post("/")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_owned())));
        let error = Request::from(request.unwrap()).json::<Order>().await.unwrap_err();
        (error.code().status().as_u16(), error.message().to_owned())
    }

    #[tokio::test]
    async fn json_that_is_not_what_the_type_wants_is_told_with_its_field() {
        for (body, status, reason) in [
            (r#"{"item":7}"#, 422, "item: invalid type: integer `7`, expected a string at line 1"),
            (
                r#"{"item":"","parts":[{"count":1},{"count":-1}]}"#,
                422,
                "parts[1].count: invalid value: integer `-1`, expected u32 at line 1",
            ),
            (r#"{"item":""}"#, 422, "missing field `parts` at line 1"),
            ("[]", 422, "invalid length 0, expected struct Order"),
            (r#"{"item":"#, 400, "EOF while parsing a value at line 1"),
            (r#"{"item":"","parts":[]} x"#, 400, "trailing characters at line 1"),
        ] {
            let start = format!("the body is not the JSON that is expected: {reason}");
            let (found, words) = told(body).await;
            assert!(found == status && words.starts_with(&start), "{body}: {found} {words}");
        }
        let long = format!(r#"{{"item":"","parts":[{{"count":"{}"}}]}}"#, "x".repeat(9000));
        let (_, words) = told(&long).await;
        assert!(words.len() < 400 && words.contains("parts[0].count: invalid type"), "{words}");
    }
}
