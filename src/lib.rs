//! A lean HTTP service on hyper and tokio that can be put into production as it is.
//!
//! A route of your own is an async function and one line in `src/routes.rs`:
//!
//! ```
//! use pcf_api::{Error, Request, Response, Routes, response};
//!
//! async fn greet(request: Request) -> Result<Response, Error> {
//!     let name = request.param("name")?;
//!     Ok(response::text(format!("Hello, {name}!")))
//! }
//!
//! let routes = Routes::new().get("/hello/{name}", greet);
//! ```
//!
//! What handlers share, such as a pool of connections, a closure gives them:
//!
//! ```
//! use std::sync::Arc;
//!
//! use pcf_api::{Error, Request, Response, Routes, response};
//!
//! struct Shelf(Vec<&'static str>);
//!
//! async fn book(request: Request, shelf: Arc<Shelf>) -> Result<Response, Error> {
//!     let number: usize = request.param_as("number")?;
//!     response::json(&shelf.0.get(number))
//! }
//!
//! let shelf = Arc::new(Shelf(vec!["Emma", "Dune"]));
//! let routes =
//!     Routes::new().get("/books/{number}", move |request| book(request, Arc::clone(&shelf)));
//! ```
//!
//! | what | where |
//! | --- | --- |
//! | from the command line to the exit status | `run` |
//! | a connection: accept, admission, protocol, end | `server` |
//! | the layers of a request, as one list | `layers` |
//! | routes | `routes`, `router` |
//! | settings | `config` |
//! | health of dependencies | `health` |
//! | metrics | `metrics` |
//! | log lines and traces | `telemetry`, [`trace`] |

#![forbid(unsafe_code)]

mod app;
mod authority;
mod body;
mod cli;
mod config;
mod error;
mod health;
mod healthcheck;
mod layers;
mod metrics;
mod negotiation;
mod request;
pub mod response;
mod router;
mod routes;
mod run;
mod server;
mod telemetry;
#[cfg(test)]
mod testing;
pub mod trace;

pub use app::{TARGET, VERSION};
pub use body::{Body, BoxError};
pub use error::{Code, Error};
pub use request::{Request, RequestBody};
pub use response::Response;
pub use router::{HandlerResult, RouteError, Routes};
pub use routes::routes;
pub use run::run;
