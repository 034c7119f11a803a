//! The routes.

mod events;
mod import;
mod links;

use std::sync::Arc;
use std::time::Duration;

use pcf_api::http::Method;
use pcf_api::http::header::{AUTHORIZATION, CONTENT_TYPE};
use pcf_api::{Route, Routes};
use tower_http::compression::CompressionLayer;
use tower_http::cors::{Any, CorsLayer};

use crate::key;
use crate::start::Links;

/// All routes.
pub fn routes(links: &Arc<Links>) -> Routes<Links> {
    let import = Route::post("/import", import::import)
        .max_body_bytes(50 << 20)
        .timeout(Duration::from_secs(300));
    let with_key = Routes::new()
        .post("/links", links::create)
        .get("/links/{slug}/look", links::look)
        .add(import)
        .layer(key::layer(links.api_key.clone()));
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE]);
    // The last layer is the outermost: a browser that asks whether it may has no key with it.
    let api = Routes::new()
        .get("/links", links::list)
        .get("/events", events::events)
        .group("", with_key)
        .layer(CompressionLayer::new())
        .layer(cors);
    Routes::new().get("/{slug}", links::visit).group("/api", api)
}
