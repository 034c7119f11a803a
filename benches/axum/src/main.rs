//! The peer that `benches/compare` and `benches/overload` measure against: a service on axum with
//! the layers that the ecosystem has for what pcf-api does. `axum-peer PORT WORKERS`

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Path;
use axum::http::{Request, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum_prometheus::PrometheusMetricLayer;
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_http::ServiceBuilderExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::MakeRequestUuid;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::{DefaultOnResponse, TraceLayer};
use tracing::{Level, info_span};
use tracing_subscriber::EnvFilter;

const TIMEOUT: Duration = Duration::from_secs(30);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().ok_or("axum-peer PORT WORKERS")?.parse()?;
    let workers: usize = arguments.next().ok_or("axum-peer PORT WORKERS")?.parse()?;
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()?
        .block_on(serve(port))
}

async fn serve(port: u16) -> Result<(), Box<dyn Error>> {
    let (metrics, handle) = PrometheusMetricLayer::pair();
    let layers = ServiceBuilder::new()
        .set_x_request_id(MakeRequestUuid)
        .layer(TraceLayer::new_for_http().make_span_with(span).on_response(on_response()))
        .propagate_x_request_id()
        .layer(metrics)
        .layer(CatchPanicLayer::new())
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, TIMEOUT));
    let app = Router::new()
        .route("/health", get(|| async { "OK" }))
        .route("/version", get(version))
        .route("/block/{ms}", get(block))
        .route("/compute/{ms}", get(compute))
        .route("/metrics", get(|| async move { handle.render() }))
        .layer(layers);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    Ok(axum::serve(
        axum::serve::ListenerExt::tap_io(listener, |stream| {
            let _ = stream.set_nodelay(true);
        }),
        app,
    )
    .await?)
}

fn span<B>(request: &Request<B>) -> tracing::Span {
    let id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok());
    info_span!("request", method = %request.method(), path = request.uri().path(), trace_id = id)
}

fn on_response() -> DefaultOnResponse {
    DefaultOnResponse::new().level(Level::INFO)
}

async fn version() -> impl IntoResponse {
    let body =
        r#"{"name":"pcf-api","version":"0.1.0","target":"x86_64-linux-gnu","revision":null}"#;
    ([(header::CONTENT_TYPE, "application/json")], body)
}

/// Blocks the worker's thread, as `examples/faults.rs` does.
async fn block(Path(ms): Path<u64>) -> &'static str {
    thread::sleep(Duration::from_millis(ms));
    "blocked"
}

/// Keeps a CPU busy, likewise.
async fn compute(Path(ms): Path<u64>) -> &'static str {
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(ms) {
        std::hint::spin_loop();
    }
    "computed"
}
