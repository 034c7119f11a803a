//! A connection to a host that may have several addresses, some of which may swallow what is sent to
//! them: RFC 8305, section 5, without its preference for a family.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::sleep;

/// How long an address is waited for before the next one is tried beside it.
const STAGGER: Duration = Duration::from_millis(250);

type Attempt = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// The first connection that stands. An address that refuses is followed by the next at once, one
/// that says nothing after 250 ms; it may still answer. Attempts end with the future.
pub(super) async fn first(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut untried = addresses.iter();
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut last = io::Error::from(ErrorKind::AddrNotAvailable);
    loop {
        match untried.next() {
            Some(address) => attempts.push(Box::pin(TcpStream::connect(*address))),
            None if attempts.is_empty() => return Err(last),
            None => {}
        }
        tokio::select! {
            ended = any(&mut attempts) => match ended {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            },
            () = sleep(STAGGER), if untried.len() > 0 => {}
        }
    }
}

/// What the first attempt that ends comes to; it is taken out. (tokio's `JoinSet` would do it too, and
/// costs 6 KB of the image.)
async fn any(attempts: &mut Vec<Attempt>) -> io::Result<TcpStream> {
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
    use super::*;

    /// An address that says nothing: its queue of connections is full, so that Linux drops more.
    #[cfg(target_os = "linux")]
    fn silent() -> (SocketAddr, socket2::Socket, Vec<socket2::Socket>) {
        use socket2::{Domain, Socket, Type};

        let socket = |_| Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let listener = socket(0);
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let queue: Vec<Socket> = (0..4).map(socket).collect();
        for waiting in &queue {
            waiting.set_nonblocking(true).unwrap();
            let _ = waiting.connect(&address);
        }
        (address.as_socket().unwrap(), listener, queue)
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn an_address_that_says_nothing_does_not_hide_the_next() {
        use std::net::TcpListener;
        use std::time::Instant;

        let (silent, _listener, _queue) = silent();
        let good = TcpListener::bind("127.0.0.1:0").unwrap();
        let refused = SocketAddr::from(([127, 0, 0, 1], 1));
        let addresses = [refused, silent, refused, good.local_addr().unwrap()];
        let began = Instant::now();
        let stream = first(&addresses).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addresses[3]);
        assert!(began.elapsed() >= STAGGER, "the silent one was waited for");
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn where_none_answers_the_last_reason_is_told() {
        let refused = SocketAddr::from(([127, 0, 0, 1], 1));
        let error = first(&[refused, refused]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(first(&[]).await.unwrap_err().kind(), ErrorKind::AddrNotAvailable);
    }
}
