//! The thread that sends spans in batches. Requests never wait for it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::queue::Shared;
use super::{DROPPED, EXPORTED};

/// Told when everything that waited is sent or dropped.
pub(super) type Flushed = std_mpsc::SyncSender<()>;

/// What the thread works on.
pub(super) struct Export<E> {
    pub(super) spans: mpsc::Receiver<SpanData>,
    pub(super) flushes: mpsc::Receiver<Flushed>,
    pub(super) shared: Arc<Shared>,
    pub(super) exporter: E,
    pub(super) max_batch_size: usize,
    pub(super) schedule_delay: Duration,
}

impl<E: SpanExporter> Export<E> {
    /// Sends spans until nobody is left who could make some.
    pub(super) async fn run(mut self) {
        // What the sending itself does is no span.
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        loop {
            let flushed = tokio::select! {
                flush = self.flushes.recv() => match flush {
                    Some(flushed) => Some(flushed),
                    None => return,
                },
                () = self.shared.full.notified() => None,
                () = sleep(self.schedule_delay) => None,
            };
            // As many as wait now: those that come meanwhile are the next round's.
            let mut left = self.spans.len();
            while left > 0 {
                left = left.saturating_sub(self.send_batch().await);
            }
            if let Some(flushed) = flushed {
                let _ = flushed.try_send(());
            }
        }
    }

    /// Sends what waits, up to a batch; how many these were.
    async fn send_batch(&mut self) -> usize {
        let mut batch = Vec::with_capacity(self.max_batch_size.min(self.spans.len()));
        let count = self.spans.recv_many(&mut batch, self.max_batch_size).await;
        let sent = self.exporter.export(batch).await;
        let counted = u64::try_from(count).unwrap_or(u64::MAX);
        match sent {
            Ok(()) => EXPORTED.add(counted),
            // The client has told why.
            Err(_) => DROPPED.with(["not_delivered"]).add(counted),
        }
        self.shared.pending.fetch_sub(count, Relaxed);
        count
    }
}
