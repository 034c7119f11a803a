//! The way of a span out of a request: into a bounded queue, without waiting. Past the bound spans are
//! dropped and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tokio::sync::{Notify, mpsc};

use super::DROPPED;

/// The queue's sending half. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    spans: mpsc::Sender<SpanData>,
    shared: Arc<Shared>,
    /// So many wait: the sender need not wait for more.
    is_batch: usize,
}

/// What both halves know.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Told when a batch is there.
    pub(super) full: Notify,
    /// Spans that are neither sent nor dropped yet.
    pub(super) pending: AtomicUsize,
}

impl Queue {
    /// A queue for so many spans, which are sent in batches of this size.
    pub(super) fn new(size: usize, batch: usize) -> (Self, mpsc::Receiver<SpanData>) {
        let (spans, receiver) = mpsc::channel(size);
        (Self { spans, shared: Arc::default(), is_batch: batch }, receiver)
    }

    /// Takes a span, or counts that there is no room for it.
    pub(super) fn push(&self, span: SpanData) {
        self.shared.pending.fetch_add(1, Relaxed);
        if self.spans.try_send(span).is_err() {
            self.shared.pending.fetch_sub(1, Relaxed);
            DROPPED.with(["queue_full"]).inc();
        } else if self.spans.max_capacity() - self.spans.capacity() >= self.is_batch {
            self.shared.full.notify_one();
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

/// The spans of the service's own code come by OpenTelemetry's interface.
impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.push(span);
        }
    }

    /// The end of the service flushes, see [`super::Spans::flush`].
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
