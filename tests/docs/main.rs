//! The pages: what they tell the reader to type is run, what they name exists, their links resolve.
//!
//! How commands are written: a fenced `console` block with `$ ` before each command and below it what
//! it prints, where that is shown; a line `…` stands for any lines. In a block without a `$ ` each
//! line is a command. A line that ends with `\`, `|` or `&&` is continued. Code is never indented.
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

#[path = "../service"]
#[allow(dead_code, unused_imports, reason = "the service's tests use the rest")]
mod service {
    pub mod support;
}

mod commands;
mod compare;
mod crates;
mod elsewhere;
mod links;
mod names;
mod pages;
mod recipes;
mod run;

#[path = "../monitoring/known.rs"]
#[allow(dead_code, reason = "the tests of monitoring use the rest")]
mod known;
#[path = "../monitoring/promql.rs"]
#[allow(dead_code, reason = "likewise")]
mod promql;

use service::support;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A file of the repository.
fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{ROOT}/{path}")).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Whether a path of the repository exists.
fn exists(path: &str) -> bool {
    std::path::Path::new(ROOT).join(path).exists()
}

/// Fails with every finding, one a line.
fn expect_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}
