//! Handlers of this framework with layers of tower-http around them, and multer in one of them.

use http_body_util::BodyDataStream;
use multer::Multipart;
use pcf_api::http::header::{CONTENT_TYPE, HeaderName};
use pcf_api::http::{HeaderValue, Method};
use pcf_api::{Code, Error, Request, Response, Routes, response};
use serde::{Deserialize, Serialize};
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::decompression::RequestDecompressionLayer;

/// The page whose scripts may ask.
const ORIGIN: HeaderValue = HeaderValue::from_static("https://shop.example");

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The group. The last layer is the outermost.
pub fn routes<S: Send + Sync + 'static>() -> Routes<S> {
    let cors = CorsLayer::new()
        .allow_origin(ORIGIN)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([CONTENT_TYPE])
        .expose_headers([X_REQUEST_ID]);
    Routes::new()
        .get("/squares", squares)
        .get("/squares/{number}", square)
        .post("/sum", sum)
        .post("/upload", upload)
        .layer(RequestDecompressionLayer::new())
        .layer(CompressionLayer::new())
        .layer(cors)
}

#[derive(Serialize)]
struct Square {
    number: u64,
    square: u64,
}

impl Square {
    fn of(number: u64) -> Self {
        Self { number, square: number * number }
    }
}

async fn squares(_: Request) -> Result<Response, Error> {
    response::json(&(1..=100).map(Square::of).collect::<Vec<_>>())
}

async fn square(request: Request) -> Result<Response, Error> {
    match request.param_as("number")? {
        number @ 1..=100 => response::json(&Square::of(number)),
        _ => Err(Error::new(Code::NOT_FOUND, "only 1 to 100 are kept")),
    }
}

#[derive(Deserialize)]
struct Numbers {
    numbers: Vec<u64>,
}

async fn sum(request: Request) -> Result<Response, Error> {
    let Numbers { numbers } = request.json().await?;
    response::json(&numbers.iter().fold(0_u64, |sum, number| sum.saturating_add(*number)))
}

/// How many bytes the files of a form have, none of them kept.
async fn upload(request: Request) -> Result<Response, Error> {
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let boundary = multer::parse_boundary(media_type.unwrap_or_default())
        .map_err(|error| Error::new(Code::UNSUPPORTED_MEDIA_TYPE, error.to_string()))?;
    let mut form = Multipart::new(BodyDataStream::new(request.into_body()), boundary);
    let mut bytes = 0;
    while let Some(mut field) = form.next_field().await.map_err(form_error)? {
        while let Some(piece) = field.chunk().await.map_err(form_error)? {
            bytes += piece.len();
        }
    }
    response::json(&bytes)
}

/// What the body failed with, such as 413, keeps its status; else the form is wrong.
fn form_error(error: multer::Error) -> Error {
    match error {
        multer::Error::StreamReadFailed(error) => Error::from(error),
        other => Error::new(Code::INVALID_INPUT, format!("the form is broken: {other}")),
    }
}
