//! Links as they are made, as server-sent events.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http_body_util::StreamBody;
use pcf_api::http::StatusCode;
use pcf_api::http::header::HeaderValue;
use pcf_api::{Body, BoxError, Error, Request, Response, response};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::timeout;

use crate::start::Links;

/// What is sent while nothing happens, so that no proxy takes the stream for dead.
const COMMENT: Bytes = Bytes::from_static(b":\n\n");
const COMMENT_AFTER: Duration = Duration::from_secs(15);

/// The first thing that is sent: the client is there, and comes back after half a second.
const HELLO: Bytes = Bytes::from_static(b"retry: 500\n\n");

/// An open stream would use up the whole drain; its client comes back to another instance.
pub async fn events(_: Request, links: Arc<Links>) -> Result<Response, Error> {
    let drain = links.drain.clone();
    let events = until(async move { drain.closing().await }, links.events.subscribe());
    let body = Body::stream(StreamBody::new(
        events.map(|bytes| Ok::<_, BoxError>(http_body::Frame::data(bytes))),
    ));
    let media_type = HeaderValue::from_static("text/event-stream");
    Ok(response::with_type(StatusCode::OK, media_type, body))
}

/// The events until then.
fn until(
    end: impl Future<Output = ()> + Send + 'static,
    receiver: Receiver<Bytes>,
) -> impl Stream<Item = Bytes> + Send + 'static {
    stream::iter([HELLO]).chain(with_comments(receiver, COMMENT_AFTER)).take_until(end)
}

fn with_comments(receiver: Receiver<Bytes>, after: Duration) -> impl Stream<Item = Bytes> + Send {
    stream::unfold(receiver, move |mut receiver| async move {
        match timeout(after, receiver.recv()).await {
            Ok(Ok(event)) => Some((event, receiver)),
            Err(_) => Some((COMMENT, receiver)),
            // Too slow, and something is lost: the client knows by having to come back.
            Ok(Err(RecvError::Lagged(_) | RecvError::Closed)) => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use pcf_api::testing;
    use tokio::sync::{broadcast, oneshot};

    use super::*;

    #[tokio::test]
    async fn a_stream_ends_when_the_delay_of_the_drain_is_over() {
        let end = testing::drain();
        let links = Arc::new(Links::away(end.drain()));
        let response = events(testing::get("/api/events").request(), Arc::clone(&links)).await;
        let mut body = response.unwrap().into_body();
        let hello = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(hello, HELLO);
        end.begin();
        links.events.send(COMMENT).unwrap();
        assert!(body.frame().await.is_some(), "everything is still served");
        end.close();
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn events_come_until_the_end_and_comments_meanwhile() {
        let events = broadcast::Sender::new(2);
        let (end, ended) = oneshot::channel();
        let mut stream = Box::pin(until(async { ended.await.unwrap() }, events.subscribe()));
        let mut idle = Box::pin(with_comments(events.subscribe(), Duration::from_millis(1)));
        assert_eq!(stream.next().await.unwrap(), HELLO);
        events.send(Bytes::from_static(b"data: 1\n\n")).unwrap();
        assert_eq!(stream.next().await.unwrap(), "data: 1\n\n");
        assert_eq!(idle.next().await.unwrap(), "data: 1\n\n");
        assert_eq!(idle.next().await.unwrap(), COMMENT, "after a while of nothing");
        end.send(()).unwrap();
        assert_eq!(stream.next().await, None);
    }

    #[tokio::test]
    async fn who_is_too_slow_has_to_come_back() {
        let events = broadcast::Sender::new(2);
        let mut stream = Box::pin(until(std::future::pending(), events.subscribe()));
        for _ in 0..3 {
            events.send(COMMENT).unwrap();
        }
        assert_eq!(stream.next().await.unwrap(), HELLO);
        assert_eq!(stream.next().await, None);
    }
}
