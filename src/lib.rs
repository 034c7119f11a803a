//! A lean HTTP service on hyper and tokio that can be put into production as it is, and the crate that
//! a service of one's own is made from.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use pcf_api::{Error, Request, Response, Routes, response};
//!
//! async fn greet(request: Request) -> Result<Response, Error> {
//!     let name = request.param("name")?;
//!     Ok(response::text(format!("Hello, {name}!")))
//! }
//!
//! fn main() -> ExitCode {
//!     pcf_api::service!().routes(|_| Routes::new().get("/hello/{name}", greet)).run()
//! }
//! ```
//!
//! That is a whole service: health checks, metrics, JSON logs with traces, limits, an orderly drain,
//! settings from file, environment and flags, under the name and version of its own crate.
//!
//! | you want | look at |
//! | --- | --- |
//! | state, a database, a start that can fail | [`Builder::start`], [`Context`] |
//! | routes, groups, limits of their own, `tower` layers and services | [`Routes`], [`Route`] |
//! | what a handler gets and gives | [`Handler`], [`Request`], [`response`], [`Body`] |
//! | errors with a status | [`Error`], [`Code`], [`HttpError`], [`ResultExt`] |
//! | settings and secrets | [`Setting`], [`Secret`], [`Watched`] |
//! | metrics | [`Counter`], [`Gauge`], [`Histogram`] |
//! | checks, background tasks, the end | [`Context::check`], [`Context::background`], [`Drain`] |
//! | the trace, and giving it on | [`trace`] |
//! | tests of handlers and of the whole | [`testing`] |

#![forbid(unsafe_code)]

mod app;
mod authority;
mod body;
mod bounds;
mod cli;
mod code;
mod config;
mod context;
mod error;
mod health;
mod healthcheck;
mod identity;
mod layers;
mod lifecycle;
mod metrics;
mod negotiation;
#[cfg(feature = "otlp")]
mod otlp;
#[cfg(not(feature = "otlp"))]
#[path = "otlp/none.rs"]
mod otlp;
#[cfg(test)]
mod pages;
mod request;
pub mod response;
mod router;
mod routes;
mod run;
mod scrape;
mod serve;
mod server;
mod service;
mod settings;
mod task;
mod telemetry;
pub mod testing;
mod text;
#[cfg(any(test, feature = "tls"))]
mod tls;
pub mod trace;
mod upload;

pub use body::{Body, BoxError};
pub use code::Code;
pub use context::Context;
pub use error::{Error, HttpError, ResultExt};
pub use health::settings::DATABASE_URL;
pub use health::{Criticality, TargetUrl};
pub use identity::TARGET;
pub use lifecycle::Drain;
pub use metrics::{
    Collect, Counter, CounterSeries, Gauge, GaugeSeries, Histogram, HistogramSeries,
};
pub use request::Request;
pub use response::Response;
pub use router::{Handler, HandlerService, Route, Routes, TowerService};
pub use service::{Builder, Service};
pub use settings::{Describe, HoldsSecret, Secret, SecretError, Setting, Size, Value, Watched};
#[cfg(feature = "tls")]
pub use tls::ClientCertificate;
pub use upload::RequestBody;

/// For log lines: `tracing::info!` and its like; [`tracing::Level`] for [`Route::log_level`].
pub use tracing;

/// The `http` crate's types, as this crate uses them.
pub use hyper::http;
