//! One log line as text: JSON with flat fields, or for people.
//!
//! SECURITY: messages and fields may hold the words of a client. They never end a line, steer a
//! terminal or turn the direction of writing: such characters are escaped in both styles.

use std::fmt;
use std::io::Write;
use std::time::SystemTime;

use serde_json::Value;
use tracing::Level;
use tracing::field::{Field, Visit};

use super::{LogFormat, TimestampFormat};
use crate::text::{escaped, is_deceptive};
use crate::trace::TraceContext;

/// The keys that every JSON line has for itself; a field of the same name is written as `field.x`.
const RESERVED: [&str; 6] = ["timestamp", "level", "target", "message", "trace_id", "span_id"];

/// For people, this target's messages may have several lines: each mistake in the configuration is
/// one. Nobody's words are in them.
const OF_SEVERAL_LINES: &str = "pcf_api::run";

/// How lines look.
#[derive(Clone, Copy)]
pub(super) struct Style {
    /// Json or Pretty; Auto has been decided.
    pub(super) format: LogFormat,
    pub(super) timestamp: TimestampFormat,
    pub(super) colour: bool,
}

/// Of what level a line is, and what it is about: a module of the code, or a name.
#[derive(Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) level: Level,
    pub(super) target: &'a str,
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

    fn key(&mut self, name: &'static str) {
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
    pub(super) fn number(&mut self, name: &'static str, value: impl Into<Value>) {
        self.key(name);
        // A number always can be written, and memory takes all of it.
        let _ = serde_json::to_writer(&mut self.text, &value.into());
    }

    fn string(&mut self, name: &'static str, value: &str) {
        self.key(name);
        if self.style.format == LogFormat::Pretty {
            let _ = write!(self.text, "{value:?}");
        } else {
            append_string(&mut self.text, value);
        }
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.number(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.number(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.string(field.name(), value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// The whole line, with its newline. `spans` are the fields of the spans around the event.
pub(super) fn write(
    style: Style,
    head: Head<'_>,
    trace: Option<TraceContext>,
    spans: &[u8],
    fields: &Fields,
) -> Vec<u8> {
    let mut line = Vec::with_capacity(512);
    let Head { level, target } = head;
    let now = SystemTime::now();
    if style.format == LogFormat::Pretty {
        style.timestamp.append_pretty(&mut line, now);
        let (start, end) = if style.colour { colour(level) } else { ("", "") };
        let _ = write!(line, "{start}{level:>5}{end} {target}: ");
        append_message(&mut line, &fields.message, target == OF_SEVERAL_LINES);
        line.extend_from_slice(spans);
        line.extend_from_slice(&fields.text);
        if let Some(trace) = trace {
            let _ = write!(line, " trace_id={}", trace.trace_id());
        }
    } else {
        line.push(b'{');
        style.timestamp.append_json(&mut line, now);
        append(&mut line, ["\"level\":\"", level.as_str(), "\",\"target\":"]);
        append_string(&mut line, target);
        append(&mut line, [",\"message\":"]);
        append_string(&mut line, &fields.message);
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

/// A string of JSON.
fn append_string(line: &mut Vec<u8>, text: &str) {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    line.push(b'"');
    if text.bytes().all(is_plain) {
        line.extend_from_slice(text.as_bytes());
    } else {
        for c in text.chars() {
            match c {
                '"' | '\\' => append(line, ["\\", c.encode_utf8(&mut [0; 4])]),
                '\n' => append(line, ["\\n"]),
                c if is_deceptive(c) => append(line, [&escaped(c)]),
                c => append(line, [c.encode_utf8(&mut [0; 4])]),
            }
        }
    }
    line.push(b'"');
}

/// A message for people.
fn append_message(line: &mut Vec<u8>, text: &str, is_of_several_lines: bool) {
    for c in text.chars() {
        match c {
            '\n' if is_of_several_lines => line.push(b'\n'),
            c if is_deceptive(c) => drop(write!(line, "{}", c.escape_debug())),
            c => append(line, [c.encode_utf8(&mut [0; 4])]),
        }
    }
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
