//! Several places to ask, the hosts of a URL or the addresses of a name, some of which may swallow
//! what is sent to them: RFC 8305, section 5, without its preference for a family.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::sleep;

/// How long a place is waited for before the next one is tried beside it.
const STAGGER: Duration = Duration::from_millis(250);

/// Most reasons that are told where every place failed with another.
const MAX_REASONS: usize = 4;

/// One place: connect, ask, judge. The error says why not, for people.
pub(in super::super) type Attempt<'a> =
    Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// Whether one of the places is well. One that refuses is followed by the next at once, one that has
/// said nothing for 250 ms too; it may still answer. Attempts end with the future.
pub(in super::super) async fn first(untried: Vec<Attempt<'_>>) -> Result<(), String> {
    let mut untried = untried.into_iter();
    let mut attempts = Vec::new();
    let mut reasons: Vec<String> = Vec::new();
    loop {
        match untried.next() {
            Some(attempt) => attempts.push(attempt),
            None if attempts.is_empty() => return Err(reasons.join("; ")),
            None => {}
        }
        tokio::select! {
            ended = any(&mut attempts) => match ended {
                Ok(()) => return Ok(()),
                Err(reason) if reasons.contains(&reason) || reasons.len() >= MAX_REASONS => {}
                Err(reason) => reasons.push(reason),
            },
            () = sleep(STAGGER), if untried.len() > 0 => {}
        }
    }
}

/// What the first attempt that ends comes to; it is taken out. (tokio's `JoinSet` would do it too, and
/// costs 6 KB of the image.)
async fn any(attempts: &mut Vec<Attempt<'_>>) -> Result<(), String> {
    poll_fn(|context| {
        let mut numbered = attempts.iter_mut().enumerate();
        let ended = numbered.find_map(|(index, attempt)| match attempt.as_mut().poll(context) {
            Poll::Ready(result) => Some((index, result)),
            Poll::Pending => None,
        });
        let Some((index, result)) = ended else { return Poll::Pending };
        drop(attempts.swap_remove(index));
        Poll::Ready(result)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::time::Instant;

    use super::*;

    fn fails(reason: &'static str) -> Attempt<'static> {
        Box::pin(ready(Err(reason.to_owned())))
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_place_that_says_nothing_does_not_hide_the_next() {
        let began = Instant::now();
        let places: Vec<Attempt> =
            vec![fails("x"), Box::pin(pending()), fails("x"), Box::pin(ready(Ok(())))];
        assert_eq!(first(places).await, Ok(()));
        assert!(began.elapsed() >= STAGGER, "the silent one was waited for");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_slow_place_may_still_answer() {
        let slow: Attempt = Box::pin(async {
            sleep(2 * STAGGER).await;
            Ok(())
        });
        assert_eq!(first(vec![slow, Box::pin(pending())]).await, Ok(()));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn where_none_is_well_each_reason_is_told_once_and_not_too_many() {
        let places = ["a", "b", "a"].map(fails);
        assert_eq!(first(places.into()).await, Err("a; b".to_owned()));
        let places = ["a", "b", "c", "d", "e"].map(fails);
        assert_eq!(first(places.into()).await, Err("a; b; c; d".to_owned()));
    }
}
