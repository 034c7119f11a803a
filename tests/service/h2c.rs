//! HTTP/2 without TLS by prior knowledge, with hyper's own client and with curl.

use std::process::Command;
use std::time::Duration;

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
