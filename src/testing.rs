//! For tests of services: handlers without a process, and a whole service by one call.
//!
//! A handler is an async function, so a test calls it with a request of its own:
//!
//! ```
//! use pcf_api::{Error, Request, Response, response, testing};
//!
//! async fn greet(request: Request) -> Result<Response, Error> {
//!     Ok(response::text(format!("Hello, {}!", request.param("name")?)))
//! }
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! let request = testing::get("/hello/Ada").param("name", "Ada").request();
//! let response = greet(request).await.unwrap();
//! assert_eq!(testing::text(response).await, "Hello, Ada!");
//! # });
//! ```
//!
//! A whole service runs in the test's own process, on a port of its own, with nothing of the
//! environment but what the test gives:
//!
//! ```
//! # use pcf_api::{Error, Request, Response, Routes, Service, response, testing};
//! # async fn greet(request: Request) -> Result<Response, Error> {
//! #     Ok(response::text(format!("Hello, {}!", request.param("name")?)))
//! # }
//! fn service() -> Service {
//!     pcf_api::service!().routes(|_| Routes::new().get("/hello/{name}", greet))
//! }
//!
//! let server = testing::serve(service(), &[("LOG__LEVEL", "warn")]).unwrap();
//! let answer = server.get("/hello/Ada").unwrap();
//! assert_eq!((answer.status, answer.text().as_str()), (200, "Hello, Ada!"));
//! server.stop().unwrap();
//! ```

mod client;
mod parts;
mod request;
mod server;

use bytes::Bytes;
use http_body_util::BodyExt;

use crate::response::Response;
use crate::service::Service;
use crate::settings;

pub use client::Answer;
pub use parts::{TestDrain, drain, watched};
pub use request::{TestRequest, delete, get, post, put, request};
pub use server::{TestServer, serve};

/// The whole body of a response; empty where it breaks off.
pub async fn bytes(response: Response) -> Bytes {
    response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default()
}

/// The whole body of a response as text.
pub async fn text(response: Response) -> String {
    String::from_utf8_lossy(&bytes(response).await).into_owned()
}

/// The settings of the service's own as rows of a table in Markdown (key, environment, default, what
/// it is), for a page of documentation that a test holds to the code.
pub fn settings_rows(service: &Service) -> String {
    settings::rows(service.about.settings())
}

/// The metrics of the service's own as rows of a table in Markdown (name, kind, what it tells, labels),
/// for a page of documentation that a test holds to the code.
pub fn metrics_rows(service: &Service) -> String {
    service.about.metrics.iter().map(|metric| metric.row()).collect()
}
