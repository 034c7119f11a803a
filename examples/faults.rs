//! The service with routes that go wrong in every way a handler can, for the tests in `tests/`.
//! It also shows what a service with routes of its own looks like from outside this crate.

use std::future::pending;
use std::pin::Pin;
use std::process::ExitCode;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt;
use hyper::StatusCode;
use pcf_api::{Body, BoxError, Code, Error, Request, RequestBody, Response, Routes, response};
use serde::Deserialize;
use tokio::time::{Interval, interval};

fn main() -> ExitCode {
    pcf_api::service!().routes(|_| routes()).run()
}

fn routes() -> Routes {
    let routes = Routes::new();
    #[cfg(feature = "tls")]
    let routes = routes.get("/whoami", whoami);
    routes
        .get("/hello/{name}", hello)
        .get("/search", search)
        .get("/panic", panics)
        .get("/panic-later", panics_while_it_streams)
        .get("/sleep/{ms}", sleeps)
        .get("/block/{ms}", blocks)
        .get("/compute/{ms}", computes)
        .get("/never", never)
        .get("/fail", fails)
        .get("/conflict", conflicts)
        .get("/unchanged", unchanged)
        .get("/bytes/{count}", many_bytes)
        .get("/late-bytes/{count}", late_bytes)
        .get("/endless", endless)
        .get("/ticks/{count}", ticks)
        .get("/event", event)
        .get("/early", early)
        .get("/log/{count}", logs)
        .get("/say/{how}/{text}", says)
        .post("/echo", echo)
        .post("/order", order)
        .post("/ignore", ignores_the_body)
        .post("/keep", keeps)
        .post("/count", counts)
        .post("/store", stores)
}

async fn hello(request: Request) -> Result<Response, Error> {
    let name = request.param("name")?;
    tracing::info!(%name, "greeting");
    Ok(response::text(format!("Hello, {name}!")))
}

#[cfg(feature = "tls")]
async fn whoami(request: Request) -> Result<Response, Error> {
    let client = request.client_certificate();
    Ok(response::text(client.map_or("nobody", |client| client.subject()).to_owned()))
}

async fn search(request: Request) -> Result<Response, Error> {
    let query = request.query("q")?;
    response::json(&query)
}

#[expect(clippy::panic, reason = "what this route is for")]
async fn panics(_: Request) -> Result<Response, Error> {
    panic!("on purpose");
}

async fn sleeps(request: Request) -> Result<Response, Error> {
    let ms = request.param_as("ms")?;
    tokio::time::sleep(Duration::from_millis(ms)).await;
    Ok(response::text("slept"))
}

async fn blocks(request: Request) -> Result<Response, Error> {
    let ms = request.param_as("ms")?;
    std::thread::sleep(Duration::from_millis(ms));
    Ok(response::text("blocked"))
}

/// Keeps a CPU busy, and not only its thread.
async fn computes(request: Request) -> Result<Response, Error> {
    let ms = request.param_as("ms")?;
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(ms) {
        std::hint::spin_loop();
    }
    Ok(response::text("computed"))
}

async fn never(_: Request) -> Result<Response, Error> {
    pending().await
}

async fn fails(_: Request) -> Result<Response, Error> {
    let cause = "postgres://app:hunter2@db is down";
    Err(std::io::Error::other(cause).into())
}

async fn conflicts(_: Request) -> Result<Response, Error> {
    Err(Error::new(Code::CONFLICT, "taken").with("name", "x"))
}

async fn unchanged(_: Request) -> Result<Response, Error> {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    Ok(response)
}

async fn many_bytes(request: Request) -> Result<Response, Error> {
    let count = request.param_as("count")?;
    Ok(response::text(vec![b'x'; count]))
}

async fn late_bytes(request: Request) -> Result<Response, Error> {
    tokio::time::sleep(Duration::from_secs(1)).await;
    many_bytes(request).await
}

async fn logs(request: Request) -> Result<Response, Error> {
    let count: u32 = request.param_as("count")?;
    for line in 0..count {
        tracing::info!(line, filler = "x".repeat(200), "a line of the handler");
    }
    Ok(response::no_content())
}

/// Repeats what the client said, in every way in which it may get into the log.
#[expect(clippy::panic, reason = "one of them")]
async fn says(request: Request) -> Result<Response, Error> {
    let text = request.param("text")?.into_owned();
    match &*request.param("how")? {
        "message" => tracing::info!("saying {text}"),
        "field" => tracing::info!(text, "saying"),
        "cause" => return Err(std::io::Error::other(text).into()),
        _ => panic!("saying {text}"),
    }
    Ok(response::no_content())
}

async fn echo(request: Request) -> Result<Response, Error> {
    Ok(response::text(request.bytes().await?))
}

#[derive(Deserialize)]
struct Order {
    item: String,
    count: u32,
}

async fn order(request: Request) -> Result<Response, Error> {
    let order: Order = request.json().await?;
    Ok(response::text(format!("{} of {}", order.count, order.item)))
}

async fn ignores_the_body(_: Request) -> Result<Response, Error> {
    tokio::time::sleep(Duration::from_secs(3600)).await;
    Ok(response::no_content())
}

async fn keeps(request: Request) -> Result<Response, Error> {
    let body = request.bytes().await?;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    Ok(response::text(body))
}

/// Reads the body piece by piece.
async fn counts(request: Request) -> Result<Response, Error> {
    Ok(response::text(count(request.into_body()).await?.to_string()))
}

/// Answers first, and reads the body then.
async fn stores(request: Request) -> Result<Response, Error> {
    let body = request.into_body();
    tokio::spawn(async move {
        match count(body).await {
            Ok(bytes) => tracing::info!(bytes, "stored"),
            Err(error) => tracing::info!(code = %error.code(), "not stored"),
        }
    });
    Ok(response::no_content())
}

async fn count(mut body: RequestBody) -> Result<usize, Error> {
    let mut count = 0;
    while let Some(frame) = body.frame().await {
        count += frame?.data_ref().map_or(0, Bytes::len);
    }
    Ok(count)
}

async fn endless(_: Request) -> Result<Response, Error> {
    Ok(Response::new(Body::stream(Pieces { left: u64::MAX, panics: false })))
}

async fn panics_while_it_streams(_: Request) -> Result<Response, Error> {
    Ok(Response::new(Body::stream(Pieces { left: 2, panics: true })))
}

/// So many pieces of 16 KiB, and then perhaps a panic.
struct Pieces {
    left: u64,
    panics: bool,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.left == 0 {
            assert!(!self.panics, "on purpose");
            return Poll::Ready(None);
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 16 * 1024])))))
    }
}

async fn ticks(request: Request) -> Result<Response, Error> {
    let left = request.param_as("count")?;
    Ok(Response::new(Body::stream(Ticks { left, every: interval(Duration::from_millis(100)) })))
}

/// One event, and then silence.
async fn event(_: Request) -> Result<Response, Error> {
    Ok(Response::new(Body::stream(Ticks { left: 2, every: interval(Duration::from_secs(3600)) })))
}

/// A handler that does something before there is a future.
fn early(_: Request) -> impl Future<Output = Result<Response, Error>> {
    tracing::info!("before the future");
    std::future::ready(Ok(response::no_content()))
}

/// A byte every tenth of a second, as from a source that takes its time.
struct Ticks {
    left: u64,
    every: Interval,
}

impl http_body::Body for Ticks {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        ready!(self.every.poll_tick(context));
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b".")))))
    }
}
