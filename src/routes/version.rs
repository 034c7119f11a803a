//! `GET /version`: which build this is and what was deployed.

use bytes::Bytes;
use hyper::StatusCode;
use serde::Serialize;

use super::Show;
use crate::body::Body;
use crate::identity::{Identity, TARGET};
use crate::request::Request;
use crate::response;
use crate::router::HandlerResult;

/// The answer, which is always the same.
#[derive(Clone)]
pub(crate) struct Version(Bytes);

#[derive(Serialize)]
struct Content<'a> {
    name: &'static str,
    version: &'static str,
    target: &'static str,
    revision: Option<&'a str>,
}

impl Version {
    pub(crate) fn new(identity: Identity, revision: Option<&str>) -> Self {
        let Identity { name, version, .. } = identity;
        let content = Content { name, version, target: TARGET, revision };
        // Neither a text nor none of it fails.
        Self(serde_json::to_vec(&content).unwrap_or_default().into())
    }
}

impl Show for Version {
    fn show(&self, _: &Request) -> HandlerResult {
        let json = Body::shared(self.0.clone());
        Ok(response::with_type(StatusCode::OK, response::JSON, json))
    }
}
