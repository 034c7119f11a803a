//! The service under attack.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::probe;

pub struct Server {
    child: Child,
    pub address: SocketAddr,
    watched: Arc<Watched>,
}

#[derive(Default)]
struct Watched {
    most_memory: AtomicU64,
    /// Log lines but those of single requests.
    lines: AtomicUsize,
    is_called_stuck: AtomicBool,
    is_over: AtomicBool,
}

impl Server {
    /// At default settings, on two workers.
    pub fn start(path: &Path) -> io::Result<Self> {
        let mut child = Command::new(path)
            .env_clear()
            .envs([("PORT", "0"), ("SERVER__HOST", "127.0.0.1"), ("SERVER__WORKERS", "2")])
            .envs([("LOG_FORMAT", "json"), ("SERVER__DRAIN_DELAY", "0s")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            })?;
        let watched = Arc::new(Watched::default());
        let (sender, address) = mpsc::channel();
        if let Some(stderr) = child.stderr.take() {
            let watched = Arc::clone(&watched);
            thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    if let Some(address) = address_in(&line) {
                        let _ = sender.send(address);
                    }
                    watched.note(&line);
                }
            });
        }
        let address = address
            .recv_timeout(Duration::from_secs(10))
            .map_err(|_| io::Error::other("the server does not start"))?;
        let (pid, sampled) = (child.id(), Arc::clone(&watched));
        thread::spawn(move || {
            while !sampled.is_over.load(Relaxed) {
                sampled.most_memory.fetch_max(resident(pid).unwrap_or(0), Relaxed);
                thread::sleep(Duration::from_millis(20));
            }
        });
        Ok(Self { child, address, watched })
    }

    pub fn most_memory(&self) -> u64 {
        self.watched.most_memory.load(Relaxed)
    }

    /// How many log lines there were, those of single requests apart, and whether workers were called
    /// stuck.
    pub fn lines(&self) -> (usize, bool) {
        (self.watched.lines.load(Relaxed), self.watched.is_called_stuck.load(Relaxed))
    }

    /// Waits until everything is as before: nothing in flight, no connection but ours, and answers as
    /// fast as ever.
    pub fn settles(&self, deadline: Instant) -> bool {
        while Instant::now() < deadline {
            if probe::is_settled(self.address) {
                return true;
            }
            thread::sleep(Duration::from_millis(50));
        }
        false
    }
}

impl Watched {
    fn note(&self, line: &str) {
        if line.contains("\"target\":\"access\"") {
            return;
        }
        self.lines.fetch_add(1, Relaxed);
        if line.contains("stuck") {
            self.is_called_stuck.store(true, Relaxed);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.watched.is_over.store(true, Relaxed);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    line.get("address")?.as_str()?.parse().ok()
}

/// Resident memory, in bytes.
fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}
