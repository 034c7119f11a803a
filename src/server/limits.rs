//! The limits of a connection.

use std::time::Duration;

use crate::layers;

/// How far the parser's limit lies above ours, so that our own answer reaches the client.
const PARSER_SLACK: usize = 8 * 1024;

/// What a connection and its requests may do.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) request: layers::Limits,
    pub(crate) header_read_timeout: Duration,
    pub(crate) keep_alive_timeout: Duration,
}

impl Limits {
    /// Most bytes of a head, the request line among them, that are read at all.
    pub(super) fn largest_head(&self) -> usize {
        self.request.max_header_bytes + self.request.max_uri_bytes + PARSER_SLACK
    }
}
