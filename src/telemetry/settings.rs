//! The settings of log lines.

use super::{Levels, LogFormat, TimestampFormat};
use crate::settings::{Describe, Problem, Reader, Setting, Value};

/// How log lines are written.
pub static LOG_FORMAT: Setting<LogFormat> =
    Setting::new("log.format", "json, pretty, or auto: pretty on a terminal, else json.")
        .env(&["LOG_FORMAT", "LOG__FORMAT"])
        .default("auto");

/// How a log line's time is written.
pub static LOG_TIMESTAMP_FORMAT: Setting<TimestampFormat> =
    Setting::new("log.timestamp_format", "rfc3339 (UTC, milliseconds), unix_ms or none.")
        .env(&["LOG_TIMESTAMP_FORMAT", "LOG__TIMESTAMP_FORMAT"])
        .default("rfc3339");

/// Which log lines are written.
pub static LOG_LEVEL: Setting<Levels> = Setting::new("log.level", "Level, or levels per module: info,pcf_api::health=debug; where no part is a bare level, \
           all else is logged at error. access=off hides access lines. From a file, a change takes effect without a restart. A crate's hyphens are underscores. Release builds hold no TRACE lines.").env(&["RUST_LOG", "LOG__LEVEL"]).default("info");

/// The rows of the table.
pub(crate) static ROWS: [&dyn Describe; 3] = [&LOG_FORMAT, &LOG_TIMESTAMP_FORMAT, &LOG_LEVEL];

/// How log lines are written.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogConfig {
    pub(crate) format: LogFormat,
    pub(crate) timestamp_format: TimestampFormat,
    pub(crate) level: Levels,
}

impl LogConfig {
    pub(crate) fn read(read: Reader<'_>) -> Result<Self, Problem> {
        Ok(Self {
            format: read.get(&LOG_FORMAT)?,
            timestamp_format: read.get(&LOG_TIMESTAMP_FORMAT)?,
            level: read.get(&LOG_LEVEL)?,
        })
    }

    /// With the default for what is wrong: mistakes must be logged in the format that was asked for.
    pub(crate) fn read_what_is_right(read: Reader<'_>) -> Self {
        Self {
            format: read.get(&LOG_FORMAT).unwrap_or_default(),
            timestamp_format: read.get(&LOG_TIMESTAMP_FORMAT).unwrap_or_default(),
            level: read.get(&LOG_LEVEL).unwrap_or_default(),
        }
    }
}

impl Value for LogFormat {
    const EXPECTED: &'static str = "json, pretty or auto (pretty on a terminal, else json)";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        match text {
            "auto" => Ok(Self::Auto),
            "json" => Ok(Self::Json),
            "pretty" => Ok(Self::Pretty),
            _ => Err(None),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Auto => "auto",
            Self::Json => "json",
            Self::Pretty => "pretty",
        }
        .to_owned()
    }
}

impl Value for TimestampFormat {
    const EXPECTED: &'static str = "rfc3339, unix_ms or none";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        match text {
            "rfc3339" => Ok(Self::Rfc3339),
            "unix_ms" => Ok(Self::UnixMs),
            "none" => Ok(Self::None),
            _ => Err(None),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Rfc3339 => "rfc3339",
            Self::UnixMs => "unix_ms",
            Self::None => "none",
        }
        .to_owned()
    }
}
