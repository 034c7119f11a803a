//! What axum, tower-http and tonic bring, in one service: an axum Router, layers around a group,
//! static files and gRPC, each with the limits, traces, metrics and the drain of all routes.

mod api;
mod grpc;
pub mod notes;

use std::sync::Arc;
use std::time::Duration;

use pcf_api::tracing::Level;
use pcf_api::{BoxError, Context, Drain, Routes, Service, Setting};
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::HealthService;
use tower_http::services::ServeDir;

static FILES: Setting<String> =
    Setting::new("files.dir", "The folder whose files are served.").default("static");

/// What `start` makes, for the routes to be given.
struct App {
    drain: Drain,
    files: String,
    health: HealthServer<HealthService>,
}

async fn start(context: Context) -> Result<App, BoxError> {
    Ok(App { drain: context.drain(), files: context.get(&FILES), health: grpc::health(&context) })
}

fn routes(app: &Arc<App>) -> Routes<App> {
    // What is said of a group holds for what is mounted in it.
    let notes = Routes::new()
        .mount("/notes", notes::router(app.drain.clone()))
        .max_body_bytes(64 * 1024)
        .timeout(Duration::from_secs(10));
    // What browsers fetch with each page is noise at INFO.
    let files = ServeDir::new(&app.files).redirect_path_prefix("/files");
    let files = Routes::new().mount("/files", files).log_level(Level::DEBUG);
    Routes::new()
        .group("", notes)
        .group("/api", api::routes())
        .group("", files)
        .service("/grpc.health.v1.Health/{*method}", app.health.clone())
}

/// The service, for `main` and for tests.
pub fn service() -> Service {
    pcf_api::service!().settings(&[&FILES]).start(start).routes(routes)
}
