//! A task that takes turns: what wakes it while it has its turn gives it the next one only when the
//! others had theirs.
//!
//! tokio runs a task that wakes itself at once again, and HTTP/2 does so with each answer it makes.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tokio::task::yield_now;

/// Gives turns to a future.
#[derive(Default)]
pub(super) struct Turns(Arc<Turn>);

#[derive(Default)]
struct Turn {
    /// Whose turns these are.
    task: Mutex<Option<Waker>>,
    is_on: AtomicBool,
    is_woken: AtomicBool,
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, SeqCst);
        if !self.is_on.load(SeqCst) {
            let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(task) = task {
                task.wake();
            }
        }
    }
}

impl Turns {
    /// Gives a future a turn.
    pub(super) fn poll<F: Future>(
        &self,
        future: Pin<&mut F>,
        context: &mut Context<'_>,
    ) -> Poll<F::Output> {
        let turn = &self.0;
        let waker = context.waker().clone();
        *turn.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker);
        turn.is_woken.store(false, SeqCst);
        turn.is_on.store(true, SeqCst);
        let poll = future.poll(&mut Context::from_waker(&Waker::from(Arc::clone(turn))));
        turn.is_on.store(false, SeqCst);
        if poll.is_pending() && turn.is_woken.load(SeqCst) {
            // Never ready at once: it wakes the task later.
            let _ = pin!(yield_now()).poll(context);
        }
        poll
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[tokio::test]
    async fn who_wakes_itself_lets_others_have_their_turn() {
        let (turns, others) = (Turns::default(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&others);
        tokio::spawn(async move {
            loop {
                counted.fetch_add(1, SeqCst);
                yield_now().await;
            }
        });
        let mut seen = Vec::new();
        let mut greedy = pin!(poll_fn(|context| {
            seen.push(others.load(SeqCst));
            context.waker().wake_by_ref();
            if seen.len() < 5 { Poll::Pending } else { Poll::Ready(()) }
        }));
        poll_fn(|context| turns.poll(greedy.as_mut(), context)).await;
        assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
    }

    #[tokio::test]
    async fn who_is_woken_from_outside_goes_on() {
        let (turns, notify) = (Turns::default(), Arc::new(tokio::sync::Notify::new()));
        let waker = Arc::clone(&notify);
        tokio::spawn(async move { waker.notify_one() });
        let mut waits = pin!(notify.notified());
        poll_fn(|context| turns.poll(waits.as_mut(), context)).await;
    }
}
