//! The writer of log lines: a bounded buffer and a thread that empties it.
//!
//! A request only ever appends to memory. Where standard error is not read (a full pipe, a stuck
//! collector), lines that no longer fit are dropped and counted instead of making requests wait.

use std::fmt;
use std::io::{ErrorKind, Write};
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Most bytes that wait to be written: about 4000 lines.
const CAPACITY: usize = 1024 * 1024;

/// How long the thread gathers lines before it writes them: one write of many lines costs less than
/// many writes, and nobody reads logs within five milliseconds.
const GATHER: Duration = Duration::from_millis(5);

/// Takes log lines, never blocks, and writes them in order. Clones share one buffer.
#[derive(Clone)]
pub(crate) struct Writer(Arc<Shared>);

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}

struct Shared {
    state: Mutex<State>,
    /// Told when there are lines, and when all are written.
    changed: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// The thread sleeps until it is told that there are lines.
    is_asleep: bool,
    /// The thread has lines in its hands that are not written yet.
    is_writing: bool,
    /// Someone waits in [`Writer::flush`]: do not gather.
    is_flushing: bool,
}

impl Writer {
    /// Starts the thread that writes to `output`. Where no thread can be had, lines are dropped.
    pub(crate) fn start(output: Box<dyn Write + Send>) -> Self {
        let writer = Self(Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            dropped: AtomicU64::new(0),
        }));
        let shared = Arc::clone(&writer.0);
        let builder = thread::Builder::new().name("log".to_owned()).stack_size(128 * 1024);
        let _ = builder.spawn(move || shared.write_all_lines(output));
        writer
    }

    /// Takes a line, which must end in a newline.
    pub(crate) fn write(&self, line: &[u8]) {
        let mut state = self.0.lock();
        if state.waiting.len() + line.len() > CAPACITY {
            drop(state);
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        state.waiting.extend_from_slice(line);
        if mem::take(&mut state.is_asleep) {
            drop(state);
            self.0.changed.notify_all();
        }
    }

    /// How many lines were dropped since the start.
    pub(crate) fn dropped(&self) -> u64 {
        self.0.dropped()
    }

    /// Waits until every line is written, or the time is over.
    pub(crate) fn flush(&self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        let mut state = self.0.lock();
        state.is_flushing = true;
        self.0.changed.notify_all();
        while !state.waiting.is_empty() || state.is_writing {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.0.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.is_flushing = false;
    }
}

impl Shared {
    fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all_lines(&self, mut output: Box<dyn Write + Send>) {
        let mut lines = Vec::new();
        let mut told = 0;
        let mut is_taken = true;
        loop {
            let mut state = self.lock();
            while state.waiting.is_empty() {
                state.is_asleep = true;
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if !state.is_flushing {
                let gathered = self.changed.wait_timeout(state, GATHER);
                state = gathered.unwrap_or_else(PoisonError::into_inner).0;
            }
            mem::swap(&mut state.waiting, &mut lines);
            state.is_writing = true;
            drop(state);
            // Told now, when there is room for it again; not while writing fails, for the line would be
            // lost too, and the next to be told.
            let dropped = self.dropped();
            if is_taken && dropped > told {
                let message = "log lines were dropped: standard error is not read fast enough";
                tracing::warn!(lines = dropped - told, "{message}");
                told = dropped;
            }

            is_taken = write_patiently(&mut output, &lines);
            if !is_taken {
                let lost = lines.iter().filter(|byte| **byte == b'\n').count();
                self.dropped.fetch_add(lost as u64, Ordering::Relaxed);
            }
            lines.clear();
            self.lock().is_writing = false;
            self.changed.notify_all();
        }
    }
}

/// Writes everything, also where someone has made standard error non-blocking. False: it is closed.
fn write_patiently(output: &mut dyn Write, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match output.write(bytes) {
            Ok(0) => return false,
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(10));
            }
            Err(_) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc;

    use super::*;

    /// Hands each write to the test, and waits until the test takes it.
    struct Rendezvous(mpsc::SyncSender<Vec<u8>>);

    impl Write for Rendezvous {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(|_| ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_arrive_in_order_and_together() {
        let (sender, receiver) = mpsc::sync_channel(100);
        let writer = Writer::start(Box::new(Rendezvous(sender)));
        for n in 0..1000 {
            writer.write(format!("{n}\n").as_bytes());
        }
        writer.flush(Duration::from_secs(5));
        let writes: Vec<Vec<u8>> = receiver.try_iter().collect();
        let expected: String = (0..1000).map(|n| format!("{n}\n")).collect();
        assert_eq!(String::from_utf8(writes.concat()).unwrap(), expected);
        assert!(writes.len() < 100, "{} writes", writes.len());
    }

    #[test]
    fn when_nobody_reads_writing_does_not_wait_and_drops_are_counted() {
        let (sender, receiver) = mpsc::sync_channel(0);
        let writer = Writer::start(Box::new(Rendezvous(sender)));
        let line = format!("{}\n", "x".repeat(1023));
        for _ in 0..4096 {
            writer.write(line.as_bytes());
        }
        // One buffer waits, at most one is in the thread's hands.
        assert!((2048..=3072).contains(&writer.dropped()), "{}", writer.dropped());
        writer.flush(Duration::from_millis(50));
        drop(receiver);
        writer.flush(Duration::from_secs(5));
        assert_eq!(writer.dropped(), 4096, "what a closed pipe refused counts too");
    }
}
