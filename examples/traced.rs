//! A service with spans of its own, which asks another one in the same trace; for the tests of the
//! feature `otlp`. Without the feature it does the same, and nothing is sent.

use std::process::ExitCode;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use pcf_api::{BoxError, Error, Request, Response, Routes, response, trace};
use tokio::net::TcpStream;
use tracing::{Instrument, info_span};

fn main() -> ExitCode {
    pcf_api::service!().routes(|_| routes()).run()
}

fn routes() -> Routes {
    Routes::new()
        .get("/hello/{name}", hello)
        .get("/relay/{port}", relay)
        .get("/spawn", spawn)
        .get("/warn", warn)
        .get("/fail", fail)
        .get("/hang", hang)
}

/// A span of one's own, as `tracing` makes them.
async fn hello(request: Request) -> Result<Response, Error> {
    let name = request.param("name")?;
    let greeting = info_span!("greet", name = &*name).in_scope(|| {
        tracing::warn!("a greeting in a span");
        format!("Hello, {name}!")
    });
    Ok(response::text(greeting))
}

/// What another service answers. Its span is a child of this one's `relay`.
async fn relay(request: Request) -> Result<Response, Error> {
    let port: u16 = request.param_as("port")?;
    let body = ask(port).instrument(info_span!("relay", otel.kind = "client", port)).await;
    Ok(response::text(body.map_err(|error| Error::internal(error.to_string()))?))
}

async fn ask(port: u16) -> Result<Bytes, BoxError> {
    let socket = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    tokio::spawn(connection);
    let mut request =
        hyper::Request::get("/hello/you").header(HOST, "relayed").body(Empty::<Bytes>::new())?;
    request.headers_mut().extend(trace::headers());
    Ok(sender.send_request(request).await?.collect().await?.to_bytes())
}

/// A task of its own, in the same trace.
async fn spawn(_: Request) -> Result<Response, Error> {
    let work = trace::inherit(async { info_span!("spawned").in_scope(|| ()) });
    tokio::spawn(work).await.map_err(|error| Error::internal(error.to_string()))?;
    Ok(response::no_content())
}

async fn warn(_: Request) -> Result<Response, Error> {
    tracing::info!("not worth an event");
    tracing::warn!(stock = 3, "running low");
    Ok(response::no_content())
}

async fn hang(_: Request) -> Result<Response, Error> {
    std::future::pending().await
}

async fn fail(_: Request) -> Result<Response, Error> {
    Err(std::io::Error::other("the disk is full").into())
}
