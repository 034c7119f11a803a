//! `GET /version`: which build this is and what was deployed.

use serde::Serialize;

use crate::app::{TARGET, VERSION};
use crate::request::Request;
use crate::response;
use crate::router::HandlerResult;

#[derive(Serialize)]
struct Version<'a> {
    name: &'static str,
    version: &'static str,
    target: &'static str,
    revision: Option<&'a str>,
}

pub(super) async fn show(request: Request) -> HandlerResult {
    response::json(&Version {
        name: env!("CARGO_PKG_NAME"),
        version: VERSION,
        target: TARGET,
        revision: request.app().config.revision.as_deref(),
    })
}
