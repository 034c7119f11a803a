//! Without the feature `otlp` nobody can have spans, so what is done with them is no code.

use std::future::Ready;
use std::io;
use std::time::{Duration, Instant};

use hyper::Request;
use tracing_subscriber::{Layer, Registry};

use crate::identity::Identity;
use crate::metrics::Collect;
use crate::settings::{Describe, Problem, Reader, Sources};
use crate::trace::Scope;

/// Whoever sets one of these wants spans.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

/// There is nothing to count.
pub(crate) const METRICS: [&dyn Collect; 0] = [];

/// There is nothing to set.
pub(crate) const ROWS: [&dyn Describe; 0] = [];

/// There is none.
#[derive(Clone, Debug)]
pub(crate) enum OtlpConfig {}

/// There are none.
#[derive(Clone, Debug)]
pub(crate) enum Spans {}

impl OtlpConfig {
    #[expect(clippy::unnecessary_wraps, reason = "the same as with the feature")]
    pub(crate) fn read(_: Reader<'_>) -> Result<Option<Self>, Problem> {
        Ok(None)
    }
}

impl Spans {
    #[expect(clippy::unnecessary_wraps, reason = "the same as with the feature")]
    pub(crate) fn start(
        _: Option<&OtlpConfig>,
        _: Identity,
        _: [Option<&str>; 2],
    ) -> io::Result<Option<Self>> {
        Ok(None)
    }

    pub(crate) fn tell(&self) {
        match *self {}
    }

    pub(crate) fn layer(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        match *self {}
    }

    pub(crate) fn begin<B>(
        &self,
        _: &Request<B>,
        _: &'static str,
        _: Option<&'static str>,
        _: bool,
    ) -> Scope {
        match *self {}
    }

    pub(crate) fn drain(&self, _: Instant) -> Ready<()> {
        match *self {}
    }

    pub(crate) fn end(&self) {
        match *self {}
    }
}

/// A span that is none ends.
pub(crate) fn end(_: &Scope, _: Option<u16>, _: Duration) {}

/// Nothing is set, so nothing is wrong.
pub(crate) fn check(_: &Sources) -> Option<Problem> {
    None
}

/// What is wanted and not there.
pub(crate) fn warning() -> Option<String> {
    let wanted = ENDPOINTS.into_iter().find(|name| std::env::var_os(name).is_some())?;
    Some(format!("{wanted} has no effect: this binary was built without the feature otlp"))
}
