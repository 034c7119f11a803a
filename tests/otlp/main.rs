//! Spans and the collector that gets them: the service with the feature `otlp`, and OpenTelemetry's own
//! collector, built by Go from `collector/`.
//!
//! Without Go the tests that need it say so and pass; with `CI=true` they fail instead.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr,
    reason = "a test may stop where it fails, and say why"
)]

#[path = "../service"]
#[allow(dead_code, unused_imports, reason = "the service's tests use the rest")]
mod service {
    pub mod support;
    #[cfg(feature = "tls")]
    pub mod tls {
        pub mod certificates;
    }
}

mod away;
mod collector;
mod configuration;
mod drain;
#[cfg(feature = "tls")]
mod encrypted;
mod spans;

use std::process::Command;

use service::support::{self, Client, Server, binary};
use support::client::Response;

/// A collector's port, as the service is told it.
fn endpoint(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// `examples/traced.rs`, which sends spans there, and soon.
fn traced(port: u16, more: &[(&str, &str)]) -> Server {
    let endpoint = endpoint(port);
    let mut all =
        vec![("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
    all.extend(more);
    Server::launch(Command::new(binary("traced")), &all)
}

/// One request with these header fields, on a connection that stands.
fn ask(client: &mut Client, path: &str, fields: &str) -> Response {
    client.send(format!("GET {path} HTTP/1.1\r\nHost: test:80\r\n{fields}\r\n"));
    client.response()
}

/// The ids that a response shows: the trace's, the span's, and the flags.
fn ids(response: &Response) -> (String, String, String) {
    let parent = response.header("traceparent").unwrap();
    let parts: Vec<&str> = parent.split('-').collect();
    (parts[1].to_owned(), parts[2].to_owned(), parts[3].to_owned())
}
