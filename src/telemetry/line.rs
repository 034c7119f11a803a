//! One log line as text: JSON with flat fields, or for people.

use std::fmt::{self, Write};
use std::time::SystemTime;

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
    pub(super) text: String,
    /// Of a span: which fields these are, and where in the text each begins.
    starts: Option<Vec<(&'static str, usize)>>,
}

impl Fields {
    pub(super) fn of_event(style: Style) -> Self {
        Self { style, message: String::new(), text: String::new(), starts: None }
    }

    /// Those of a span can be taken one by one.
    pub(super) fn of_span(style: Style) -> Self {
        Self { starts: Some(Vec::new()), ..Self::of_event(style) }
    }

    /// Each field's name and text, the one that was written last first.
    pub(super) fn latest_first(&self) -> impl Iterator<Item = (&'static str, &str)> {
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
        if self.style.format == LogFormat::Pretty {
            let _ = write!(self.text, " {name}=");
        } else if RESERVED.contains(&name) {
            let _ = write!(self.text, ",\"field.{name}\":");
        } else {
            // A field's name is a literal of the source or a Rust identifier.
            let _ = write!(self.text, ",\"{name}\":");
        }
    }

    fn number(&mut self, field: &Field, value: impl fmt::Display) {
        self.key(field);
        let _ = write!(self.text, "{value}");
    }

    fn string(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
            return;
        }
        self.key(field);
        if self.style.format == LogFormat::Pretty {
            let _ = write!(self.text, "{value:?}");
        } else {
            append_json_string(&mut self.text, value);
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
        if value.is_finite() {
            self.number(field, value);
        } else {
            self.number(field, "null");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.string(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        } else {
            self.string(field, &format!("{value:?}"));
        }
    }
}

/// The whole line, with its newline. `spans` are the fields of the spans around the event.
pub(super) fn write(
    style: Style,
    metadata: &Metadata<'_>,
    trace: Option<TraceContext>,
    spans: &str,
    fields: &Fields,
) -> String {
    let mut line = String::with_capacity(256);
    let now = SystemTime::now();
    if style.format == LogFormat::Pretty {
        style.timestamp.append_pretty(&mut line, now);
        let (start, end) = if style.colour { colour(*metadata.level()) } else { ("", "") };
        let _ = write!(line, "{start}{:>5}{end} {}: ", metadata.level(), metadata.target());
        line.push_str(&fields.message);
        line.push_str(spans);
        line.push_str(&fields.text);
        if let Some(trace) = trace {
            let _ = write!(line, " trace_id={}", trace.trace_id());
        }
    } else {
        line.push_str("{\"timestamp\":");
        if style.timestamp.append_json(&mut line, now) {
            line.push(',');
        } else {
            line.truncate(1);
        }
        let _ = write!(line, "\"level\":\"{}\",\"target\":", metadata.level());
        append_json_string(&mut line, metadata.target());
        line.push_str(",\"message\":");
        append_json_string(&mut line, &fields.message);
        if let Some(trace) = trace {
            let (trace_id, span_id) = (trace.trace_id(), trace.span_id());
            let _ = write!(line, ",\"trace_id\":\"{trace_id}\",\"span_id\":\"{span_id}\"");
        }
        line.push_str(spans);
        line.push_str(&fields.text);
        line.push('}');
    }
    line.push('\n');
    line
}

fn append_json_string(line: &mut String, value: &str) {
    // A string always serializes; on an error the line would still be valid JSON.
    line.push_str(&serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned()));
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
