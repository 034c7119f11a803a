//! What the tests share: the server as a process, a plain HTTP client, peers, and waiting.

pub mod client;
pub mod databases;
pub mod health;
pub mod peers;
pub mod process;

use std::thread;
use std::time::{Duration, Instant};

pub use client::Client;
pub use process::{Server, binary, run, run_in_time};

/// How long a test waits for what must come. Waiting ends when it comes, so this is far more than a
/// slow machine needs; and it is less than the defaults of the timeouts that a test sets lower.
pub const PATIENCE: Duration = Duration::from_secs(20);

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

/// What `ps` says of a process: where there is no /proc, such as on macOS.
fn ps(column: &str, pid: u32) -> String {
    let output = std::process::Command::new("ps")
        .args(["-o", &format!("{column}="), "-p", &pid.to_string()])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The CPU time of a process so far.
pub fn cpu_time(pid: u32) -> Duration {
    if cfg!(not(target_os = "linux")) {
        // hours:minutes:seconds, the seconds with a fraction; a test takes no days
        let time = ps("time", pid);
        let seconds =
            time.split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap());
        return Duration::from_secs_f64(seconds);
    }
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// The resident memory of a process, in KiB.
pub fn resident_kib(pid: u32) -> u64 {
    if cfg!(not(target_os = "linux")) {
        return ps("rss", pid).parse().unwrap();
    }
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
