//! Spans to an OpenTelemetry collector: the feature `otlp`.
//!
//! A request's span is made when its head is there and sent when its last byte is; the ids are those of
//! [`crate::trace`], so log lines and headers show them too. A thread of its own sends spans in batches,
//! from a queue that is bounded: no request waits for a collector.

mod client;
mod connector;
mod export;
mod layer;
mod page;
mod queue;
mod request;
mod resource;
mod sampling;
mod settings;
mod values;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc as std_mpsc;
use std::thread;
use std::time::{Duration, Instant};

use hyper::Request;
use opentelemetry::trace::{SpanContext, TraceContextExt, TracerProvider as _};
use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_otlp::{
    Compression, Protocol, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Builder;
use tokio::sync::mpsc;

use crate::identity::Identity;
use crate::metrics::{Collect, Counter};
use crate::trace::{Scope, TraceContext};

use client::Client;
use export::{Export, Flushed};
use layer::BoxedLayer;
use queue::Queue;
use request::{Head, RequestSpan};
use sampling::Sampling;
pub(crate) use settings::{OtlpConfig, ROWS, check};

static EXPORTED: Counter =
    Counter::new("otlp_spans_exported_total", "Spans that the collector has taken.");

static DROPPED: Counter<1> = Counter::with_labels(
    "otlp_spans_dropped_total",
    "Spans lost because too many waited, or because the collector did not take them in time.",
    [("reason", &["queue_full", "not_delivered"])],
);

static FAILURES: Counter = Counter::new(
    "otlp_export_failures_total",
    "Requests to the collector that failed; most are tried again.",
);

/// What is counted of spans.
pub(crate) static METRICS: [&dyn Collect; 3] = [&EXPORTED, &DROPPED, &FAILURES];

/// Waits between tries grow from the first to the last of these.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LAST_WAIT: Duration = Duration::from_secs(5);

/// What spans have at the end at least, however long the requests took.
const AT_LEAST: Duration = Duration::from_secs(1);

/// Makes spans, and sends them. Clones share it.
#[derive(Clone)]
pub(crate) struct Spans(Arc<Inner>);

struct Inner {
    url: String,
    queue: Queue,
    flushes: mpsc::Sender<Flushed>,
    sampling: Sampling,
    scope: InstrumentationScope,
    provider: SdkTracerProvider,
    timeout: Duration,
}

/// The span of the request that is worked on, in OpenTelemetry's context.
#[derive(Clone)]
struct CurrentSpan(Arc<RequestSpan>);

impl fmt::Debug for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spans").field("sampling", &self.0.sampling.shown).finish_non_exhaustive()
    }
}

impl Spans {
    /// Starts the thread that sends, if there is a collector; nothing is asked of it until there is a
    /// span. `place` is the pod and the node, where they are known.
    pub(crate) fn start(
        config: Option<&OtlpConfig>,
        identity: Identity,
        place: [Option<&str>; 2],
    ) -> io::Result<Option<Self>> {
        let Some(config) = config else { return Ok(None) };
        let resource = resource::of(identity, place, config);
        let (queue, spans) = Queue::new(config.max_queue_size, config.max_batch_size);
        let (flushes, flush) = mpsc::channel(1);
        let scope =
            InstrumentationScope::builder(identity.name).with_version(identity.version).build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(queue.clone())
            .with_sampler(config.sampling.sampler.clone())
            .with_resource(resource.clone())
            .build();
        let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(1).build()?;
        let mut exporter = exporter(config)?;
        opentelemetry_sdk::trace::SpanExporter::set_resource(&mut exporter, &resource);
        let export = Export {
            spans,
            flushes: flush,
            shared: Arc::clone(queue.shared()),
            exporter,
            max_batch_size: config.max_batch_size,
            schedule_delay: config.schedule_delay,
        };
        thread::Builder::new().name("spans".to_owned()).spawn(move || {
            runtime.block_on(export.run());
            // A name server that hangs is left behind.
            runtime.shutdown_background();
        })?;
        Ok(Some(Self(Arc::new(Inner {
            url: config.url.clone(),
            queue,
            flushes,
            sampling: config.sampling.clone(),
            scope,
            provider,
            timeout: config.timeout,
        }))))
    }

    /// Says where spans go, when the log is there.
    pub(crate) fn tell(&self) {
        let Inner { url, sampling, .. } = &*self.0;
        tracing::info!(url, sampler = sampling.shown, "spans are sent");
    }

    /// What makes spans of those of `tracing`.
    pub(crate) fn layer(&self) -> BoxedLayer {
        layer::of(self.0.provider.tracer_with_scope(self.0.scope.clone()))
    }

    /// Begins the span of a request, if it is sampled. What those ask who watch the service is none.
    pub(crate) fn begin<B>(
        &self,
        request: &Request<B>,
        scheme: &'static str,
        route: Option<&'static str>,
        is_probe: bool,
    ) -> Scope {
        let head = Head {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
            headers: request.headers(),
            scheme,
            route,
        };
        let inner = &*self.0;
        let (context, parent) = TraceContext::with_parent(head.headers);
        let parent = parent.map(|id| context.parent(id, head.headers));
        let is_sampled =
            !is_probe && inner.sampling.decide(context.otel_trace_id(), parent.as_ref());
        let context = context.with_sampled(is_sampled);
        let state = parent.as_ref().map(SpanContext::trace_state).cloned().unwrap_or_default();
        if !is_sampled && state.header().is_empty() {
            return Scope::from(context);
        }
        let own = context.span(state);
        let spans = Context::new().with_remote_span_context(own.clone());
        if !is_sampled {
            return Scope::with_spans(context, spans);
        }
        let parent = parent.map(|parent| parent.span_id());
        let span = RequestSpan::begin(&inner.queue, &inner.scope, head, own, parent);
        Scope::with_spans(context, spans.with_value(CurrentSpan(span)))
    }

    /// Sends what there is now, as long as the collector may take for a batch, and no longer than to
    /// this moment or for [`AT_LEAST`].
    pub(crate) async fn drain(&self, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        let (spans, within) = (self.clone(), left.max(AT_LEAST).min(self.0.timeout));
        // It waits on a thread that a second signal leaves behind.
        let _ = tokio::task::spawn_blocking(move || spans.flush(within)).await;
    }

    /// The same for what was left when all requests had ended, those that were cut among them; says
    /// what is lost.
    pub(crate) fn end(&self) {
        self.flush(AT_LEAST);
        let spans = self.0.queue.shared().pending.load(Relaxed);
        if spans > 0 {
            tracing::warn!(spans, "the collector did not take these spans before the end");
        }
    }

    fn flush(&self, within: Duration) {
        if self.0.queue.shared().pending.load(Relaxed) == 0 {
            return;
        }
        let (flushed, is_flushed) = std_mpsc::sync_channel(1);
        if self.0.flushes.try_send(flushed).is_ok() {
            let _ = is_flushed.recv_timeout(within);
        }
    }
}

/// Nothing that is wanted is missing.
pub(crate) fn warning() -> Option<String> {
    None
}

/// Ends the span of a request; a request without an answer has no status.
pub(crate) fn end(scope: &Scope, status: Option<u16>, took: Duration) {
    if let Some(CurrentSpan(span)) = scope.spans().and_then(Context::get) {
        span.end(status, took);
    }
}

fn exporter(config: &OtlpConfig) -> io::Result<SpanExporter> {
    let retries = RetryPolicy::recommended()
        .with_max_retries(usize::MAX)
        .with_initial_delay(FIRST_WAIT)
        .with_max_delay(LAST_WAIT)
        .with_max_jitter(FIRST_WAIT);
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(&config.url)
        .with_timeout(config.export_timeout)
        .with_retry_policy(retries)
        .with_http_client(Client::new(config));
    if config.is_compressed {
        exporter = exporter.with_compression(Compression::Gzip);
    }
    exporter.build().map_err(io::Error::other)
}
