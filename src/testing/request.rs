//! Requests for handlers, made by a test.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Serialize;

use crate::request::Request;

/// A request that is being made.
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is given to a handler"]
pub struct TestRequest {
    method: Method,
    target: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    params: Vec<(String, String)>,
    body: Bytes,
}

/// A request of this method and target.
pub fn request(method: Method, target: impl Into<String>) -> TestRequest {
    let (headers, params) = (Vec::new(), Vec::new());
    TestRequest { method, target: target.into(), headers, params, body: Bytes::new() }
}

/// A GET of this target.
pub fn get(target: impl Into<String>) -> TestRequest {
    request(Method::GET, target)
}

/// A POST to this target.
pub fn post(target: impl Into<String>) -> TestRequest {
    request(Method::POST, target)
}

/// A PUT to this target.
pub fn put(target: impl Into<String>) -> TestRequest {
    request(Method::PUT, target)
}

/// A DELETE of this target.
pub fn delete(target: impl Into<String>) -> TestRequest {
    request(Method::DELETE, target)
}

impl TestRequest {
    /// Adds a header field.
    ///
    /// # Panics
    ///
    /// Where it is none.
    #[allow(clippy::expect_used, reason = "for tests, where a panic is the way to fail")]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = name.parse().expect("a header field's name");
        self.headers.push((name, value.parse().expect("a header field's value")));
        self
    }

    /// What stands in the place of `{name}` in the route's pattern: a handler that is called by a
    /// test has no route.
    pub fn param(mut self, name: &str, value: &str) -> Self {
        self.params.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// A value as JSON for the body.
    ///
    /// # Panics
    ///
    /// Where the value cannot be JSON.
    #[allow(clippy::expect_used, reason = "for tests, where a panic is the way to fail")]
    pub fn json(mut self, value: &impl Serialize) -> Self {
        self.body = serde_json::to_vec(value).expect("a value that can be JSON").into();
        self.header(CONTENT_TYPE.as_str(), "application/json")
    }

    /// The request, for a handler.
    ///
    /// # Panics
    ///
    /// Where the target is none.
    #[allow(clippy::expect_used, reason = "for tests, where a panic is the way to fail")]
    pub fn request(self) -> Request {
        let mut request = hyper::Request::new(Full::new(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.target.parse().expect("a request's target");
        request.headers_mut().extend(self.headers);
        Request::from(request).with_params(self.params)
    }
}
