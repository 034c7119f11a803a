//! The requests of an HTTP/2 connection: where they run, and what becomes of those that wait for
//! their client.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use hyper::rt::Executor;

use crate::bounds::{Kind, STALLED_AFTER, Ticket};
use crate::layers::{Flow, Progress};
use crate::task::{self, Task};

/// How long a connection may work on its requests in one turn before it leaves them to others.
const TURN: Duration = Duration::from_millis(20);

/// Runs what hyper makes of each request.
///
/// Most are answered at once, and those are where they are: no task is made for them, and a client
/// that sends a hundred requests at a time does not make the service hold a hundred. What has to
/// wait becomes a task, which can be ended alone.
#[derive(Clone)]
pub(super) struct Streams {
    flow: Arc<Flow>,
}

impl Streams {
    pub(super) fn new(flow: &Arc<Flow>) -> Self {
        Self { flow: Arc::clone(flow) }
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        let mut future: Task = Box::pin(future);
        if self.flow.turn_age() < TURN {
            // Polled again by its task if it has to wait, and then woken as it should be.
            let mut context = Context::from_waker(Waker::noop());
            if future.as_mut().poll(&mut context).is_ready() {
                return;
            }
        }
        // hyper has made the request a moment ago, in this same turn.
        let progress = self.flow.streams.last();
        let task = task::spawn_boxed(future);
        if let Some(progress) = progress {
            progress.set_task(task.abort_handle());
        }
    }
}

/// Those that wait for their client.
#[derive(Default)]
pub(super) struct Stalled(Vec<(Arc<Progress>, Ticket)>);

impl Stalled {
    /// Looks at all of them: one that has stood still for the limit is ended. False: it cannot be
    /// ended alone, for all of its response is handed over.
    pub(super) fn look(&mut self, flow: &Flow, limit: Duration) -> bool {
        let streams = flow.streams.open();
        let mut stalled = 0;
        let mut tickets = Vec::new();
        for stream in streams {
            let Some(since) = stream.stalled_since() else { continue };
            let age = flow.elapsed(since);
            if age < STALLED_AFTER.min(limit) {
                continue;
            }
            stalled += 1;
            let Some(task) = stream.task().cloned() else {
                if age >= limit {
                    return false;
                }
                continue;
            };
            if age >= limit {
                tracing::debug!("a client of HTTP/2 did not take a response in time; it was cut");
                task.abort();
                continue;
            }
            let known = self
                .0
                .iter()
                .position(|(known, ticket)| Arc::ptr_eq(known, &stream) && ticket.since() == since);
            let kept = known.map(|index| self.0.swap_remove(index));
            tickets.push(kept.unwrap_or_else(|| {
                let waiting = &flow.layers.bounds.waiting;
                let ticket = waiting.aborted(Kind::Stalled, since, task);
                (stream, ticket)
            }));
        }
        flow.streams.set_stalled(stalled);
        self.0 = tickets;
        true
    }
}
