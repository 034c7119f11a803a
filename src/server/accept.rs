//! Taking connections from the kernel: one place for the limit, for errors and for the end.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::admission::Place;
use super::connection::{self, Shared};

/// The first and the longest wait after the machine had no resources for a connection.
const FIRST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How often that is told while it lasts.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// What an error of accept(2) asks for.
#[derive(Debug, PartialEq, Eq)]
enum Class {
    /// That one connection is gone: go on at once.
    Connection,
    /// There are no file descriptors or no memory: wait, or the loop would spin.
    Resources,
    /// The listening socket is broken.
    Listener,
}

/// Accepts connections until it is dropped. It ends by itself only when the socket is broken.
pub(super) struct Acceptor {
    listener: TcpListener,
    shared: Arc<Shared>,
    /// Accepted, and without a place so far.
    accepted: Option<TcpStream>,
    wait: Duration,
    told_at: Option<Instant>,
}

impl Acceptor {
    /// `listener` must not block.
    pub(super) fn new(listener: std::net::TcpListener, shared: Arc<Shared>) -> io::Result<Self> {
        let listener = TcpListener::from_std(listener)?;
        Ok(Self { listener, shared, accepted: None, wait: FIRST_WAIT, told_at: None })
    }

    /// Accepts for ever; returns the error that ended it.
    pub(super) async fn run(&mut self) -> io::Error {
        loop {
            if self.accepted.is_some() {
                // Where there is no place at all, the others wait in the kernel's queue.
                let place = self.shared.admission.place(&self.shared.layers).await;
                if let Some(stream) = self.accepted.take() {
                    receive(&self.shared, stream, place);
                }
            }
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    self.wait = FIRST_WAIT;
                    self.accepted = Some(stream);
                }
                Err(error) => match classify(&error) {
                    Class::Connection => {}
                    Class::Resources => self.back_off(&error).await,
                    Class::Listener => return error,
                },
            }
        }
    }

    /// Accepts what has arrived already, and then closes the listening socket.
    pub(super) fn finish(self) {
        let Self { listener, shared, accepted, .. } = self;
        let take = |stream| {
            let place = shared.admission.try_place(&shared.layers);
            place.map(|place| receive(&shared, stream, place)).is_some()
        };
        let Ok(listener) = listener.into_std() else { return };
        if accepted.is_some_and(|stream| !take(stream)) {
            return;
        }
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    let stream =
                        stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
                    if stream.is_ok_and(|stream| !take(stream)) {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if classify(&error) == Class::Connection => {}
                Err(_) => return,
            }
        }
    }

    async fn back_off(&mut self, error: &io::Error) {
        if self.told_at.is_none_or(|told_at| told_at.elapsed() >= TELL_EVERY) {
            self.told_at = Some(Instant::now());
            tracing::warn!(%error, "no connection can be accepted for now; raise the limit of open files, or lower SERVER__MAX_CONNECTIONS");
        }
        sleep(self.wait).await;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }
}

fn receive(shared: &Arc<Shared>, stream: TcpStream, place: Place) {
    // Responses are written whole; waiting for more to send would only delay them.
    match stream.set_nodelay(true) {
        Ok(()) => connection::receive_new(shared, stream, place),
        Err(error) => tracing::debug!(%error, "an accepted connection was gone at once"),
    }
}

/// accept(2) names the errors: those of the network are one connection's, as are those of a
/// connection that was reset before it was taken.
fn classify(error: &io::Error) -> Class {
    // No library here names these portably; the numbers are those of Linux and the BSDs alike.
    const ENOMEM: i32 = 12;
    const EBADF: i32 = 9;
    const EINVAL: i32 = 22;
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const ENOBUFS: i32 = if cfg!(target_os = "linux") { 105 } else { 55 };
    const ENOTSOCK: i32 = if cfg!(target_os = "linux") { 88 } else { 38 };
    match error.raw_os_error() {
        Some(ENOMEM | ENFILE | EMFILE | ENOBUFS) => Class::Resources,
        Some(EBADF | EINVAL | ENOTSOCK) => Class::Listener,
        _ => Class::Connection,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_one_connection_do_not_stop_or_slow_the_others() {
        let class = |kind: io::ErrorKind| classify(&kind.into());
        assert_eq!(class(io::ErrorKind::ConnectionAborted), Class::Connection);
        assert_eq!(class(io::ErrorKind::Interrupted), Class::Connection);
        assert_eq!(classify(&io::Error::from_raw_os_error(24)), Class::Resources);
        assert_eq!(classify(&io::Error::from_raw_os_error(9)), Class::Listener);
    }
}
