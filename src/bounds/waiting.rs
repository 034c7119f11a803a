//! Who waits for a client. When a place is needed, the one that has waited the longest gives it up.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The first bytes of a connection, or the rest of a request's head.
    Head,
    /// The same, of a connection that has no place of its own.
    Reserve,
    /// The next request of a connection that has had some and is a bare socket.
    Idle,
    /// Anything at all, on a connection of HTTP/2, which keeps its buffers.
    Lull,
    /// More of a request's body, or that the client takes more of a response.
    Stalled,
}

/// How one that waits is told to give way.
#[derive(Debug)]
enum Cut {
    Signal(oneshot::Sender<()>),
    Task(AbortHandle),
}

/// All that wait.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    tickets: Mutex<BTreeMap<Key, Cut>>,
    next: AtomicU64,
}

/// In order of kind, and then of the moment: nanoseconds since the service's epoch. The number tells
/// two of one moment apart.
type Key = (Kind, u64, u64);

impl Waiting {
    /// Begins to wait, since that moment. The signal comes when it is to give way.
    pub(super) fn signalled(
        self: &Arc<Self>,
        kind: Kind,
        since: u64,
    ) -> (Ticket, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        (self.ticket(kind, since, Cut::Signal(sender)), receiver)
    }

    /// The same for a task, which is aborted.
    pub(crate) fn aborted(self: &Arc<Self>, kind: Kind, since: u64, task: AbortHandle) -> Ticket {
        self.ticket(kind, since, Cut::Task(task))
    }

    fn ticket(self: &Arc<Self>, kind: Kind, since: u64, cut: Cut) -> Ticket {
        let key = (kind, since, self.next.fetch_add(1, Relaxed));
        self.lock().insert(key, cut);
        Ticket { waiting: Arc::clone(self), key }
    }

    /// Cuts the one that has waited the longest, of the first of these kinds that has one who has
    /// waited for so long, and says of which kind it was.
    pub(super) fn cut_longest(&self, kinds: &[Kind], now: u64, at_least: Duration) -> Option<Kind> {
        let at_least = u64::try_from(at_least.as_nanos()).unwrap_or(u64::MAX);
        let mut tickets = self.lock();
        for kind in kinds {
            let longest = tickets.range((*kind, 0, 0)..=(*kind, u64::MAX, u64::MAX)).next();
            let Some((key, _)) = longest else { continue };
            let key = *key;
            if now.saturating_sub(key.1) < at_least {
                continue;
            }
            match tickets.remove(&key) {
                // Who has stopped waiting a moment ago frees its place all the same.
                Some(Cut::Signal(sender)) => drop(sender.send(())),
                Some(Cut::Task(task)) => task.abort(),
                None => continue,
            }
            return Some(*kind);
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Cut>> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that waits, as long as it is not dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    waiting: Arc<Waiting>,
    key: Key,
}

impl Ticket {
    /// Since when it waits.
    pub(crate) fn since(&self) -> u64 {
        self.key.1
    }
}

/// One that may wait, and is told by a signal.
#[derive(Debug, Default)]
pub(crate) struct Waiter(Option<(Ticket, oneshot::Receiver<()>)>);

impl Waiter {
    /// Waits for this, since that moment; it keeps its turn while both are the same.
    pub(crate) fn wait(&mut self, waiting: &Arc<Waiting>, kind: Kind, since: u64) {
        let is_same = |(ticket, _): &(Ticket, _)| (ticket.key.0, ticket.key.1) == (kind, since);
        if !self.0.as_ref().is_some_and(is_same) {
            self.0 = Some(waiting.signalled(kind, since));
        }
    }

    /// Waits no longer.
    pub(crate) fn stop(&mut self) {
        self.0 = None;
    }

    /// Ends when it is to give way.
    pub(crate) async fn cut(&mut self) {
        poll_fn(|context| self.poll_cut(context)).await;
    }

    /// Whether it is to give way: once.
    pub(crate) fn poll_cut(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some((_, cut)) = &mut self.0 else { return Poll::Pending };
        let _ = ready!(Pin::new(cut).poll(context));
        self.stop();
        Poll::Ready(())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.waiting.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_TIME: Duration = Duration::ZERO;

    #[test]
    fn the_longest_gives_way_first_and_who_has_left_does_not() {
        let waiting = Arc::new(Waiting::default());
        let (_late, mut late_cut) = waiting.signalled(Kind::Idle, 30);
        let (_early, mut early_cut) = waiting.signalled(Kind::Idle, 10);
        drop(waiting.signalled(Kind::Idle, 5));
        let cut = || waiting.cut_longest(&[Kind::Idle], 100, NO_TIME);
        assert_eq!(cut(), Some(Kind::Idle));
        assert_eq!((early_cut.try_recv().is_ok(), late_cut.try_recv().is_ok()), (true, false));
        assert_eq!(cut(), Some(Kind::Idle));
        assert!(late_cut.try_recv().is_ok());
        assert_eq!(cut(), None);
        assert!(waiting.lock().is_empty());
    }

    #[test]
    fn who_waits_for_the_same_keeps_its_turn_and_is_cut_once() {
        let (waiting, mut waiter) = (Arc::new(Waiting::default()), Waiter::default());
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(waiter.poll_cut(&mut context).is_pending());
        for (kind, since, number) in [(Kind::Head, 5, 0), (Kind::Head, 5, 0), (Kind::Head, 7, 1)] {
            waiter.wait(&waiting, kind, since);
            let keys: Vec<_> = waiting.lock().keys().copied().collect();
            assert_eq!(keys, [(kind, since, number)]);
            assert!(waiter.poll_cut(&mut context).is_pending());
        }
        assert_eq!(waiting.cut_longest(&[Kind::Head], 100, NO_TIME), Some(Kind::Head));
        assert!(
            waiter.poll_cut(&mut context).is_ready() && waiter.poll_cut(&mut context).is_pending()
        );
        waiter.wait(&waiting, Kind::Idle, 9);
        waiter.stop();
        assert!(waiting.lock().is_empty());
    }

    #[tokio::test]
    async fn kinds_are_asked_in_order_and_nobody_gives_way_at_once() {
        let waiting = Arc::new(Waiting::default());
        let (_head, mut head_cut) = waiting.signalled(Kind::Head, 50);
        let task = tokio::spawn(std::future::pending::<()>());
        let _stalled = waiting.aborted(Kind::Stalled, 10, task.abort_handle());
        let kinds = [Kind::Head, Kind::Stalled];
        let at_least = Duration::from_nanos(60);
        assert_eq!(waiting.cut_longest(&kinds, 100, at_least), Some(Kind::Stalled));
        assert!(task.await.unwrap_err().is_cancelled() && head_cut.try_recv().is_err());
        assert_eq!(waiting.cut_longest(&kinds, 100, at_least), None, "the head is too young");
        assert_eq!(waiting.cut_longest(&kinds, 110, at_least), Some(Kind::Head));
        assert!(head_cut.try_recv().is_ok());
    }
}
