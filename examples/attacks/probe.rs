//! Those who watch the service and an honest client, each on a new connection every time.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often each asks, and how long it waits.
const EVERY: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the one sleeps who does nothing else: who asks does not see how late the machine is while
/// waiting for an answer.
const NAP: Duration = Duration::from_millis(5);

/// The longest waits, and what else was seen.
#[derive(Clone, Copy, Default)]
pub struct Seen {
    pub health: Duration,
    pub ready: Duration,
    pub version: Duration,
    /// Answers of 503 to the honest client.
    pub shed: usize,
    /// Those who watch that were not answered 200, and honest requests without any answer.
    pub failures: usize,
    /// The longest that this program itself was kept waiting for a CPU.
    pub own: Duration,
}

pub struct Probe {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Watched>>,
}

impl Probe {
    pub fn start(to: SocketAddr) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut threads: Vec<_> = ["/health", "/health/ready", "/version"]
            .map(|path| {
                let is_over = Arc::clone(&is_over);
                thread::spawn(move || ask_on(to, path, &is_over))
            })
            .into();
        let sleeps = Arc::clone(&is_over);
        threads.push(thread::spawn(move || sleep_on(&sleeps)));
        Self { is_over, threads }
    }

    pub fn stop(self) -> Seen {
        self.is_over.store(true, Relaxed);
        let mut seen = self.threads.into_iter().map(|thread| thread.join().unwrap_or_default());
        let mut next = || seen.next().unwrap_or_default();
        let (health, ready, version, sleeper) = (next(), next(), next(), next());
        Seen {
            health: health.longest,
            ready: ready.longest,
            version: version.longest,
            shed: version.shed,
            failures: health.failures + ready.failures + version.failures,
            own: health.own.max(ready.own).max(version.own).max(sleeper.own),
        }
    }
}

/// What one of them saw: its longest wait, how many answers were 503, how many requests failed, and
/// how late it came to ask.
#[derive(Default)]
struct Watched {
    longest: Duration,
    shed: usize,
    failures: usize,
    own: Duration,
}

impl Watched {
    fn sleep(&mut self, time: Duration) {
        let slept = Instant::now();
        thread::sleep(time);
        self.own = self.own.max(slept.elapsed().saturating_sub(time));
    }
}

fn ask_on(to: SocketAddr, path: &str, is_over: &AtomicBool) -> Watched {
    let mut watched = Watched::default();
    while !is_over.load(Relaxed) {
        let began = Instant::now();
        match ask(to, path) {
            Ok((200, _)) => {}
            Ok((503, _)) if path == "/version" => watched.shed += 1,
            _ => watched.failures += 1,
        }
        watched.longest = watched.longest.max(began.elapsed());
        watched.sleep(EVERY);
    }
    watched
}

fn sleep_on(is_over: &AtomicBool) -> Watched {
    let mut watched = Watched::default();
    while !is_over.load(Relaxed) {
        watched.sleep(NAP);
    }
    watched
}

/// One request on a connection of its own: the status and all that came.
fn ask(to: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or(io::ErrorKind::InvalidData)?, answer))
}

/// Whether everything is as before.
pub fn is_settled(to: SocketAddr) -> bool {
    let began = Instant::now();
    let is_served = matches!(ask(to, "/version"), Ok((200, _)));
    let is_fast = began.elapsed() < Duration::from_millis(100);
    let Ok((200, scrape)) = ask(to, "/metrics") else { return false };
    let value = |name: &str| {
        let line = scrape.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse::<f64>().ok()).unwrap_or(f64::MAX)
    };
    // The scrape itself is one of each, and the connection before it may be another.
    is_served
        && is_fast
        && value("http_requests_in_flight") < 1.5
        && value("http_connections_active") < 3.5
        && value("http_buffered_bytes") < 100_000.0
}
