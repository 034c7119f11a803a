//! The example's service as its clients meet it, and the page that shows its code.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop where it fails"
)]

mod client;

mod grpc;
mod layers;
mod mounted;
mod notes;
mod page;
mod process;
