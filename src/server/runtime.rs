//! The runtimes: the main thread's own, and the workers'.

use std::io;

use tokio::runtime::{Builder, Runtime};

use super::workers::{Threads, Workers};
use crate::health::settings::MAX_DEPENDENCIES;

/// The main thread's runtime, which runs no handler, and the workers.
pub(crate) struct Runtimes {
    main: Runtime,
    threads: Threads,
    workers: Workers,
}

impl Runtimes {
    /// Starts so many workers.
    pub(crate) fn start(workers: usize) -> io::Result<Self> {
        let (threads, workers) = Threads::start(workers)?;
        let main = Builder::new_current_thread()
            .enable_all()
            // Name look-ups of the health checks, reads of their URLs' files and of their issuers': at
            // most one of each per dependency, and none can be stopped. And the log level's file, the
            // certificate's, and the wait for spans at the end.
            .max_blocking_threads(3 * MAX_DEPENDENCIES + 3)
            .build()?;
        Ok(Self { main, threads, workers })
    }

    /// Runs the work on the main thread, and then ends both. What cannot be stopped is left behind: a
    /// name server or a mount that hangs must not hold the end of the process.
    pub(crate) fn run<T>(self, work: impl AsyncFnOnce(Workers) -> T) -> T {
        let Self { main, threads, workers } = self;
        let result = main.block_on(work(workers));
        main.shutdown_background();
        threads.stop();
        result
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn what_hangs_does_not_hold_the_end() {
        let began = Instant::now();
        Runtimes::start(1).unwrap().run(async |_| {
            tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_secs(5)));
        });
        assert!(began.elapsed() < Duration::from_secs(2));
    }
}
