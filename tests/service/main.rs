//! The service as its users meet it: the real binary, real sockets, real peers.
//!
//! A test that needs a tool that is not here says so and passes; with `CI=true` it fails instead.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr,
    reason = "a test may stop where it fails, and say why"
)]

mod support;

mod bodies;
mod bounds;
mod chaos;
mod configuration;
mod connections;
mod deceit;
mod dependencies;
mod drain;
mod errors;
mod floods;
mod h2c;
mod heads;
mod healthcheck;
mod levels;
mod logs;
mod management;
mod messages;
mod metrics;
mod own;
mod postgres;
mod readers;
mod redis;
mod root;
#[cfg(feature = "tls")]
mod tls;
mod watchdog;
