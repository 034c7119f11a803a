//! A rolling restart as a Deployment does it: for each instance a new one is started, and the old one
//! is told to stop once the new one is ready. Clients under load lose no request; readers of events
//! are sent away in good order, and come back; each process ends with exit status 0.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop where it fails"
)]

mod support;

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use support::KEY;
use support::client::{Client, connect, read_chunks, read_head};
use support::postgres::Postgres;

struct Instance {
    process: Child,
    address: SocketAddr,
}

impl Instance {
    /// Starts one, and waits until it is ready.
    fn start(postgres: &Postgres) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_links"))
            .env("SERVER__HOST", "127.0.0.1")
            .env("SERVER__PORT", address.port().to_string())
            .env("SERVER__DRAIN_DELAY", "5s")
            .env("DATABASE_URL", postgres.url("first"))
            .env("LINKS__API_KEY", KEY)
            // A busy machine sheds requests, which is not what is looked at here.
            .env("SERVER__MAX_QUEUE_TIME", "10s")
            .env("LINKS__MAX_CONNECTIONS", "5")
            .env("RUST_LOG", "warn")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut instance = Self { process, address };
        let began = Instant::now();
        while !is_ready(address) {
            let ended = instance.process.try_wait().unwrap();
            assert!(ended.is_none(), "it does not start: {ended:?}");
            assert!(began.elapsed() < Duration::from_secs(30), "not ready in 30 s");
            thread::sleep(Duration::from_millis(50));
        }
        instance
    }

    fn terminate(&self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn is_ready(address: SocketAddr) -> bool {
    let answer = Client::default().ask(address, "GET /health/ready HTTP/1.1", "");
    answer.is_ok_and(|(status, _)| status == 200)
}

/// What a Service knows: those that are ready.
type Ready = Arc<Mutex<Vec<SocketAddr>>>;

/// Asks one after the other, and counts what is answered; stops at the first that is lost.
fn ask_on(ready: &Ready, is_over: &AtomicBool, answered: &AtomicUsize, number: usize) {
    let mut client = Client::default();
    let mut turn = number;
    while !is_over.load(SeqCst) {
        turn += 1;
        let to = {
            let ready = ready.lock().unwrap();
            // A hundred requests on a connection, then to the next instance.
            ready[turn / 100 % ready.len()]
        };
        let (head, body, wanted) = if turn.is_multiple_of(4) {
            let head = format!(
                "POST /api/links HTTP/1.1\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json"
            );
            (head, r#"{"target":"https://example.org/"}"#, 201)
        } else {
            ("GET /nothing HTTP/1.1".to_owned(), "", 404)
        };
        match client.ask(to, &head, body) {
            Ok((status, _)) if status == wanted => answered.fetch_add(1, SeqCst),
            lost => panic!("client {number}, request {turn} to {to}: {lost:?}"),
        };
    }
}

/// Reads events for as long as it goes; how many streams there were.
fn read_on(ready: &Ready, is_over: &AtomicBool, events: &AtomicUsize, number: usize) -> usize {
    let mut streams = 0;
    while !is_over.load(SeqCst) {
        let to = {
            let ready = ready.lock().unwrap();
            ready[number % ready.len()]
        };
        let mut stream = connect(to).unwrap();
        stream.get_mut().write_all(b"GET /api/events HTTP/1.1\r\nhost: links\r\n\r\n").unwrap();
        assert_eq!(read_head(&mut stream).unwrap().0, 200);
        streams += 1;
        let end = read_chunks(&mut stream, |chunk| {
            events.fetch_add(usize::from(chunk.starts_with(b"data: ")), SeqCst);
        });
        end.unwrap_or_else(|error| panic!("a stream of {to} has broken off: {error}"));
    }
    streams
}

#[test]
fn a_rolling_restart_loses_nothing() {
    let Some(postgres) = Postgres::start() else { return };
    let mut instances = vec![Instance::start(&postgres), Instance::start(&postgres)];
    let all = |instances: &[Instance]| instances.iter().map(|one| one.address).collect::<Vec<_>>();
    let ready: Ready = Arc::new(Mutex::new(all(&instances)));
    let is_over = Arc::new(AtomicBool::new(false));
    let (answered, events) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let askers: Vec<_> = (0..8)
        .map(|number| {
            let (ready, over, answered) = (ready.clone(), is_over.clone(), answered.clone());
            thread::spawn(move || ask_on(&ready, &over, &answered, number))
        })
        .collect();
    let readers: Vec<_> = (0..4)
        .map(|number| {
            let (ready, over, events) = (ready.clone(), is_over.clone(), events.clone());
            thread::spawn(move || read_on(&ready, &over, &events, number))
        })
        .collect();
    thread::sleep(Duration::from_secs(1));

    for _ in 0..2 {
        instances.push(Instance::start(&postgres));
        let mut old = instances.remove(0);
        *ready.lock().unwrap() = [all(&instances), vec![old.address]].concat();
        old.terminate();
        // A Service hears of it a moment later: until then the old one is asked too.
        thread::sleep(Duration::from_millis(500));
        *ready.lock().unwrap() = all(&instances);
        let began = Instant::now();
        let status = old.process.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{status}");
        assert!(began.elapsed() < Duration::from_secs(20), "a stream has held the drain");
    }

    let before = answered.load(SeqCst);
    thread::sleep(Duration::from_secs(1));
    is_over.store(true, SeqCst);
    for asker in askers {
        asker.join().unwrap();
    }
    // The streams end with their instances.
    instances.iter().for_each(Instance::terminate);
    let streams: usize = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
    for mut instance in instances {
        assert_eq!(instance.process.wait().unwrap().code(), Some(0));
    }
    let (answered, events) = (answered.load(SeqCst), events.load(SeqCst));
    eprintln!("{answered} requests answered, none lost; {events} events on {streams} streams");
    assert!(answered > before && answered > 100, "only {answered} answered");
    assert!(events > 0 && streams >= 6, "{events} events on {streams} streams: none has moved");
}
