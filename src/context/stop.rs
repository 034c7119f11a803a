//! The end of what ran beside the routes.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use super::Stop;
use super::background::Begun;
use crate::task;

/// What there is at least for either, however long the requests took: a pool is closed
/// also where a task had to be cut.
const AT_LEAST: Duration = Duration::from_secs(1);

/// Waits for background tasks to end, and then does what is to be done at the end, the last first.
/// What takes longer than this is cut; whether nothing was.
pub(crate) async fn run(
    tasks: Vec<Begun>,
    stops: Vec<Stop>,
    workers: &Handle,
    within: Duration,
) -> bool {
    let deadline = Instant::now() + within.max(AT_LEAST);
    let mut is_whole = true;
    for Begun { name, mut handle } in tasks {
        if timeout_at(deadline, &mut handle).await.is_err() {
            handle.abort();
            tracing::warn!(task = name, "a background task did not end at the drain; it is cut");
            is_whole = false;
        }
    }
    let deadline = deadline.max(Instant::now() + AT_LEAST);
    for stop in stops.into_iter().rev() {
        let task = task::spawn_on(workers, stop());
        let abort: AbortHandle = task.abort_handle();
        match timeout_at(deadline, task).await {
            Ok(Ok(())) => {}
            // The panic hook has told it.
            Ok(Err(_)) => is_whole = false,
            Err(_) => {
                abort.abort();
                tracing::warn!("what is done at the end took too long; it is cut");
                is_whole = false;
            }
        }
    }
    is_whole
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_last_is_first_and_what_hangs_is_cut() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let stop = |number: u32| -> Stop {
            let order = Arc::clone(&order);
            Box::new(move || Box::pin(async move { order.lock().unwrap().push(number) }))
        };
        let workers = Handle::current();
        let begun = |handle| Begun { name: "test", handle };
        let task = begun(tokio::spawn(async {}));
        assert!(run(vec![task], vec![stop(1), stop(2)], &workers, Duration::ZERO).await);
        assert_eq!(*order.lock().unwrap(), [2, 1]);
        let began = Instant::now();
        let hangs: Stop = Box::new(|| Box::pin(pending()));
        assert!(!run(Vec::new(), vec![stop(3), hangs], &workers, Duration::ZERO).await);
        assert_eq!(began.elapsed(), AT_LEAST);
        let hangs = begun(tokio::spawn(pending()));
        assert!(!run(vec![hangs], vec![stop(4)], &workers, Duration::from_secs(5)).await);
        assert_eq!(
            order.lock().unwrap().last(),
            Some(&4),
            "a task that is cut takes no time of it"
        );
    }
}
