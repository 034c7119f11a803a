//! Bodies of requests that are too large, are left unread, or outlive their handler: none is taken for
//! the next request.

use std::thread;
use std::time::{Duration, Instant};

use super::support::{PATIENCE, Server};

#[test]
fn an_oversized_body_is_413_and_the_client_gets_to_read_it() {
    let server = Server::faulty(&[("SERVER__MAX_BODY_BYTES", "64KiB")]);
    let chunk = "x".repeat(16 * 1024);
    // It says its length: refused before it is read. The client sends all of it before it looks.
    let mut sized = server.connect();
    sized.send(format!("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n", 4 << 20));
    for _ in 0..256 {
        if !sized.try_send(&chunk) {
            break;
        }
    }
    assert_eq!(sized.response().error(), (413, "PAYLOAD_TOO_LARGE".into()));
    // It does not: refused while it is read.
    let mut chunked = server.connect();
    chunked.send("POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..40 {
        if !chunked.try_send(format!("4000\r\n{chunk}\r\n")) {
            break;
        }
    }
    assert_eq!(chunked.response().error(), (413, "PAYLOAD_TOO_LARGE".into()));
    let mut right = server.connect();
    let echoed = right.post("/echo", "text/plain", "y".repeat(65536).as_bytes());
    assert_eq!((echoed.status, echoed.body.len()), (200, 65536));
    let mut patient = server.connect();
    patient.send(
        "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
    );
    thread::sleep(Duration::from_millis(50));
    patient.send("ok");
    assert_eq!(patient.response().text(), "ok");
}

#[test]
fn a_body_that_is_read_in_pieces_has_the_same_limit() {
    let server = Server::faulty(&[("SERVER__MAX_BODY_BYTES", "64KiB")]);
    let mut client = server.connect();
    let most = "x".repeat(64 * 1024);
    assert_eq!(client.post("/count", "text/plain", most.as_bytes()).text(), "65536");
    let chunk = format!("10000\r\n{most}\r\n");
    client.send("POST /count HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(format!("{chunk}0\r\n\r\n"));
    assert_eq!(client.response().text(), "65536");
    client.send("POST /count HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(format!("{chunk}1\r\nx\r\n0\r\n\r\n"));
    assert_eq!(client.response().error(), (413, "PAYLOAD_TOO_LARGE".into()));
}

#[test]
fn a_body_is_no_beginning_of_the_next_head() {
    let server = Server::faulty(&[("SERVER__HEADER_READ_TIMEOUT", "500ms")]);
    let body = "x".repeat(2000);
    let mut read = server.connect();
    assert_eq!(read.post("/echo", "text/plain", body.as_bytes()).text(), body);
    let mut lines = server.connect();
    assert_eq!(lines.get("/version").status, 200);
    lines.send("\r\n");
    thread::sleep(Duration::from_millis(1200));
    for (name, mut client) in [("a body", read), ("empty lines", lines)] {
        assert_eq!(client.get("/version").status, 200, "{name}: and not 408");
    }
}

#[test]
fn a_connection_with_an_unread_body_ends_and_says_so() {
    let server = Server::faulty(&[("SERVER__MAX_BODY_BYTES", "64KiB")]);
    for (path, status) in [("/nowhere", 404), ("/version", 405), ("/panic", 405)] {
        let mut client = server.connect();
        client.send(format!("POST {path} HTTP/1.1\r\nHost: t\r\nContent-Length: 9000\r\n\r\nhalf"));
        let response = client.response();
        assert_eq!(response.status, status, "{path}");
        assert_eq!(response.header("connection"), Some("close"), "{path}");
        assert_eq!(client.rest_until_close(), b"", "{path}");
    }
    let mut chunked = server.connect();
    chunked.send("POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    thread::sleep(Duration::from_millis(50));
    for _ in 0..8 {
        chunked.try_send(format!("4000\r\n{}\r\n", "x".repeat(16 * 1024)));
    }
    let response = chunked.response();
    assert_eq!((response.status, response.header("connection")), (413, Some("close")));

    let mut client = server.connect();
    for body in ["", "x", &"x".repeat(30_000)] {
        let response = client.post("/echo", "text/plain", body.as_bytes());
        assert_eq!((response.status, response.header("connection")), (200, None));
        client.send("POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.send("2\r\nok\r\n0\r\n\r\n");
        let response = client.response();
        assert_eq!((response.status, response.header("connection")), (200, None));
    }
}

#[test]
fn a_body_that_outlives_its_handler_is_the_last_of_its_connection() {
    let server = Server::faulty(&[]);
    let (head, body) = ("POST /store HTTP/1.1\r\nHost: t\r\n", "GET /version HTTP/1.1\r\n\r\n");
    let mut client = server.connect();
    client.send(format!("{head}Content-Length: {}\r\n\r\n", 2 * body.len()));
    client.send(body);
    let response = client.response();
    assert_eq!((response.status, response.header("connection")), (204, Some("close")));
    // Longer than a connection has to be quiet to be taken back from hyper.
    thread::sleep(Duration::from_millis(500));
    client.send(body);
    let stored = server.log_line("stored", PATIENCE, |line| line["message"] == "stored");
    assert_eq!(stored.0["bytes"], 2 * body.len());
    assert_eq!(client.rest_until_close(), b"", "what came later was taken for no request");

    let server = Server::faulty(&[("SERVER__REQUEST_TIMEOUT", "2s")]);
    let mut never = server.connect();
    // The server's time begins before its answer is here.
    let began = Instant::now();
    never.send(format!("{head}Content-Length: 100\r\n\r\nhalf"));
    assert_eq!(never.response().status, 204);
    assert_eq!(never.rest_until_close(), b"");
    let took = began.elapsed().as_millis();
    assert!(took >= 1900, "{took} ms");
    server.log_line("not stored", PATIENCE, |line| {
        line["message"] == "not stored" && line["code"] == "INVALID_INPUT"
    });
}
