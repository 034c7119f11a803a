//! Hostile clients, each against a service of its own on loopback, and what becomes of the service
//! meanwhile: its memory, how long those who watch it and an honest client wait, what it logs, and
//! whether it is as before when they are gone.
//!
//! `attacks [--server PATH] [--seconds N] [NAME…]`
//!
//! PATH is the server with the routes of `examples/faults.rs`, by default the one beside this program; N
//! how long each attack takes (5). Names are parts of the names of attacks. It prints a line for each,
//! and ends with 1 where a bound of `docs/limits.md` was broken.

mod frames;
mod h1;
mod h2;
mod probe;
mod server;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::time::timeout;

use probe::{Probe, Seen};
use server::Server;

const USAGE: &str = "usage: attacks [--server PATH] [--seconds N] [NAME…]";

/// What must hold whatever clients send, at default settings on two workers.
const MOST_MEMORY: u64 = 128 << 20;
const LONGEST_WAIT: Duration = Duration::from_secs(1);
const SETTLED_WITHIN: Duration = Duration::from_secs(5);

/// Most log lines that are not access lines, a second.
const MOST_LINES: usize = 20;

type Attack = fn(SocketAddr) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// Each attack's name and what it does; it goes on for ever.
const ATTACKS: &[(&str, Attack)] = &[
    ("h2 scrapes, 400 x 128", |to| Box::pin(h2::many_requests(to, 400, "/metrics"))),
    ("h2 requests, 400 x 128", |to| Box::pin(h2::many_requests(to, 400, "/version"))),
    ("h2 stalled windows", |to| Box::pin(h2::stalled(to, 160, "/metrics"))),
    ("h2 stalled windows, many", |to| Box::pin(h2::stalled(to, 2000, "/bytes/4000"))),
    ("h2 windows of one byte", |to| Box::pin(h2::one_byte_windows(to, 160, "/bytes/16000"))),
    ("h2 unfinished uploads", |to| Box::pin(h2::uploads(to, 3, 1 << 20))),
    ("h2 small uploads, many", |to| Box::pin(h2::uploads(to, 200, 16 << 10))),
    ("h2 header bombs", |to| Box::pin(h2::flood(to, 100, frames::header_bomb))),
    ("h2 rapid resets", |to| Box::pin(h2::flood(to, 100, frames::rapid_reset))),
    ("h2 pings", |to| Box::pin(h2::flood(to, 100, frames::pings))),
    ("h2 settings", |to| Box::pin(h2::flood(to, 100, frames::settings_flood))),
    ("h2 empty data", |to| Box::pin(h2::flood(to, 100, frames::empty_data))),
    ("h2 continuations", |to| Box::pin(h2::flood(to, 100, frames::continuations))),
    ("h2 window updates", |to| Box::pin(h2::flood(to, 100, frames::window_updates))),
    ("h2 unknown frames", |to| Box::pin(h2::flood(to, 100, frames::unknown))),
    ("h2 pings, unread", |to| Box::pin(h2::flood_unread(to, 100, frames::pings))),
    ("h2 requests, unread", |to| Box::pin(h2::flood_unread(to, 400, frames::requests))),
    ("h2 prefaces and silence", |to| Box::pin(h2::silent(to, 9000, false))),
    ("h2 one request and silence", |to| Box::pin(h2::silent(to, 9000, true))),
    ("half heads of 30 KB", |to| Box::pin(h1::begin(to, 4000, || h1::half_head(30_000)))),
    ("half heads, many", |to| Box::pin(h1::begin(to, 10_500, || h1::half_head(60)))),
    ("heads byte by byte", |to| Box::pin(h1::drip(to, 2000))),
    ("half bodies", |to| Box::pin(h1::begin(to, 4000, || h1::half_body(20_000)))),
    ("half bodies, nearly whole", |to| Box::pin(h1::begin(to, 200, || h1::half_body(1 << 20)))),
    ("bodies in chunks of a byte", |to| Box::pin(h1::begin(to, 100, || h1::small_chunks(200_000)))),
    ("silent beyond the limit", |to| Box::pin(h1::begin(to, 10_500, String::new))),
    ("slow readers", |to| Box::pin(h1::begin(to, 4000, || h1::get("/bytes/1000000", 1)))),
    ("readers that do not read", |to| Box::pin(h1::begin(to, 10_000, || h1::get("/version", 200)))),
    ("slow handlers", |to| Box::pin(h1::begin(to, 9000, || h1::get("/sleep/4000", 1)))),
    ("large heads, slow handlers", |to| Box::pin(h1::begin(to, 4000, h1::large_head))),
    ("pipelined requests", |to| Box::pin(h1::flood(to, 400, h1::get("/version", 100)))),
    ("pipelined probes", |to| Box::pin(h1::flood(to, 400, h1::get("/health", 100)))),
    ("pipelined scrapes", |to| Box::pin(h1::flood(to, 200, h1::get("/metrics", 20)))),
    ("refused messages", |to| Box::pin(h1::reconnect(to, 64, "\x16\x03\x01 nonsense\r\n\r\n"))),
    ("new connections", |to| Box::pin(h1::reconnect(to, 64, "GET /version HTTP/1.0\r\n\r\n"))),
    ("a mixture", |to| Box::pin(mixture(to))),
];

/// Some of everything at once.
async fn mixture(to: SocketAddr) {
    tokio::join!(
        h2::many_requests(to, 50, "/metrics"),
        h2::stalled(to, 40, "/metrics"),
        h2::uploads(to, 2, 1 << 20),
        h2::flood(to, 20, frames::header_bomb),
        h2::silent(to, 1000, true),
        h1::begin(to, 1000, || h1::half_head(30_000)),
        h1::begin(to, 1000, || h1::half_body(20_000)),
        h1::begin(to, 4000, String::new),
        h1::begin(to, 500, || h1::get("/bytes/1000000", 1)),
        h1::flood(to, 50, h1::get("/version", 100)),
    );
}

struct Options {
    server: PathBuf,
    seconds: u64,
    names: Vec<String>,
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options).map_err(|error| error.to_string())) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "attacks: {error}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn options() -> Result<Options, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut options =
        Options { server: own.with_file_name("faults"), seconds: 5, names: Vec::new() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--server" => options.server = value()?.into(),
            "--seconds" => {
                options.seconds = value()?.parse().map_err(|_| "--seconds: not a number")?;
            }
            name if name.starts_with('-') => return Err(format!("unknown option {name}")),
            name => options.names.push(name.to_owned()),
        }
    }
    let is_known = |name: &String| ATTACKS.iter().any(|(known, _)| known.contains(name.as_str()));
    match options.names.iter().find(|name| !is_known(name)) {
        Some(name) => Err(format!("no attack has {name:?} in its name")),
        None => Ok(options),
    }
}

/// Runs the attacks; whether every bound held.
fn run(options: &Options) -> io::Result<bool> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    let mut out = io::stdout();
    writeln!(
        out,
        "{:<28} {:>4} {:>10} {:>9} {:>11} {:>7} {:>5} {:>5} {:>9}  broken bounds",
        "attack",
        "MiB",
        "/health ms",
        "/ready ms",
        "/version ms",
        "own ms",
        "503s",
        "lines",
        "settled s"
    )?;
    let mut holds = true;
    for (name, attack) in ATTACKS {
        if !options.names.is_empty() && !options.names.iter().any(|part| name.contains(part)) {
            continue;
        }
        let report = one(options, *attack)?;
        holds &= report.broken().is_empty();
        writeln!(out, "{name:<28} {report}")?;
    }
    Ok(holds)
}

/// What one attack did to the service.
struct Report {
    memory: u64,
    seen: Seen,
    lines: usize,
    is_called_stuck: bool,
    seconds: u64,
    settled: Option<Duration>,
}

fn one(options: &Options, attack: Attack) -> io::Result<Report> {
    let server = Server::start(&options.server)?;
    let probe = Probe::start(server.address);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let _ = timeout(Duration::from_secs(options.seconds), attack(server.address)).await;
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    let over = Instant::now();
    let seen = probe.stop();
    let settled = server.settles(over + 2 * SETTLED_WITHIN).then(|| over.elapsed());
    let (lines, is_called_stuck) = server.lines();
    let memory = server.most_memory();
    Ok(Report { memory, seen, lines, is_called_stuck, seconds: options.seconds, settled })
}

impl Report {
    fn broken(&self) -> Vec<&'static str> {
        let most_lines = MOST_LINES * usize::try_from(self.seconds).unwrap_or(1);
        // On a machine that lets us wait for a CPU, the service waits too.
        let longest = LONGEST_WAIT + self.seen.own;
        [
            (self.memory > MOST_MEMORY, "memory"),
            (self.seen.health > longest, "health"),
            (self.seen.ready > longest, "ready"),
            (self.seen.version > longest, "version"),
            (self.seen.failures > 0, "unanswered"),
            (self.lines > most_lines, "log"),
            (self.is_called_stuck, "called stuck"),
            (self.settled.is_none_or(|settled| settled > SETTLED_WITHIN), "not settled"),
        ]
        .into_iter()
        .filter_map(|(is_broken, bound)| is_broken.then_some(bound))
        .collect()
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let settled =
            self.settled.map_or("never".to_owned(), |s| format!("{:.1}", s.as_secs_f64()));
        let Seen { health, ready, version, shed, own, .. } = self.seen;
        let [health, ready, version, own] =
            [health, ready, version, own].map(|wait| wait.as_millis());
        write!(
            f,
            "{:>4} {health:>10} {ready:>9} {version:>11} {own:>7} {shed:>5} {:>5} {settled:>9}  {}",
            self.memory >> 20,
            self.lines,
            self.broken().join(", ")
        )
    }
}
