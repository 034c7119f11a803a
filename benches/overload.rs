//! Goodput and latency of a server under more load than it can carry, for `benches/overload`.
//!
//! `overload http://HOST:PORT/PATH [--seconds N] [--factors 0.5,1,2,5,10] [--probe PATH]`
//!
//! First a closed loop of 64 connections tells what the server can carry. Then, for each factor, an open
//! loop asks that many times as often, whatever becomes of the requests before, and gives up on each
//! after five seconds; meanwhile a probe asks for another path on a new connection every 20 ms. When
//! the load has ended the probe goes on until it is as fast as before.

use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{interval, sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(5);

/// Most requests that are under way at a time.
const MOST: usize = 8000;

struct Options {
    to: SocketAddr,
    path: String,
    probe: String,
    seconds: u64,
    factors: Vec<f64>,
}

#[derive(Default)]
struct Seen {
    served: Vec<Duration>,
    shed: Vec<Duration>,
    failed: usize,
    unsent: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    let capacity = closed_loop(&options).await;
    let mut out = std::io::stdout();
    writeln!(out, "closed loop, 64 connections: {capacity:.0}/s")?;
    writeln!(
        out,
        "{:>6} {:>8} {:>9} {:>8} {:>9} {:>9} {:>8} {:>9} {:>7} {:>10} {:>10} {:>8}",
        "x",
        "asked/s",
        "served/s",
        "goodput",
        "p50 ms",
        "p99 ms",
        "shed/s",
        "p99 ms",
        "failed",
        "probe p50",
        "probe p99",
        "after ms"
    )?;
    for factor in &options.factors {
        let rate = capacity * factor;
        let probes = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let probing = tokio::spawn(probe(
            options.to,
            options.probe.clone(),
            Arc::clone(&probes),
            Arc::clone(&is_over),
        ));
        let mut seen = open_loop(&options, rate).await;
        let during = std::mem::take(&mut *probes.lock().unwrap_or_else(PoisonError::into_inner));
        let after = as_before(&options).await;
        is_over.store(true, Relaxed);
        probing.await?;
        let seconds = Duration::from_secs(options.seconds).as_secs_f64();
        #[allow(clippy::cast_precision_loss, reason = "counts of requests")]
        let a_second = |count: usize| count as f64 / seconds;
        let served = a_second(seen.served.len());
        let mut during = during;
        writeln!(
            out,
            "{factor:>6} {rate:>8.0} {served:>9.0} {:>8.2} {:>9.1} {:>9.1} {:>8.0} {:>9.1} {:>7} {:>10.1} {:>10.1} {:>8.0}",
            served / capacity.min(rate),
            quantile(&mut seen.served, 0.5),
            quantile(&mut seen.served, 0.99),
            a_second(seen.shed.len()),
            quantile(&mut seen.shed, 0.99),
            seen.failed + seen.unsent,
            quantile(&mut during, 0.5),
            quantile(&mut during, 0.99),
            after.as_secs_f64() * 1000.0,
        )?;
        sleep(Duration::from_secs(3)).await;
    }
    Ok(())
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url =
        arguments.next().ok_or("overload URL [--seconds N] [--factors A,B] [--probe PATH]")?;
    let (authority, path) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .ok_or("the URL must be http://HOST:PORT/PATH")?;
    let mut options = Options {
        to: authority.parse()?,
        path: format!("/{path}"),
        probe: "/health".to_owned(),
        seconds: 10,
        factors: vec![0.5, 1.0, 2.0, 5.0, 10.0],
    };
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or(format!("{argument} needs a value"))?;
        match argument.as_str() {
            "--seconds" => options.seconds = value.parse()?,
            "--factors" => {
                options.factors = value.split(',').map(str::parse).collect::<Result<_, _>>()?;
            }
            "--probe" => options.probe = value,
            _ => return Err(format!("unknown option {argument}").into()),
        }
    }
    Ok(options)
}

/// In milliseconds.
fn quantile(times: &mut [Duration], part: f64) -> f64 {
    times.sort_unstable();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = ((times.len() as f64 * part) as usize).min(times.len().saturating_sub(1));
    times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

/// One request: its status, and whether the connection may have another.
async fn ask(stream: &mut TcpStream, path: &str) -> std::io::Result<(u16, bool)> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8_lossy(&answer).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let field =
            |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let length: usize = field("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
        if body.len() >= length {
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
            let is_kept = field("connection") != Some("close");
            return Ok((status.ok_or(std::io::ErrorKind::InvalidData)?, is_kept));
        }
    }
}

async fn closed_loop(options: &Options) -> f64 {
    let served = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (to, path, served) = (options.to, options.path.clone(), Arc::clone(&served));
            tokio::spawn(async move {
                while let Ok(mut stream) = TcpStream::connect(to).await {
                    while let Ok((status, is_kept)) = ask(&mut stream, &path).await {
                        served.fetch_add(u64::from(status == 200), Relaxed);
                        if !is_kept {
                            break;
                        }
                    }
                }
            })
        })
        .collect();
    sleep(Duration::from_secs(1)).await;
    let (before, began) = (served.load(Relaxed), Instant::now());
    sleep(Duration::from_secs(options.seconds.min(5))).await;
    let count = served.load(Relaxed) - before;
    for task in tasks {
        task.abort();
    }
    #[allow(clippy::cast_precision_loss, reason = "a count of requests")]
    let count = count as f64;
    count / began.elapsed().as_secs_f64()
}

async fn open_loop(options: &Options, rate: f64) -> Seen {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let idle = Arc::new(Mutex::new(Vec::<TcpStream>::new()));
    let under_way = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let mut asked = 0_u64;
    let mut ticks = interval(Duration::from_millis(1));
    while began.elapsed() < Duration::from_secs(options.seconds) {
        ticks.tick().await;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of requests"
        )]
        let due = (began.elapsed().as_secs_f64() * rate) as u64;
        for _ in asked..due {
            if under_way.load(Relaxed) >= MOST as u64 {
                lock(&seen).unsent += 1;
                continue;
            }
            under_way.fetch_add(1, Relaxed);
            let (to, path) = (options.to, options.path.clone());
            let (seen, idle, under_way) = (seen.clone(), idle.clone(), under_way.clone());
            tokio::spawn(async move {
                let asked = Instant::now();
                let kept = lock(&idle).pop();
                let exchange = async {
                    let mut stream = match kept {
                        Some(stream) => stream,
                        None => TcpStream::connect(to).await?,
                    };
                    let (status, is_kept) = ask(&mut stream, &path).await?;
                    std::io::Result::Ok((status, is_kept.then_some(stream)))
                };
                match timeout(PATIENCE, exchange).await {
                    Ok(Ok((status, stream))) => {
                        lock(&idle).extend(stream);
                        let mut seen = lock(&seen);
                        match status {
                            200 => seen.served.push(asked.elapsed()),
                            503 => seen.shed.push(asked.elapsed()),
                            _ => seen.failed += 1,
                        }
                    }
                    _ => lock(&seen).failed += 1,
                }
                under_way.fetch_sub(1, Relaxed);
            });
        }
        asked = due;
    }
    // What is under way when the load ends is neither.
    std::mem::take(&mut *lock(&seen))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn probe(
    to: SocketAddr,
    path: String,
    times: Arc<Mutex<Vec<Duration>>>,
    is_over: Arc<AtomicBool>,
) {
    let mut ticks = interval(Duration::from_millis(20));
    while !is_over.load(Relaxed) {
        ticks.tick().await;
        let began = Instant::now();
        let _ =
            timeout(PATIENCE, async { ask(&mut TcpStream::connect(to).await?, &path).await }).await;
        lock(&times).push(began.elapsed());
    }
}

/// How long after the load it takes until requests are served at once again.
async fn as_before(options: &Options) -> Duration {
    let ended = Instant::now();
    let mut in_a_row = 0;
    while in_a_row < 5 && ended.elapsed() < Duration::from_secs(30) {
        let began = Instant::now();
        let exchange =
            async { ask(&mut TcpStream::connect(options.to).await?, &options.path).await };
        let is_served = matches!(timeout(PATIENCE, exchange).await, Ok(Ok((200, _))));
        let is_fast = began.elapsed() < Duration::from_millis(100);
        in_a_row = if is_served && is_fast { in_a_row + 1 } else { 0 };
    }
    ended.elapsed()
}
