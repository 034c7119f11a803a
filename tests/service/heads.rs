//! Heads of requests that come slowly, never whole, or too large: each is answered within its time and
//! takes no memory.

use std::thread;
use std::time::{Duration, Instant};

use super::support::{Server, resident_kib};

#[test]
fn a_half_sent_head_is_408_after_its_timeout() {
    let server = Server::start(&[("SERVER__HEADER_READ_TIMEOUT", "500ms")]);
    for sent in
        ["G", "P", "PRI * HT", "GET /version HTTP/1.1\r\nHost: te", "GET /version HTTP/1.1\r\n"]
    {
        let mut client = server.connect();
        let began = Instant::now();
        client.send(sent);
        let response = client.response();
        let took = began.elapsed().as_millis();
        assert_eq!(response.error(), (408, "REQUEST_TIMEOUT".into()));
        assert_eq!(response.header("connection"), Some("close"));
        assert!((450..9000).contains(&took), "{took} ms after {sent:?}");
        assert_eq!(client.rest_until_close(), b"");
    }
    let sample = "http_requests_total{method=\"other\",route=\"none\",status=\"408\"}";
    assert!((server.metric(sample) - 5.0).abs() < 0.1);
}

#[test]
fn a_head_that_drips_is_408_too_and_so_is_the_second_of_a_connection() {
    let server = Server::start(&[("SERVER__HEADER_READ_TIMEOUT", "1s")]);
    let mut client = server.connect();
    assert_eq!(client.get("/version").status, 200);
    let began = Instant::now();
    let mut drip =
        "GET /version HTTP/1.1\r\nHost: test\r\nX: ".bytes().chain(std::iter::repeat(b'x'));
    while client.try_send([drip.next().unwrap()]) && began.elapsed() < Duration::from_secs(9) {
        thread::sleep(Duration::from_millis(100));
        if !client.is_open_after(Duration::from_millis(1)) {
            break;
        }
    }
    let took = began.elapsed().as_millis();
    assert!((900..9000).contains(&took), "{took} ms");
}

#[test]
fn an_oversized_head_is_431_or_closed_and_takes_no_memory() {
    let server =
        Server::start(&[("SERVER__MAX_HEADER_BYTES", "2KiB"), ("SERVER__MAX_URI_BYTES", "1KiB")]);
    let field =
        |bytes: usize| format!("GET / HTTP/1.1\r\nHost: t\r\nX: {}\r\n\r\n", "x".repeat(bytes));
    let mut client = server.connect();
    client.send(field(1900));
    assert_eq!(client.response().status, 200, "on the same connection");
    client.send(field(3000));
    assert_eq!(client.response().error(), (431, "HEADER_FIELDS_TOO_LARGE".into()));

    let before = resident_kib(server.pid());
    for _ in 0..20 {
        let mut endless = server.connect();
        endless.send("GET / HTTP/1.1\r\nHost: t\r\nX: ");
        let piece = "x".repeat(64 * 1024);
        for _ in 0..200 {
            if !endless.try_send(&piece) {
                break;
            }
        }
        let answer = String::from_utf8(endless.rest_until_close()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
    }
    let grown = resident_kib(server.pid()).saturating_sub(before);
    assert!(grown < 4 * 1024, "{grown} KiB more");
    let sample = "http_requests_total{method=\"other\",route=\"none\",status=\"431\"}";
    assert!((server.metric(sample) - 20.0).abs() < 0.1, "what the parser refused is counted");

    let mut uri = server.connect();
    uri.send(format!("GET /{} HTTP/1.1\r\nHost: t\r\n\r\n", "x".repeat(2000)));
    assert_eq!(uri.response().error(), (414, "URI_TOO_LONG".into()));
    let mut garbage = server.connect();
    garbage.send(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03");
    assert!(garbage.rest_until_close().starts_with(b"HTTP/1.1 400 "));
}
