//! What the tests share: the server as a process, a plain HTTP client, peers, and waiting.

pub mod client;
pub mod peers;
pub mod process;

use std::thread;
use std::time::{Duration, Instant};

pub use client::Client;
pub use process::{Server, binary, run};

/// Waits until something holds, and says how long it took. What is told when it never does is the
/// last thing that `look` returned.
pub fn eventually<T>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> Result<T, String>,
) -> (T, Duration) {
    let began = Instant::now();
    loop {
        match look() {
            Ok(found) => return (found, began.elapsed()),
            Err(last) if began.elapsed() > within => {
                panic!("{what}: not within {within:?}: {last}")
            }
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// Whether a tool is here. A missing one is told, and with `CI=true` it is a failure.
pub fn has_tool(name: &str) -> bool {
    let found = find_tool(name).is_some();
    assert!(found || std::env::var_os("CI").is_none(), "{name} is not installed, and this is CI");
    if !found {
        eprintln!("skipped: {name} is not installed");
    }
    found
}

/// The path of a tool, also where Debian keeps PostgreSQL's.
pub fn find_tool(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let postgres = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let postgres = postgres.filter_map(|version| Some(version.ok()?.path().join("bin")));
    // Debian's own first: a wrapper of the same name elsewhere may want to be run as a user.
    postgres
        .chain(std::env::split_paths(&path))
        .chain([std::path::PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// The CPU time of a process so far.
pub fn cpu_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// The resident memory of a process, in KiB.
pub fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
