//! `GET /metrics`: a scrape.

use hyper::StatusCode;

use super::Show;
use crate::body::Body;
use crate::metrics::Format;
use crate::request::Request;
use crate::response;
use crate::router::HandlerResult;
use crate::scrape::SharedScrape;

/// All numbers.
pub(crate) struct Metrics(pub(crate) SharedScrape);

impl Show for Metrics {
    fn show(&self, request: &Request) -> HandlerResult {
        let format = Format::of(request.headers());
        let text = Body::shared(self.0.text(format));
        Ok(response::with_type(StatusCode::OK, format.content_type(), text))
    }
}
