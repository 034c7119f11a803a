//! The signals that end the service.

use std::fs;
use std::future::pending;
use std::io;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

/// What ends the service.
pub(crate) enum Signals {
    /// The process's.
    Process(Process),
    /// A word from the same process, for tests.
    Word(Arc<Notify>),
}

/// Those that are waited for.
pub(crate) struct Process {
    terminate: Option<Signal>,
    interrupt: Option<Signal>,
    hangup: Option<Signal>,
    quit: Option<Signal>,
}

impl Signals {
    /// The process's signals.
    pub(crate) fn of_process() -> io::Result<Self> {
        Process::new().map(Self::Process)
    }

    /// The next one that comes.
    pub(crate) async fn next(&mut self) -> &'static str {
        match self {
            Self::Process(process) => process.next().await,
            Self::Word(word) => {
                word.notified().await;
                "SIGTERM"
            }
        }
    }
}

impl Process {
    /// Takes over the signals that were not ignored when the program began: `nohup` ignores SIGHUP,
    /// and a shell without job control SIGINT and SIGQUIT of what it puts into the background.
    fn new() -> io::Result<Self> {
        let ignored = ignored(&fs::read_to_string("/proc/self/status").unwrap_or_default());
        let take = |kind: SignalKind| {
            let is_ignored = ignored & (1 << (kind.as_raw_value() - 1)) != 0;
            if is_ignored { Ok(None) } else { signal(kind).map(Some) }
        };
        Ok(Self {
            terminate: take(SignalKind::terminate())?,
            interrupt: take(SignalKind::interrupt())?,
            hangup: take(SignalKind::hangup())?,
            quit: take(SignalKind::quit())?,
        })
    }

    /// The next one that comes.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            () = received(&mut self.terminate) => "SIGTERM",
            () = received(&mut self.interrupt) => "SIGINT",
            () = received(&mut self.hangup) => "SIGHUP",
            () = received(&mut self.quit) => "SIGQUIT",
        }
    }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => pending().await,
    }
}

/// The signals that are ignored, as Linux tells them: a mask in hexadecimal, SIGHUP the lowest bit.
/// Elsewhere none are known.
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_mask_is_read() {
        assert_eq!(ignored("SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n"), 0x1001);
        assert_eq!((ignored("SigIgn:\tnonsense"), ignored("")), (0, 0));
    }
}
