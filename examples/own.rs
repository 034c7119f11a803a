//! A service of one's own that uses all there is, and can be told to go wrong; for the tests in
//! `tests/service/own.rs`.

use std::fmt;
use std::future::{pending, ready};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use pcf_api::http::{self, HeaderValue};
use pcf_api::{
    Body, BoxError, Builder, Code, Context, Counter, Criticality, DATABASE_URL, Drain, Error,
    Histogram, HttpError, Request, RequestBody, Response, ResultExt, Route, Routes, Secret,
    Service, Setting, Watched, response,
};
use tokio::sync::{mpsc, oneshot};
use tracing::Level;

static START: Setting<String> =
    Setting::new("own.start", "How the start goes: ok, fail, panic or hang.").default("ok");
static STOP: Setting<String> =
    Setting::new("own.stop", "How the end goes: ok or hang.").default("ok");
static LEAST: Setting<usize> =
    Setting::new("own.least", "A number in a range.").default("3").range(1, 9);
static KEY: Setting<Option<Secret>> = Setting::new("own.key", "A secret.");
static MUST: Setting<u16> = Setting::new("own.must", "A number without a default.");

static SEEN: Counter<1> =
    Counter::with_labels("own_seen_total", "Things seen.", [("kind", &["big", "small"])]);
static SIZES: Histogram = Histogram::new("own_sizes", "How large.").buckets(&[1.0, 10.0]);

/// What the handlers share.
struct Own {
    least: usize,
    database: bool,
    key: Option<Watched>,
    is_well: Arc<AtomicBool>,
    asked: mpsc::Sender<oneshot::Sender<u32>>,
    drain: Drain,
}

#[derive(Debug)]
enum OwnError {
    OutOfCredit,
    Legal,
    Broken(std::num::ParseIntError),
}

impl fmt::Display for OwnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfCredit => f.write_str("there is no credit left"),
            Self::Legal => f.write_str("a court has said no"),
            Self::Broken(error) => write!(f, "hunter2: {error}"),
        }
    }
}

impl std::error::Error for OwnError {}

impl HttpError for OwnError {
    fn code(&self) -> Code {
        const OUT_OF_CREDIT: Code = Code::new(402, "OUT_OF_CREDIT");
        match self {
            Self::OutOfCredit => OUT_OF_CREDIT,
            Self::Legal => Code::UNAVAILABLE_FOR_LEGAL_REASONS,
            Self::Broken(_) => Code::BAD_GATEWAY,
        }
    }
}

fn main() -> ExitCode {
    service().run()
}

fn service() -> Service {
    Builder::new("shop", "9.8.7", "A shop for tests")
        .settings(&[&START, &STOP, &LEAST, &KEY, &MUST])
        .metrics(&[&SEEN, &SIZES])
        .start(start)
        .routes(routes)
}

#[expect(clippy::panic, reason = "what it is told to do")]
async fn start(context: Context) -> Result<Own, BoxError> {
    match context.get(&START).as_str() {
        "fail" => drop("no way".parse::<u16>().map_err(|error| Failed(error.into()))?),
        "panic" => panic!("on purpose"),
        "hang" => pending().await,
        _ => {}
    }
    let is_well = Arc::new(AtomicBool::new(true));
    let well = Arc::clone(&is_well);
    context.check("pool", Criticality::Important, move || {
        let is_well = well.load(SeqCst);
        async move { if is_well { Ok(()) } else { Err("no connection") } }
    });
    let beats = AtomicU32::new(0);
    context.background("beat", move |drain| {
        let beat = beats.fetch_add(1, SeqCst);
        async move {
            tracing::info!(beat, "beat");
            if beat == 0 {
                return Err("the first one fails");
            }
            drain.begun().await;
            tracing::info!("no more beats");
            Ok(())
        }
    });
    let hangs = context.get(&STOP) == "hang";
    context.on_stop(async move || {
        if hangs {
            pending::<()>().await;
        }
        tracing::info!("closed");
    });
    // As a pool does: what drives its connections is a task of its own.
    let (asked, mut questions) = mpsc::channel::<oneshot::Sender<u32>>(8);
    tokio::spawn(async move {
        while let Some(question) = questions.recv().await {
            let _ = question.send(42);
        }
    });
    Ok(Own {
        least: context.get(&LEAST),
        database: context.get(&DATABASE_URL).is_some(),
        key: if context.get(&KEY).is_some() { Some(context.watch(&KEY)?) } else { None },
        is_well,
        asked,
        drain: context.drain(),
    })
}

#[derive(Debug)]
struct Failed(BoxError);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the shop cannot open")
    }
}

impl std::error::Error for Failed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

fn routes(own: &Arc<Own>) -> Routes<Own> {
    let api = Routes::new()
        .get("/", state)
        .get("/error/{kind}", fails)
        .post("/echo", echo)
        .layer(Stamp(own.least));
    Routes::new()
        .get("/state", state)
        .get("/error/{kind}", fails)
        .get("/key", key)
        .get("/ask", ask)
        .get("/well/{is}", well)
        .get("/seen/{kind}", seen)
        .get("/block/{ms}", blocks)
        .get("/events", events)
        .add(Route::post("/upload", upload).max_body_bytes(2 << 20))
        .add(Route::get("/slow", slow).timeout(Duration::from_millis(100)))
        .add(Route::get("/quiet", state).log_level(Level::DEBUG))
        .group("/api", api)
        .mount("/mounted", Told("below"))
        .service("/whole/{*path}", Told("whole"))
}

async fn state(_: Request, own: Arc<Own>) -> Result<Response, Error> {
    response::json(&(own.least, own.database))
}

async fn fails(request: Request) -> Result<Response, OwnError> {
    let kind = request.param("kind").unwrap_or_default();
    match &*kind {
        "credit" => Err(OwnError::OutOfCredit),
        "legal" => Err(OwnError::Legal),
        other => Ok(response::text(other.parse::<u8>().map_err(OwnError::Broken)?.to_string())),
    }
}

async fn key(_: Request, own: Arc<Own>) -> Result<Response, Error> {
    let key = own.key.as_ref().ok_or_else(|| Error::new(Code::GONE, "there is no key"))?;
    Ok(response::text(key.get().len().to_string()))
}

async fn ask(_: Request, own: Arc<Own>) -> Result<Response, Error> {
    let (question, answer) = oneshot::channel();
    own.asked.send(question).await.or_internal()?;
    Ok(response::text(answer.await.or_internal()?.to_string()))
}

async fn well(request: Request, own: Arc<Own>) -> Result<Response, Error> {
    own.is_well.store(request.param_as("is")?, SeqCst);
    Ok(response::no_content())
}

async fn seen(request: Request) -> Result<Response, Error> {
    SEEN.with([&request.param("kind")?]).inc();
    SIZES.observe(5.0);
    Ok(response::no_content())
}

async fn blocks(request: Request) -> Result<Response, Error> {
    std::thread::sleep(Duration::from_millis(request.param_as("ms")?));
    Ok(response::text("blocked"))
}

async fn upload(request: Request) -> Result<Response, Error> {
    Ok(response::text(request.bytes().await?.len().to_string()))
}

async fn echo(request: Request) -> Result<Response, Error> {
    Ok(response::text(request.bytes().await?))
}

async fn slow(_: Request) -> Result<Response, Error> {
    tokio::time::sleep(Duration::from_secs(10)).await;
    Ok(response::text("slow"))
}

/// An event at once, and nothing more until the drain ends it.
async fn events(_: Request, own: Arc<Own>) -> Result<Response, Error> {
    let drain = own.drain.clone();
    let end = Box::pin(async move { drain.closing().await });
    let mut response = Response::new(Body::stream(Events { is_first: true, end }));
    let media_type = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(http::header::CONTENT_TYPE, media_type);
    Ok(response)
}

struct Events {
    is_first: bool,
    end: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        poller: &mut Poller<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if std::mem::take(&mut self.is_first) {
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"data: first\n\n")))));
        }
        self.end.as_mut().poll(poller).map(|()| None)
    }
}

/// A layer that puts a header on every response.
#[derive(Clone)]
struct Stamp(usize);

#[derive(Clone)]
struct Stamped<S>(S, usize);

impl<S> tower_layer::Layer<S> for Stamp {
    type Service = Stamped<S>;

    fn layer(&self, inner: S) -> Stamped<S> {
        Stamped(inner, self.0)
    }
}

impl<S, B> tower_service::Service<http::Request<B>> for Stamped<S>
where
    S: tower_service::Service<http::Request<B>, Response = Response>,
    S::Future: Send + 'static,
    S::Error: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send + 'static>>;

    fn poll_ready(&mut self, poller: &mut Poller<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(poller)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let (answer, stamp) = (self.0.call(request), HeaderValue::from(self.1));
        Box::pin(async move {
            let mut response = answer.await?;
            response.headers_mut().insert("x-stamp", stamp);
            Ok(response)
        })
    }
}

/// A service that tells what it was asked.
#[derive(Clone)]
struct Told(&'static str);

impl tower_service::Service<http::Request<RequestBody>> for Told {
    type Response = Response;
    type Error = std::io::Error;
    type Future = std::future::Ready<Result<Response, std::io::Error>>;

    fn poll_ready(&mut self, _: &mut Poller<'_>) -> Poll<Result<(), std::io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<RequestBody>) -> Self::Future {
        if request.uri().path().ends_with("/broken") {
            return ready(Err(std::io::Error::other("hunter2")));
        }
        let told = format!("{} {} {}", self.0, request.method(), request.uri());
        ready(Ok(response::text(told)))
    }
}
