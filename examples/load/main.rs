//! A steady load that counts every request that fails, for the tests of rollouts: it retries
//! nothing and forgives nothing.
//!
//! `load http://HOST[:PORT]/PATH [--keep-alive N] [--fresh N] [--rate R] [--at-least N] [--timeout MS]`
//!
//! N kept connections and N that are fresh for each request, each kind at R requests per second,
//! until standard input ends and each kind has made at least so many; then one line of JSON.
//! `load idle` only waits, which keeps a container there to run it in.

mod exchange;
mod report;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use exchange::{Connection, Target};
use report::Tally;

const USAGE: &str = "usage: load URL [--keep-alive N] [--fresh N] [--rate R] [--at-least N] [--timeout MS] | load idle";

struct Options {
    target: Target,
    keep_alive: u32,
    fresh: u32,
    rate: u32,
    at_least: u64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["idle"] {
        loop {
            thread::park();
        }
    }
    let result = parse(&arguments).and_then(|options| {
        let report = run(&options).to_string();
        writeln!(io::stdout(), "{report}").map_err(|error| error.to_string())
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "load: {error}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn parse(arguments: &[String]) -> Result<Options, String> {
    let (url, rest) = arguments.split_first().ok_or("no URL")?;
    let (authority, path) = url
        .strip_prefix("http://")
        .map(|rest| rest.split_once('/').unwrap_or((rest, "")))
        .ok_or("the URL must begin with http://")?;
    let mut options = Options {
        target: Target {
            address: resolve(authority)?,
            host: authority.to_owned(),
            path: format!("/{path}"),
            timeout: Duration::from_secs(5),
        },
        keep_alive: 8,
        fresh: 8,
        rate: 300,
        at_least: 0,
    };
    let mut rest = rest.iter();
    while let Some(name) = rest.next() {
        let value = rest.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number: u32 = value.parse().map_err(|_| format!("{name}: {value} is no number"))?;
        match name.as_str() {
            "--keep-alive" => options.keep_alive = number,
            "--fresh" => options.fresh = number,
            "--rate" => options.rate = number.max(1),
            "--at-least" => options.at_least = number.into(),
            "--timeout" => options.target.timeout = Duration::from_millis(number.max(1).into()),
            _ => return Err(format!("unknown option {name}")),
        }
    }
    Ok(options)
}

fn resolve(authority: &str) -> Result<SocketAddr, String> {
    let with_port =
        if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    let mut addresses =
        with_port.to_socket_addrs().map_err(|error| format!("{authority}: {error}"))?;
    addresses.next().ok_or_else(|| format!("{authority} has no address"))
}

/// Runs both kinds side by side, until it is told to end.
fn run(options: &Options) -> serde_json::Value {
    let is_over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_over);
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        told.store(true, Relaxed);
    });
    let started = Instant::now();
    let kinds = [("keep_alive", options.keep_alive, true), ("fresh", options.fresh, false)];
    let tallies = kinds.map(|(name, clients, kept)| (name, clients, kept, Kind::default()));
    thread::scope(|scope| {
        for (_, clients, kept, kind) in &tallies {
            for client in 0..*clients {
                let is_over = &is_over;
                scope.spawn(move || kind.work(options, started, client, *clients, *kept, is_over));
            }
        }
    });
    let reports = tallies
        .into_iter()
        .filter(|(_, clients, ..)| *clients > 0)
        .map(|(name, .., kind)| (name.to_owned(), kind.into_tally().report()));
    serde_json::Value::Object(reports.collect())
}

/// The clients of one kind and what they saw.
#[derive(Default)]
struct Kind {
    made: AtomicU64,
    tally: Mutex<Tally>,
}

impl Kind {
    /// One client: asks at its pace, the clients of a kind evenly spread.
    fn work(
        &self,
        options: &Options,
        started: Instant,
        client: u32,
        clients: u32,
        kept: bool,
        is_over: &AtomicBool,
    ) {
        let interval = Duration::from_secs(1) * clients / options.rate;
        let mut due = started + interval * client / clients;
        let mut tally = Tally::default();
        let mut connection: Option<Connection> = None;
        while !is_over.load(Relaxed) || self.made.load(Relaxed) < options.at_least {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let begun = Instant::now();
            // A client that fell behind does not make up for it: the load stays steady.
            due = (due + interval).max(begun);
            let outcome = exchange::ask(&options.target, &mut connection, kept);
            self.made.fetch_add(1, Relaxed);
            tally.add(outcome, begun - started, begun.elapsed());
        }
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).merge(tally);
    }

    fn into_tally(self) -> Tally {
        self.tally.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
