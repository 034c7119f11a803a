//! Tasks that run beside the routes for as long as the service does.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::body::BoxError;
use crate::lifecycle::Drain;
use crate::task;
use crate::text::chain;

/// The first and the longest wait before a task that has failed is begun again.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

type Run = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// A task that has begun.
pub(crate) struct Begun {
    pub(super) name: &'static str,
    pub(super) handle: JoinHandle<()>,
}

/// A task, not begun yet.
pub(crate) struct Background {
    name: &'static str,
    work: Box<dyn FnMut(Drain) -> Run + Send>,
}

impl Background {
    pub(super) fn new<F, A, E>(name: &'static str, mut work: F) -> Self
    where
        F: FnMut(Drain) -> A + Send + 'static,
        A: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let work = move |drain| -> Run {
            let run = work(drain);
            Box::pin(async move { run.await.map_err(Into::into) })
        };
        Self { name, work: Box::new(work) }
    }

    /// Begins it on these threads.
    pub(crate) fn begin(self, workers: &Handle, drain: Drain) -> Begun {
        let name = self.name;
        Begun { name, handle: task::spawn_on(workers, self.run_to_its_end(drain)) }
    }

    /// One run of it; a panic is a failure like any other.
    async fn run(&mut self, drain: &Drain) -> Result<(), String> {
        // What it had is dropped with it.
        let begin = AssertUnwindSafe(|| (self.work)(drain.clone()));
        let panicked = |_| "it panicked".to_owned();
        let mut run = catch_unwind(begin).map_err(panicked)?;
        let end = poll_fn(|context| {
            match catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(context))) {
                Ok(poll) => poll.map(|end| end.map_err(|error| chain(&*error))),
                Err(panic) => Poll::Ready(Err(panicked(panic))),
            }
        });
        end.await
    }

    async fn run_to_its_end(mut self, drain: Drain) {
        let task = self.name;
        let mut wait = FIRST_WAIT;
        loop {
            let began = Instant::now();
            let failure = match self.run(&drain).await {
                Ok(()) => return,
                Err(failure) => failure,
            };
            if drain.has_begun() {
                tracing::warn!(task, error = failure, "a background task has failed at the drain");
                return;
            }
            // One that has run for long begins anew in its patience too.
            if began.elapsed() > LONGEST_WAIT {
                wait = FIRST_WAIT;
            }
            tracing::error!(
                task,
                error = failure,
                again_in = ?wait,
                "a background task has failed; it is begun again"
            );
            tokio::select! {
                () = sleep(wait) => {}
                () = drain.begun() => return,
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use super::*;
    use crate::lifecycle::{Lifecycle, Phase};

    #[tokio::test(start_paused = true)]
    async fn one_that_fails_or_panics_is_begun_again_later_each_time_until_the_drain() {
        let lifecycle = Lifecycle::new();
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        let task = Background::new("test", move |_| {
            let run = counted.fetch_add(1, SeqCst);
            async move {
                assert!(run != 1, "the second one panics");
                Err("no".into()) as Result<(), BoxError>
            }
        });
        let task = task.begin(&Handle::current(), lifecycle.drain());
        sleep(Duration::from_millis(500)).await;
        assert_eq!(runs.load(SeqCst), 1);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(runs.load(SeqCst), 2, "after 1 s");
        sleep(Duration::from_secs(1)).await;
        assert_eq!(runs.load(SeqCst), 2);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(runs.load(SeqCst), 3, "after 2 s more");
        lifecycle.advance(Phase::Draining);
        task.handle.await.unwrap();
        assert_eq!(runs.load(SeqCst), 3);
    }
}
