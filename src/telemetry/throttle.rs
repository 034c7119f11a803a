//! A bound for the lines of the libraries below: what a client does may be an event to them, as often
//! as the client does it. Those of the service and its handlers are one or a few a request, and not
//! bounded here.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{Level, Metadata};

/// Each library, by its crate's name, may write [`MOST`] lines in [`WINDOW`]. What is logged below
/// INFO was asked for, and is not counted.
const LIBRARIES: [&str; 5] = ["h2", "hyper", "hyper_util", "mio", "tokio"];
const MOST: u32 = 10;
const WINDOW: Duration = Duration::from_secs(10);

/// Which lines are written and which are only counted.
#[derive(Debug)]
pub(super) struct Throttle(Vec<Library>);

#[derive(Debug)]
struct Library {
    name: &'static str,
    window: Mutex<Option<Window>>,
    left_out: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    began: Instant,
    lines: u32,
}

/// So many lines of this library were left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) library: &'static str,
    pub(super) lines: u64,
}

impl Throttle {
    pub(super) fn new() -> Self {
        let library =
            |name| Library { name, window: Mutex::default(), left_out: AtomicU64::new(0) };
        Self(LIBRARIES.into_iter().map(library).collect())
    }

    /// Whether a line of this origin is written; else it is counted.
    pub(super) fn admits(&self, origin: &Metadata<'_>) -> bool {
        let root = origin.target().split("::").next().unwrap_or_default();
        let library = self.0.iter().find(|library| library.name == root);
        // More verbose levels are greater.
        library.is_none_or(|library| *origin.level() > Level::INFO || library.admits())
    }

    /// What was left out and can be told, since its time is over: each loss once.
    pub(super) fn over(&self) -> impl Iterator<Item = LeftOut> {
        self.0.iter().filter(|library| library.left_out.load(Relaxed) > 0).filter_map(Library::over)
    }
}

impl Library {
    fn admits(&self) -> bool {
        let mut window = self.window();
        match window.as_mut().filter(|window| window.began.elapsed() < WINDOW) {
            None => *window = Some(Window { began: Instant::now(), lines: 1 }),
            Some(window) if window.lines < MOST => window.lines += 1,
            Some(_) => {
                self.left_out.fetch_add(1, Relaxed);
                return false;
            }
        }
        true
    }

    fn over(&self) -> Option<LeftOut> {
        let window = self.window();
        if window.is_some_and(|window| window.began.elapsed() < WINDOW) {
            return None;
        }
        let lines = self.left_out.swap(0, Relaxed);
        (lines > 0).then_some(LeftOut { library: self.name, lines })
    }

    fn window(&self) -> MutexGuard<'_, Option<Window>> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_writes_so_many_lines_and_the_rest_is_told_once_when_its_time_is_over() {
        let throttle = Throttle::new();
        let library = &throttle.0[0];
        assert_eq!((0..1000).filter(|_| library.admits()).count(), MOST as usize);
        assert_eq!(throttle.over().next(), None, "its time is not over");
        let long_ago = Instant::now().checked_sub(WINDOW);
        library.window().as_mut().unwrap().began = long_ago.unwrap();
        let told: Vec<_> = throttle.over().collect();
        assert_eq!(told, [LeftOut { library: LIBRARIES[0], lines: 1000 - u64::from(MOST) }]);
        assert_eq!(throttle.over().next(), None, "told");
        assert!(library.admits(), "anew");
    }
}
