//! From `tracing` events to log lines. The fields of the spans around an event are part of its line.

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::line::{self, Fields, Head, Style};
use super::throttle::{LeftOut, Throttle};
use super::writer::Writer;
use crate::trace;

/// Writes each event as one line.
pub(super) struct LogLayer {
    style: Style,
    throttle: Throttle,
    writer: Writer,
}

impl LogLayer {
    pub(super) fn new(style: Style, writer: Writer) -> Self {
        Self { style, throttle: Throttle::new(), writer }
    }

    /// Says that lines are missing.
    fn tell(&self, left_out: &LeftOut) {
        let LeftOut { library, lines } = left_out;
        let mut fields = Fields::of_event(self.style);
        fields.message = format!("lines of {library} were left out: there were too many");
        fields.number("lines", *lines);
        let head = Head { level: Level::WARN, target: module_path!() };
        self.writer.write(&line::write(self.style, head, None, &[], &fields));
    }
}

impl<S> Layer<S> for LogLayer
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::of_span(self.style);
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        self.throttle.over().for_each(|left_out| self.tell(&left_out));
        if !self.throttle.admits(event.metadata()) {
            return;
        }
        let mut fields = Fields::of_event(self.style);
        event.record(&mut fields);
        let mut spans = Vec::new();
        let mut seen = Vec::new();
        for span in context.event_scope(event).into_iter().flatten() {
            let extensions = span.extensions();
            let fields = extensions.get().into_iter().flat_map(Fields::latest_first);
            for (name, text) in fields {
                // A name stands once, with the value that is nearest to the event: some readers of
                // JSON refuse an object that has a key twice.
                if event.metadata().fields().field(name).is_none() && !seen.contains(&name) {
                    spans.extend_from_slice(text);
                    seen.push(name);
                }
            }
        }
        let head = Head { level: *event.metadata().level(), target: event.metadata().target() };
        let line = line::write(self.style, head, trace::current(), &spans, &fields);
        self.writer.write(&line);
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use serde_json::Value;
    use tracing_subscriber::layer::SubscriberExt;

    use super::super::{LogFormat, TimestampFormat};
    use super::*;
    use crate::text::is_deceptive;

    #[derive(Clone, Default)]
    struct Output(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, timestamp: TimestampFormat, log: impl FnOnce()) -> String {
        let output = Output::default();
        let writer = Writer::start(Box::new(output.clone()));
        let layer = LogLayer::new(Style { format, timestamp, colour: false }, writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        writer.flush(Duration::from_secs(5));
        let bytes = output.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_json_line_has_the_event_s_own_fields_flat_beside_the_common_ones() {
        let text = logged(LogFormat::Json, TimestampFormat::Rfc3339, || {
            let span = tracing::info_span!("outer", order = 7);
            let _entered = span.enter();
            tracing::warn!(target: "t", a = "quote \" and \n", b = 1.5, c = f64::NAN, d = ?Some(1), level = 9, "hello {}", "x");
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["target"], "t");
        assert_eq!(line["message"], "hello x");
        assert_eq!(line["order"], 7);
        assert_eq!(line["a"], "quote \" and \n");
        assert_eq!(line["b"], 1.5);
        assert_eq!(line["c"], Value::Null);
        assert_eq!(line["d"], "Some(1)");
        assert_eq!(line["field.level"], 9);
        let time = line["timestamp"].as_str().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    }

    #[test]
    fn a_name_stands_once_with_the_value_that_is_nearest_to_the_event() {
        let text = logged(LogFormat::Json, TimestampFormat::None, || {
            let outer = tracing::info_span!("outer", order = 1, item = 1, outermost = 1);
            let _outer = outer.enter();
            let inner = tracing::info_span!("inner", order = 2, item = 2);
            let _inner = inner.enter();
            inner.record("item", 3);
            tracing::info!(order = 4, "x");
        });
        let common = r#"{"level":"INFO","target":"pcf_api::telemetry::layer::tests","message":"x""#;
        assert_eq!(text, format!("{common},\"item\":3,\"outermost\":1,\"order\":4}}\n"));
    }

    #[test]
    fn the_time_can_be_a_number_or_left_out() {
        let log = || tracing::info!("x");
        let line = logged(LogFormat::Json, TimestampFormat::UnixMs, log);
        assert!(serde_json::from_str::<Value>(&line).unwrap()["timestamp"].is_u64());
        let line = logged(LogFormat::Json, TimestampFormat::None, log);
        assert!(serde_json::from_str::<Value>(&line).unwrap().get("timestamp").is_none());
    }

    /// A line end, what clears a screen, DEL, a C1 control, a line separator, a turn of direction.
    const DECEIT: &str = "a\nERROR forged: \u{1b}[2J\r\t\u{7f}\u{9b}\u{2028}\u{202e}ü\"\\b";

    #[test]
    fn someone_else_s_words_stay_within_their_line_and_are_what_they_were() {
        let log = || {
            tracing::info!(shown = %DECEIT, debug = ?DECEIT, text = DECEIT, "saying {DECEIT}");
        };
        for format in [LogFormat::Json, LogFormat::Pretty] {
            let text = logged(format, TimestampFormat::None, log);
            let found = text.trim_end_matches('\n').chars().find(|c| is_deceptive(*c));
            assert_eq!(found, None, "{text:?}");
        }
        let line: Value =
            serde_json::from_str(&logged(LogFormat::Json, TimestampFormat::None, log)).unwrap();
        assert_eq!(line["message"], format!("saying {DECEIT}"));
        assert_eq!((&line["shown"], &line["text"]), (&DECEIT.into(), &DECEIT.into()));
        let pretty = logged(LogFormat::Pretty, TimestampFormat::None, log);
        let told =
            "saying a\\nERROR forged: \\u{1b}[2J\\r\\t\\u{7f}\\u{9b}\\u{2028}\\u{202e}ü\"\\b ";
        assert!(pretty.contains(told), "{pretty}");
    }

    #[test]
    fn the_mistakes_of_a_configuration_have_a_line_each_for_people() {
        let text = logged(LogFormat::Pretty, TimestampFormat::None, || {
            tracing::error!(target: "pcf_api::run", "2 mistakes\n  a\u{1b}\n  b");
        });
        assert_eq!(text, "ERROR pcf_api::run: 2 mistakes\n  a\\u{1b}\n  b\n");
    }

    #[test]
    fn a_pretty_line_is_for_people() {
        let text = logged(LogFormat::Pretty, TimestampFormat::None, || {
            tracing::info!(target: "t", port = 80, name = "a b", "listening");
        });
        assert_eq!(text, " INFO t: listening port=80 name=\"a b\"\n");
    }
}
