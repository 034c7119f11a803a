//! One log line as text: JSON with flat fields, or for people.

use std::fmt;
use std::io::Write;
use std::time::SystemTime;

use serde::Serialize;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Level, Metadata};

use super::{LogFormat, TimestampFormat};
use crate::trace::TraceContext;

/// The keys that every JSON line has for itself; a field of the same name is written as `field.x`.
const RESERVED: [&str; 6] = ["timestamp", "level", "target", "message", "trace_id", "span_id"];

/// How lines look.
#[derive(Clone, Copy)]
pub(super) struct Style {
    /// Json or Pretty; Auto has been decided.
    pub(super) format: LogFormat,
    pub(super) timestamp: TimestampFormat,
    pub(super) colour: bool,
}

/// Fields of an event or a span, written as the style wants them.
pub(super) struct Fields {
    style: Style,
    pub(super) message: String,
    /// `,"key":value` each, or ` key=value` each.
    text: Vec<u8>,
    /// Of a span: which fields these are, and where in the text each begins.
    starts: Option<Vec<(&'static str, usize)>>,
}

impl Fields {
    pub(super) fn of_event(style: Style) -> Self {
        Self { style, message: String::new(), text: Vec::with_capacity(128), starts: None }
    }

    /// Those of a span can be taken one by one.
    pub(super) fn of_span(style: Style) -> Self {
        Self { starts: Some(Vec::new()), ..Self::of_event(style) }
    }

    /// Each field's name and text, the one that was written last first.
    pub(super) fn latest_first(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let mut end = self.text.len();
        self.starts.iter().flatten().rev().filter_map(move |(name, start)| {
            let text = self.text.get(*start..end)?;
            end = *start;
            Some((*name, text))
        })
    }

    fn key(&mut self, field: &Field) {
        let name = field.name();
        if let Some(starts) = &mut self.starts {
            starts.push((name, self.text.len()));
        }
        // A field's name is a literal of the source or a Rust identifier.
        let parts = match self.style.format {
            LogFormat::Pretty => [" ", name, "="],
            _ if RESERVED.contains(&name) => [",\"field.", name, "\":"],
            _ => [",\"", name, "\":"],
        };
        append(&mut self.text, parts);
    }

    /// A number or a truth value, which look alike in both styles.
    fn number(&mut self, field: &Field, value: impl Into<Value>) {
        self.key(field);
        append_json(&mut self.text, &value.into());
    }

    fn string(&mut self, field: &Field, value: &str) {
        self.key(field);
        if self.style.format == LogFormat::Pretty {
            let _ = write!(self.text, "{value:?}");
        } else {
            append_json(&mut self.text, value);
        }
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.number(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.number(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.string(field, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// The whole line, with its newline. `spans` are the fields of the spans around the event.
pub(super) fn write(
    style: Style,
    metadata: &Metadata<'_>,
    trace: Option<TraceContext>,
    spans: &[u8],
    fields: &Fields,
) -> Vec<u8> {
    let mut line = Vec::with_capacity(512);
    let (now, level) = (SystemTime::now(), *metadata.level());
    if style.format == LogFormat::Pretty {
        style.timestamp.append_pretty(&mut line, now);
        let (start, end) = if style.colour { colour(level) } else { ("", "") };
        let _ = write!(line, "{start}{level:>5}{end} {}: {}", metadata.target(), fields.message);
        line.extend_from_slice(spans);
        line.extend_from_slice(&fields.text);
        if let Some(trace) = trace {
            let _ = write!(line, " trace_id={}", trace.trace_id());
        }
    } else {
        line.push(b'{');
        style.timestamp.append_json(&mut line, now);
        append(&mut line, ["\"level\":\"", level.as_str(), "\",\"target\":"]);
        append_json(&mut line, metadata.target());
        append(&mut line, [",\"message\":"]);
        append_json(&mut line, fields.message.as_str());
        if let Some(trace) = trace {
            let (trace_id, span_id) = (trace.trace_id(), trace.span_id());
            let _ = write!(line, ",\"trace_id\":\"{trace_id}\",\"span_id\":\"{span_id}\"");
        }
        line.extend_from_slice(spans);
        line.extend_from_slice(&fields.text);
        line.push(b'}');
    }
    line.push(b'\n');
    line
}

fn append<const N: usize>(line: &mut Vec<u8>, parts: [&str; N]) {
    for part in parts {
        line.extend_from_slice(part.as_bytes());
    }
}

fn append_json(line: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    // Neither a text nor a number fails, and memory takes all of it.
    let _ = serde_json::to_writer(line, value);
}

fn colour(level: Level) -> (&'static str, &'static str) {
    let start = match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG => "\x1b[34m",
        Level::TRACE => "\x1b[35m",
    };
    (start, "\x1b[0m")
}
