//! HTTP/2 without TLS by prior knowledge, with hyper's own client and with curl.

use std::io::{Read, Write};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper::{Method, Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::support::{Client, PATIENCE, Server, eventually, find_tool, has_tool};

type Sender = http2::SendRequest<Full<Bytes>>;

async fn connect(port: u16) -> (Sender, JoinHandle<hyper::Result<()>>) {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    (sender, tokio::spawn(connection))
}

async fn ask(sender: &mut Sender, method: Method, path: &str, body: &'static str) -> (u16, Bytes) {
    let request = Request::builder().method(method).uri(format!("http://test{path}"));
    let request = request.body(Full::from(body)).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    assert!(response.headers().contains_key("traceparent"));
    assert!(!response.headers().contains_key("connection"));
    let status = response.status().as_u16();
    (status, response.into_body().collect().await.unwrap().to_bytes())
}

/// Where it came in one frame, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_counted_as_long_as_a_handler_has_it() {
    const BYTES: u16 = 8_000;
    let server = Server::faulty(&[]);
    let (sender, _connection) = connect(server.port).await;
    let ask_for_ever = |path: &'static str, body: &'static str| {
        for _ in 0..20 {
            let mut sender = sender.clone();
            tokio::spawn(async move { ask(&mut sender, Method::POST, path, body).await });
        }
    };
    ask_for_ever("/ignore", "");
    server.wait_in_flight(20);
    let without = server.metric("http_buffered_bytes");
    ask_for_ever("/keep", "x".repeat(BYTES.into()).leak());
    server.wait_in_flight(40);
    // Those that ignored theirs cost as much, but for the bodies.
    let expected = 2.0 * without + 20.0 * f64::from(BYTES);
    eventually("the bodies are counted", PATIENCE, || {
        let held = server.metric("http_buffered_bytes");
        if held > expected { Ok(()) } else { Err(format!("{held}, not {expected}: {without}")) }
    });
}

#[tokio::test]
async fn many_requests_share_a_connection() {
    let server = Server::faulty(&[]);
    let (sender, _connection) = connect(server.port).await;
    let requests: Vec<_> = (0..100)
        .map(|_| {
            let mut sender = sender.clone();
            tokio::spawn(async move { ask(&mut sender, Method::GET, "/sleep/100", "").await })
        })
        .collect();
    let began = std::time::Instant::now();
    for request in requests {
        assert_eq!(request.await.unwrap(), (200, Bytes::from("slept")));
    }
    assert!(began.elapsed() < Duration::from_secs(9), "at the same time, not one after the other");

    let mut sender = sender;
    assert_eq!(ask(&mut sender, Method::POST, "/echo", "hello").await, (200, Bytes::from("hello")));
    let (status, body) = ask(&mut sender, Method::GET, "/bytes/1000000", "").await;
    assert_eq!((status, body.len()), (200, 1_000_000));
    assert_eq!(ask(&mut sender, Method::HEAD, "/version", "").await, (200, Bytes::new()));
    assert_eq!(ask(&mut sender, Method::GET, "/nope", "").await.0, 404);
    assert_eq!(ask(&mut sender, Method::GET, "/panic", "").await.0, 500);
    assert_eq!(ask(&mut sender, Method::GET, "/version", "").await.0, 200, "lives on");
}

#[tokio::test]
async fn a_connection_past_the_limit_is_rejected_once_however_often_it_asks() {
    let server = Server::faulty(&[("SERVER__MAX_CONNECTIONS", "1")]);
    let mut held = server.connect();
    // Idle, it would make room after a second, however long that is for this machine.
    held.send("GET /sleep/15000 HTTP/1.1\r\nHost: t\r\n\r\n");
    // The scrape is one more.
    eventually("it is busy", PATIENCE, || match server.metric("http_requests_in_flight") {
        busy if busy > 1.5 => Ok(()),
        busy => Err(busy.to_string()),
    });
    let (sender, _connection) = connect(server.port).await;
    let requests: Vec<_> = (0..10)
        .map(|_| {
            let mut sender = sender.clone();
            tokio::spawn(async move { ask(&mut sender, Method::GET, "/version", "").await.0 })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap(), 503);
    }
    assert!((server.metric("http_connections_rejected_total") - 1.0).abs() < 0.1);
}

#[tokio::test]
async fn limits_hold_there_too() {
    let server =
        Server::faulty(&[("SERVER__REQUEST_TIMEOUT", "3s"), ("SERVER__MAX_BODY_BYTES", "1KiB")]);
    let (mut sender, _connection) = connect(server.port).await;
    assert_eq!(ask(&mut sender, Method::GET, "/never", "").await.0, 504);
    let large: &'static str = Box::leak("x".repeat(2000).into_boxed_str());
    assert_eq!(ask(&mut sender, Method::POST, "/echo", large).await.0, 413);
    let path = format!("/{}", "x".repeat(9000));
    assert_eq!(ask(&mut sender, Method::GET, &path, "").await.0, 414);
}

#[tokio::test(flavor = "multi_thread")]
async fn goaway_ends_it_at_drain_and_loses_nothing() {
    let mut server = Server::faulty(&[("SERVER__DRAIN_DELAY", "1s")]);
    let (mut sender, connection) = connect(server.port).await;
    assert_eq!(ask(&mut sender, Method::GET, "/version", "").await.0, 200);
    let mut other = sender.clone();
    let in_flight =
        tokio::spawn(async move { ask(&mut other, Method::GET, "/sleep/4000", "").await });
    tokio::task::block_in_place(|| server.wait_in_flight(1));
    server.signal("TERM");
    // The server closes the connection by itself once the request in flight is answered.
    assert_eq!(in_flight.await.unwrap(), (200, Bytes::from("slept")));
    let ended = tokio::time::timeout(PATIENCE, connection).await;
    ended.expect("GOAWAY ended the connection").unwrap().expect("in good order");

    assert_eq!(server.wait(PATIENCE).0.code(), Some(0));
}

#[tokio::test]
async fn a_new_connection_while_draining_gets_its_first_answer() {
    let mut server = Server::faulty(&[("SERVER__DRAIN_DELAY", "8s")]);
    let began = Instant::now();
    server.signal("TERM");
    server.log_line("draining", PATIENCE, |line| line["signal"] == "SIGTERM");
    let (mut sender, connection) = connect(server.port).await;
    assert_eq!(ask(&mut sender, Method::GET, "/sleep/300", "").await.0, 200);
    let ended = tokio::time::timeout(PATIENCE, connection).await;
    ended.expect("GOAWAY").unwrap().expect("in good order");
    assert!(began.elapsed() < Duration::from_secs(8), "before the end of the delay");
    assert_eq!(server.wait(PATIENCE).0.code(), Some(0));
}

#[test]
fn a_client_that_never_asks_is_told_to_go() {
    let server = Server::start(&[("SERVER__HEADER_READ_TIMEOUT", "500ms")]);
    let mut preface_only = Client::connect(server.port);
    preface_only.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|frame| frame[3] == 7) {
        let mut more = [0; 1024];
        let count = preface_only.stream.read(&mut more).unwrap();
        assert!(count > 0, "no GOAWAY in {bytes:?}");
        bytes.extend_from_slice(&more[..count]);
    }
    // In pieces, and never whole.
    let mut slow = Client::connect(server.port);
    slow.send("PRI * HT");
    assert!(!slow.is_open_after(PATIENCE), "closed");
}

/// A client that takes one frame after the other, and time for each.
struct Slow(Client);

impl Slow {
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const WINDOW_UPDATE: u8 = 8;
    const ACK: u8 = 1;

    /// Asks for a path, with so much room for its answer.
    fn ask(port: u16, path: &str, window: u32) -> Self {
        let mut slow = Self(Client::connect(port));
        slow.0.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        // SETTINGS_INITIAL_WINDOW_SIZE, RFC 9113, 6.5.2.
        slow.send(Self::SETTINGS, 0, 0, &[&[0, 4], &window.to_be_bytes()[..]].concat());
        slow.send(Self::WINDOW_UPDATE, 0, 0, &window.max(1).to_be_bytes());
        slow.get(1, path);
        slow
    }

    fn get(&mut self, stream: u32, path: &str) {
        self.request(&[0x82], stream, path);
    }

    fn head(&mut self, stream: u32, path: &str) {
        self.request(b"\x02\x04HEAD", stream, path);
    }

    /// The method as it is given, http, and the path and authority as literals: RFC 7541, appendix A
    /// and 6.2.2.
    fn request(&mut self, method: &[u8], stream: u32, path: &str) {
        let literal = |index: u8, text: &str| {
            [&[index, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
        };
        let fields = [method.to_vec(), vec![0x86], literal(4, path), literal(1, "test")].concat();
        self.send(1, 5, stream, &fields);
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()[..], payload].concat();
        let _ = self.0.stream.write_all(&head);
    }

    /// Takes the answer at so many bytes a second; how many there were when the server closed.
    fn read(&mut self, bytes_a_second: u32) -> usize {
        let mut total = 0;
        loop {
            let mut head = [0; 9];
            if self.0.stream.read_exact(&mut head).is_err() {
                return total;
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            if self.0.stream.read_exact(&mut payload).is_err() {
                return total;
            }
            match head[3] {
                0 => {
                    total += payload.len();
                    thread::sleep(Duration::from_secs(1) * length / bytes_a_second);
                    if length > 0 {
                        self.send(Self::WINDOW_UPDATE, 0, 0, &length.to_be_bytes());
                        self.send(Self::WINDOW_UPDATE, 0, 1, &length.to_be_bytes());
                    }
                }
                Self::SETTINGS if head[4] != Self::ACK => {
                    self.send(Self::SETTINGS, Self::ACK, 0, &[]);
                }
                Self::PING if head[4] != Self::ACK => {
                    self.send(Self::PING, Self::ACK, 0, &payload);
                }
                _ => {}
            }
        }
    }
}

#[test]
fn an_answer_on_its_way_at_drain_arrives_whole() {
    let mut server = Server::faulty(&[]);
    let mut slow = Slow::ask(server.port, "/late-bytes/3000000", 8 << 20);
    server.wait_in_flight(1);
    // The client has long acknowledged GOAWAY when the answer comes, so the server closes after it.
    server.signal("TERM");
    assert_eq!(slow.read(2_000_000), 3_000_000);
    assert_eq!(server.wait(PATIENCE).0.code(), Some(0));
}

#[test]
fn a_client_that_reads_slowly_gets_all_of_it() {
    let server = Server::faulty(&[("SERVER__REQUEST_TIMEOUT", "3s")]);
    let mut slow = Slow::ask(server.port, "/bytes/1000000", 64 * 1024);
    let began = Instant::now();
    assert_eq!(slow.read(200_000), 1_000_000, "after {:?}", began.elapsed());
    assert!(began.elapsed() > Duration::from_secs(4));
}

#[test]
fn a_stream_that_moves_is_not_cut_at_drain() {
    let mut server =
        Server::faulty(&[("SERVER__REQUEST_TIMEOUT", "3s"), ("SERVER__DRAIN_TIMEOUT", "1m")]);
    let mut slow = Slow::ask(server.port, "/ticks/50", 1 << 20);
    server.wait_in_flight(1);
    server.signal("TERM");
    assert_eq!(slow.read(1_000_000), 50);
    assert_eq!(server.wait(PATIENCE).0.code(), Some(0));
}

/// Frames that came within this time: their kinds and streams.
fn frames(client: &mut Client, within: Duration) -> Vec<(u8, u32)> {
    let began = Instant::now();
    let mut frames = Vec::new();
    client.stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    while began.elapsed() < within {
        let mut head = [0; 9];
        if client.stream.peek(&mut head).unwrap_or(0) < 9 {
            thread::sleep(Duration::from_millis(20));
            continue;
        }
        client.stream.read_exact(&mut head).unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        client.stream.read_exact(&mut vec![0; length as usize]).unwrap();
        frames.push((head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]])));
    }
    frames
}

/// Waits for a frame of this kind and stream. Those before it are passed over.
fn await_frame(client: &mut Client, frame: (u8, u32)) {
    eventually("the frame", PATIENCE, || {
        let seen = frames(client, Duration::from_millis(100));
        if seen.contains(&frame) { Ok(()) } else { Err(format!("no {frame:?} in {seen:?}")) }
    });
}

#[test]
fn a_response_that_is_not_taken_ends_alone_and_however_often_others_are_asked_for() {
    const RST_STREAM: u8 = 3;
    let server = Server::faulty(&[("SERVER__REQUEST_TIMEOUT", "2s")]);
    let mut stalled = Slow::ask(server.port, "/bytes/1000", 0);
    let (began, mut seen, mut asked) = (Instant::now(), Vec::new(), 0);
    while asked < 8 || !seen.contains(&(RST_STREAM, 1)) {
        assert!(began.elapsed() < PATIENCE, "{seen:?}");
        // HEAD is answered whatever the windows are.
        stalled.head(3 + 2 * asked, "/version");
        asked += 1;
        seen.extend(frames(&mut stalled.0, Duration::from_millis(500)));
    }
    eventually("the others go on", PATIENCE, || {
        if (0..asked).all(|n| seen.contains(&(1, 3 + 2 * n))) {
            return Ok(());
        }
        seen.extend(frames(&mut stalled.0, Duration::from_millis(100)));
        Err(format!("{asked} were asked for: {seen:?}"))
    });
    server.wait_in_flight(0);
}

#[test]
fn a_client_that_acknowledges_nothing_does_not_hold_the_drain() {
    let mut server = Server::start(&[]);
    let mut silent = Slow::ask(server.port, "/version", 1 << 16);
    await_frame(&mut silent.0, (0, 1));
    server.signal("TERM");
    let (status, took) = server.wait(PATIENCE);
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}, and two seconds are meant");
}

#[test]
fn one_connection_has_as_many_requests_as_are_left_free() {
    let server = Server::faulty(&[("SERVER__MAX_IN_FLIGHT", "8")]);
    let mut greedy = Slow::ask(server.port, "/sleep/9000", 1 << 16);
    for n in 1..4 {
        // A request takes its place once it waits: each does so before the next one comes.
        server.wait_in_flight(n);
        greedy.get(1 + 2 * n, "/sleep/9000");
    }
    server.wait_in_flight(4);
    for n in 4..8 {
        greedy.get(1 + 2 * n, "/sleep/9000");
    }
    let mut refused = Vec::new();
    eventually("all that are refused", PATIENCE, || {
        let seen = frames(&mut greedy.0, Duration::from_millis(100)).into_iter();
        refused.extend(seen.filter(|(kind, _)| *kind == 1).map(|(_, stream)| stream));
        if refused.len() >= 4 { Ok(()) } else { Err(format!("{refused:?}")) }
    });
    refused.sort_unstable();
    assert_eq!(refused, [9, 11, 13, 15], "half of them wait");
    assert_eq!(server.get("/version").status, 200, "the other half is for others");
}

#[test]
fn at_the_limit_an_idle_connection_gives_way() {
    const GOAWAY: u8 = 7;
    let server = Server::start(&[("SERVER__MAX_CONNECTIONS", "1")]);
    let mut idle = Slow::ask(server.port, "/version", 1 << 16);
    await_frame(&mut idle.0, (0, 1));
    eventually("makes room", PATIENCE, || match server.get("/version").status {
        200 => Ok(()),
        status => Err(status.to_string()),
    });
    await_frame(&mut idle.0, (GOAWAY, 0));
    let evicted = server.metric("http_connections_evicted_total");
    assert!((evicted - 1.0).abs() < 0.1, "{evicted}: once, however many ask for its place");
}

#[tokio::test]
async fn what_waits_too_long_for_its_turn_is_refused_there_too() {
    let server = Server::faulty(&[("SERVER__WORKERS", "1"), ("SERVER__MAX_QUEUE_TIME", "100ms")]);
    let mut clients = Vec::new();
    for _ in 0..20 {
        let (mut sender, connection) = connect(server.port).await;
        clients.push(tokio::spawn(async move {
            let (mut served, mut refused) = (0, 0);
            for _ in 0..10 {
                let request = Request::get("http://test/block/30").body(Full::default()).unwrap();
                match sender.send_request(request).await {
                    Ok(response) if response.status() == 200 => served += 1,
                    Ok(response) if response.status() == 503 => refused += 1,
                    Ok(response) => panic!("{response:?}"),
                    // The whole connection, before any of its requests began.
                    Err(_) => {
                        let told = connection.await.unwrap().unwrap_err();
                        assert!(format!("{told:?}").contains("ENHANCE_YOUR_CALM"), "{told:?}");
                        return (served, refused + 1);
                    }
                }
            }
            (served, refused)
        }));
    }
    let (mut served, mut refused) = (0, 0);
    for client in clients {
        let (s, r) = client.await.unwrap();
        (served, refused) = (served + s, refused + r);
    }
    assert!(served > 0, "{served} served, {refused} refused");
    let shed = server.metric("http_requests_shed_total{reason=\"queue_time\"}");
    assert!(shed > 0.0 && (shed - f64::from(refused)).abs() < 0.1, "{shed}, {refused}");
}

#[test]
fn curl_speaks_both_on_one_port() {
    if !has_tool("curl") {
        return;
    }
    let server = Server::start(&[]);
    let url = format!("http://127.0.0.1:{}/version", server.port);
    for (option, version) in [("--http2-prior-knowledge", "2"), ("--http1.1", "1.1")] {
        let output = Command::new(find_tool("curl").unwrap())
            .args([
                "--silent",
                "--noproxy",
                "*",
                option,
                "--write-out",
                "%{http_code} %{http_version}",
            ])
            .args(["--output", "/dev/null", &url])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("200 {version}"));
    }
}
