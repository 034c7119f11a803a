//! Log lines: which are written ([`Levels`]), how they look ([`LogFormat`]), and the writer that
//! never makes a request wait. Events come from the `tracing` macros, anywhere in the program.

mod filter;
mod layer;
mod levels;
mod line;
mod panics;
pub(crate) mod settings;
mod throttle;
mod timestamp;
mod writer;

use std::io::{self, IsTerminal};
use std::time::Duration;

use tracing::subscriber::set_global_default;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;

pub use levels::Levels;
pub use timestamp::TimestampFormat;
pub(crate) use timestamp::rfc3339;
pub(crate) use writer::Writer;

use crate::otlp::Spans;
use layer::LogLayer;
pub(crate) use settings::LogConfig;

/// The target of the line that each request gets: `RUST_LOG=info,access=off` hides it.
pub const ACCESS: &str = "access";

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// [`LogFormat::Pretty`] where standard error is a terminal, else [`LogFormat::Json`].
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// Starts logging to standard error for the whole process, panics included. The writer is returned
/// so that the end of the program can wait for the last lines.
///
/// A second call in a process (tests do that) changes nothing and returns an idle writer.
pub(crate) fn start(config: &LogConfig, spans: Option<&Spans>) -> Writer {
    let writer = Writer::start(Box::new(io::stderr()));
    let is_terminal = io::stderr().is_terminal();
    let format = match config.format {
        LogFormat::Auto if is_terminal => LogFormat::Pretty,
        LogFormat::Auto => LogFormat::Json,
        format => format,
    };
    let layer = LogLayer::new(
        line::Style {
            format,
            timestamp: config.timestamp_format,
            colour: is_terminal && std::env::var_os("NO_COLOR").is_none(),
        },
        writer.clone(),
    );
    let registry = tracing_subscriber::registry();
    let levels = config.level.clone();
    let is_set = match spans {
        None => set_global_default(registry.with(layer).with(levels)),
        // Each with a filter of its own: what is logged says nothing of what is a span.
        Some(spans) => {
            set_global_default(registry.with(spans.layer()).with(layer.with_filter(levels)))
        }
    };
    if is_set.is_ok() {
        panics::log_panics();
    }
    writer
}

/// How long the end of the program waits for the last lines to be written: standard error may be a
/// pipe that nobody reads.
pub(crate) const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);
