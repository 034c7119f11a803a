//! What the service costs at rest: memory of an idle server and of 10 000 idle connections, time
//! from exec to the first answer, and the whole cost of a health check. Prints each beside the
//! limit that the project has set itself; exits 1 when one is not kept. The static binary of the
//! image has a limit of its own for idle memory: `--idle 3`.
//!
//! `target/release/examples/costs [--idle MIB] [BINARY]`, by default the release binary beside this one
//! and 5 MiB.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const CONNECTIONS: usize = 10_000;
const RUNS: usize = 51;
const REQUEST: &[u8] = b"GET /version HTTP/1.1\r\nhost: costs\r\n\r\n";

/// A server of its own, ended with its value.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(binary: &Path) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let process = Command::new(binary)
            .env_clear()
            .env("SERVER__HOST", "127.0.0.1")
            .env("PORT", address.port().to_string())
            .env("LOG_FORMAT", "json")
            // A client that keeps 10 000 connections for a minute is what is measured.
            .env("SERVER__KEEP_ALIVE_TIMEOUT", "5m")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { process, address })
    }

    /// Asks until the first 200; a refused connection is asked again at once.
    fn first_answer(&mut self) -> Result<TcpStream> {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            match TcpStream::connect(self.address) {
                Ok(mut stream) => {
                    exchange(&mut stream)?;
                    return Ok(stream);
                }
                Err(error) if Instant::now() > deadline => return Err(error.into()),
                Err(_) => std::thread::yield_now(),
            }
            if let Some(status) = self.process.try_wait()? {
                return Err(format!("the server ended at once: {status}").into());
            }
        }
    }

    /// Resident memory in KiB (`VmRSS`, proc_pid_status(5)).
    fn resident(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let figure = line.and_then(|line| line.split_whitespace().next());
        Ok(figure.ok_or("no VmRSS in /proc")?.parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One request and its whole answer, which must be a 200.
fn exchange(stream: &mut TcpStream) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(REQUEST)?;
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    while !answer.ends_with(b"}") {
        let count = stream.read(&mut piece)?;
        if count == 0 {
            return Err("the connection was closed before the answer ended".into());
        }
        answer.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
    if !answer.starts_with(b"HTTP/1.1 200 ") {
        return Err(String::from_utf8_lossy(&answer).into_owned().into());
    }
    Ok(())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

fn milliseconds(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1000.0
}

fn start_up(binary: &Path) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let began = Instant::now();
        let mut server = Server::start(binary)?;
        server.first_answer()?;
        times.push(milliseconds(began));
    }
    Ok(median(times))
}

fn health_check(binary: &Path) -> Result<f64> {
    let mut server = Server::start(binary)?;
    server.first_answer()?;
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let began = Instant::now();
        let status = Command::new(binary)
            .args(["healthcheck", "--quiet"])
            .env_clear()
            .env("PORT", server.address.port().to_string())
            .status()?;
        times.push(milliseconds(began));
        if !status.success() {
            return Err(format!("healthcheck: {status}").into());
        }
    }
    Ok(median(times))
}

/// Resident MiB: of an idle server, and with connections that have each made one request.
#[expect(clippy::cast_precision_loss, reason = "KiB of one process")]
fn memory(binary: &Path) -> Result<(f64, f64)> {
    let mut server = Server::start(binary)?;
    server.first_answer()?;
    sleep(Duration::from_secs(2));
    let idle = server.resident()?;
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for number in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(server.address)
            .map_err(|error| format!("connection {number}: {error}; is `ulimit -n` > 10100?"))?;
        exchange(&mut stream)?;
        connections.push(stream);
    }
    sleep(Duration::from_secs(3));
    Ok((idle as f64 / 1024.0, server.resident()? as f64 / 1024.0))
}

fn run() -> Result<bool> {
    let beside = std::env::current_exe()?;
    let beside = beside.parent().and_then(Path::parent).ok_or("no folder above")?.join("pcf-api");
    let (mut most_idle, mut binary) = (5.0, beside);
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--idle" {
            let mib = arguments.next().and_then(|mib| mib.to_str()?.parse().ok());
            most_idle = mib.ok_or("--idle needs a number of MiB")?;
        } else {
            binary = PathBuf::from(argument);
        }
    }
    if !binary.is_file() {
        let path = binary.display();
        return Err(format!("{path} is not there; build it with: cargo build --release").into());
    }
    let (idle, busy) = memory(&binary)?;
    let figures = [
        ("idle, resident", idle, most_idle, "MiB"),
        ("10 000 idle keep-alive connections, resident", busy, 64.0, "MiB"),
        ("exec to first 200, median", start_up(&binary)?, 10.0, "ms"),
        ("healthcheck, spawn to exit, median", health_check(&binary)?, 3.0, "ms"),
    ];
    let mut is_kept = true;
    for (name, figure, limit, unit) in figures {
        let verdict = if figure <= limit { "" } else { "  NOT KEPT" };
        writeln!(std::io::stdout(), "{name:<46}{figure:>8.2} {unit:<4}≤ {limit} {unit}{verdict}")?;
        is_kept &= figure <= limit;
    }
    Ok(is_kept)
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "costs: {error}");
            ExitCode::from(2)
        }
    }
}
