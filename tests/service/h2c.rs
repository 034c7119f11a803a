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

use super::support::{Client, Server, find_tool, has_tool};

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
    assert!(began.elapsed() < Duration::from_secs(5), "at the same time, not one after the other");

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
    assert_eq!(held.get("/version").status, 200);
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
        Server::faulty(&[("SERVER__REQUEST_TIMEOUT", "500ms"), ("SERVER__MAX_BODY_BYTES", "1KiB")]);
    let (mut sender, _connection) = connect(server.port).await;
    assert_eq!(ask(&mut sender, Method::GET, "/never", "").await.0, 504);
    let large: &'static str = Box::leak("x".repeat(2000).into_boxed_str());
    assert_eq!(ask(&mut sender, Method::POST, "/echo", large).await.0, 413);
    let path = format!("/{}", "x".repeat(9000));
    assert_eq!(ask(&mut sender, Method::GET, &path, "").await.0, 414);
}

#[tokio::test]
async fn goaway_ends_it_at_drain_and_loses_nothing() {
    let mut server = Server::faulty(&[("SERVER__DRAIN_DELAY", "1s")]);
    let (mut sender, connection) = connect(server.port).await;
    assert_eq!(ask(&mut sender, Method::GET, "/version", "").await.0, 200);
    let mut other = sender.clone();
    let in_flight =
        tokio::spawn(async move { ask(&mut other, Method::GET, "/sleep/1500", "").await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.signal("TERM");
    // The server closes the connection by itself once the request in flight is answered.
    assert_eq!(in_flight.await.unwrap(), (200, Bytes::from("slept")));
    let ended = tokio::time::timeout(Duration::from_secs(3), connection).await;
    ended.expect("GOAWAY ended the connection").unwrap().expect("in good order");

    assert_eq!(server.wait(Duration::from_secs(5)).0.code(), Some(0));
}

#[tokio::test]
async fn a_new_connection_while_draining_gets_its_first_answer() {
    let mut server = Server::faulty(&[("SERVER__DRAIN_DELAY", "2s")]);
    server.signal("TERM");
    server.log_line("draining", Duration::from_secs(5), |line| line["signal"] == "SIGTERM");
    let (mut sender, connection) = connect(server.port).await;
    assert_eq!(ask(&mut sender, Method::GET, "/sleep/300", "").await.0, 200);
    let ended = tokio::time::timeout(Duration::from_secs(1), connection).await;
    ended.expect("GOAWAY before the end of the delay").unwrap().expect("in good order");
    assert_eq!(server.wait(Duration::from_secs(5)).0.code(), Some(0));
}

#[test]
fn a_client_that_never_asks_is_told_to_go() {
    let server = Server::start(&[("SERVER__HEADER_READ_TIMEOUT", "500ms")]);
    let mut preface_only = Client::connect(server.port);
    preface_only.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    let bytes = preface_only.rest_until_close();
    assert!(bytes.windows(4).any(|frame| frame[3] == 7), "GOAWAY in {bytes:?}");
    // In pieces, and never whole.
    let mut slow = Client::connect(server.port);
    slow.send("PRI * HT");
    assert!(!slow.is_open_after(Duration::from_secs(3)), "closed");
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
        slow.send(Self::WINDOW_UPDATE, 0, 0, &window.to_be_bytes());
        // GET, http, and the path and authority as literals: RFC 7541, appendix A and 6.2.2.
        let literal = |index: u8, text: &str| {
            [&[index, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
        };
        let fields = [vec![0x82, 0x86], literal(4, path), literal(1, "test")].concat();
        slow.send(1, 5, 1, &fields);
        slow
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
    thread::sleep(Duration::from_millis(300));
    // The client has long acknowledged GOAWAY when the answer comes, so the server closes after it.
    server.signal("TERM");
    assert_eq!(slow.read(2_000_000), 3_000_000);
    assert_eq!(server.wait(Duration::from_secs(5)).0.code(), Some(0));
}

#[test]
fn a_client_that_reads_slowly_gets_all_of_it() {
    let server = Server::faulty(&[("SERVER__REQUEST_TIMEOUT", "1s")]);
    let mut slow = Slow::ask(server.port, "/bytes/1000000", 64 * 1024);
    let began = Instant::now();
    slow.0.stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    assert_eq!(slow.read(200_000), 1_000_000, "after {:?}", began.elapsed());
    assert!(began.elapsed() > Duration::from_secs(4));
}

#[test]
fn a_stream_that_moves_is_not_cut_at_drain() {
    let mut server =
        Server::faulty(&[("SERVER__REQUEST_TIMEOUT", "500ms"), ("SERVER__DRAIN_TIMEOUT", "20s")]);
    let mut slow = Slow::ask(server.port, "/ticks/50", 1 << 20);
    thread::sleep(Duration::from_millis(300));
    server.signal("TERM");
    assert_eq!(slow.read(1_000_000), 50);
    assert_eq!(server.wait(Duration::from_secs(5)).0.code(), Some(0));
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
