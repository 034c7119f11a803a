//! From `tracing` to spans: those of the service's own code become children of the request's span, and
//! what is logged at WARN and ERROR becomes an event of the span that it happened in.

use std::fmt::{self, Write};
use std::time::SystemTime;

use opentelemetry::trace::Event as SpanEvent;
use opentelemetry::{Context as Spans, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;
use tracing::field::{Field, Visit};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, Registry};

use super::CurrentSpan;
use super::request::cut;
use crate::trace;

/// A layer on the registry, beside that of the log.
pub(crate) type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Libraries whose spans are about their own work, as many as a client wants.
const LIBRARIES: [&str; 6] = ["h2", "hyper", "hyper_util", "mio", "tokio", "tower"];

/// Makes spans by this tracer. Those of requests that are not sampled are not even made.
pub(super) fn of(tracer: SdkTracer) -> BoxedLayer {
    let spans = tracing_opentelemetry::layer().with_tracer(tracer).with_threads(false);
    let filter = dynamic_filter_fn(|origin, _| is_of_interest(origin) && is_sampled())
        .with_callsite_filter(|origin| {
            if is_of_interest(origin) { Interest::sometimes() } else { Interest::never() }
        });
    Box::new(spans.and_then(RequestEvents).with_filter(filter))
}

/// Spans from INFO on, events from WARN on: the log has the others. More verbose levels are greater.
fn is_of_interest(origin: &Metadata<'_>) -> bool {
    let most = if origin.is_span() { Level::INFO } else { Level::WARN };
    let root = origin.target().split("::").next().unwrap_or_default();
    *origin.level() <= most && !LIBRARIES.contains(&root)
}

/// Outside of a request the sampler decides.
fn is_sampled() -> bool {
    trace::current().is_none_or(trace::TraceContext::is_sampled)
}

/// Events in no span but the request's own.
struct RequestEvents;

impl<S> Layer<S> for RequestEvents
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if context.lookup_current().is_some() {
            return;
        }
        Spans::map_current(|spans| {
            if let Some(span) = spans.get::<CurrentSpan>() {
                span.0.add(of_event(event));
            }
        });
    }
}

fn of_event(event: &Event<'_>) -> SpanEvent {
    let origin = event.metadata();
    let mut fields = Fields::default();
    event.record(&mut fields);
    fields.attributes.push(KeyValue::new("level", origin.level().as_str()));
    fields.attributes.push(KeyValue::new("target", origin.target()));
    SpanEvent::new(fields.message, SystemTime::now(), fields.attributes, 0)
}

/// The fields of an event, as attributes.
#[derive(Default)]
struct Fields {
    message: String,
    attributes: Vec<KeyValue>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message = cut(value);
        } else {
            self.attributes.push(KeyValue::new(field.name(), cut(value)));
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.attributes.push(KeyValue::new(field.name(), value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.attributes.push(KeyValue::new(field.name(), value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.attributes.push(KeyValue::new(field.name(), value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        let _ = write!(text, "{value:?}");
        self.record_str(field, &text);
    }
}
