//! Log lines: which are written ([`Filter`]), how they look ([`LogFormat`]), and the writer that
//! never makes a request wait. Events come from the `tracing` macros, anywhere in the program.

mod filter;
mod layer;
mod line;
mod panics;
mod timestamp;
mod writer;

use std::io::{self, IsTerminal};
use std::time::Duration;

use tracing_subscriber::layer::SubscriberExt;

pub use filter::Filter;
pub use timestamp::TimestampFormat;
pub(crate) use timestamp::rfc3339;
pub(crate) use writer::Writer;

use crate::config::LogConfig;
use layer::LogLayer;

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
pub(crate) fn start(config: &LogConfig) -> Writer {
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
    let subscriber = tracing_subscriber::registry().with(layer).with(config.level.targets());
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        panics::log_panics();
    }
    writer
}

/// How long the end of the program waits for the last lines to be written: standard error may be a
/// pipe that nobody reads.
pub(crate) const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);
