//! `GET /metrics`: a scrape.

use hyper::StatusCode;

use crate::metrics::Format;
use crate::request::Request;
use crate::response;
use crate::router::HandlerResult;

pub(super) async fn scrape(request: Request) -> HandlerResult {
    let format = Format::of(request.headers());
    let text = request.app().scrape(format);
    Ok(response::with_type(StatusCode::OK, format.content_type(), text))
}
