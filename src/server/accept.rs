//! Taking connections from the kernel: one place for the limit, for errors and for the end.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::time::sleep;

use super::workers::{Accepted, Workers};
use crate::app::App;

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
    app: Arc<App>,
    workers: Workers,
    wait: Duration,
    told_at: Option<Instant>,
}

impl Acceptor {
    /// `listener` must not block.
    pub(super) fn new(
        listener: std::net::TcpListener,
        app: Arc<App>,
        workers: Workers,
    ) -> io::Result<Self> {
        let listener = TcpListener::from_std(listener)?;
        Ok(Self { listener, app, workers, wait: FIRST_WAIT, told_at: None })
    }

    /// Accepts for ever; returns the error that ended it.
    pub(super) async fn run(&mut self) -> io::Error {
        loop {
            // Past the reserve nobody is accepted: new connections wait in the kernel's queue.
            let Some(permit) = self.app.admission.permit().await else {
                return io::Error::other("the service admits no connections any more");
            };
            // A socket belongs to the runtime that waits for it: it is taken out of this one and
            // put into its worker's.
            let accepted = self.listener.accept().await;
            match accepted.and_then(|(stream, _)| stream.into_std()) {
                Ok(stream) => {
                    self.wait = FIRST_WAIT;
                    let place = self.app.admission.enter(permit);
                    hand_over(&self.workers, Accepted { stream, place });
                }
                Err(error) => match classify(&error) {
                    Class::Connection => {}
                    Class::Resources => {
                        drop(permit);
                        self.back_off(&error).await;
                    }
                    Class::Listener => return error,
                },
            }
        }
    }

    /// Accepts what has arrived already, and then closes the listening socket. The workers are
    /// returned: they serve on until they are dropped.
    pub(super) fn finish(self) -> Workers {
        let Self { listener, app, workers, .. } = self;
        let Ok(listener) = listener.into_std() else { return workers };
        while let Some(permit) = app.admission.try_permit() {
            match listener.accept() {
                Ok((stream, _)) if stream.set_nonblocking(true).is_ok() => {
                    let place = app.admission.enter(permit);
                    hand_over(&workers, Accepted { stream, place });
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if classify(&error) == Class::Connection => {}
                Err(_) => break,
            }
        }
        workers
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

fn hand_over(workers: &Workers, accepted: Accepted) {
    // Responses are written whole; waiting for more to send would only delay them.
    match accepted.stream.set_nodelay(true) {
        Ok(()) => workers.take(accepted),
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
