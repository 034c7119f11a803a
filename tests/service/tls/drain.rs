//! Connections end with TLS's own farewell, whatever ends them: a peer logs no error.

use std::io::Write;
use std::process::{Command, Stdio};

use super::super::support::PATIENCE;
use super::client::Client;
use super::encrypted;

#[test]
fn idle_connections_end_in_good_order_at_the_drain_and_at_the_keep_alive_timeout() {
    let (server, authority) = encrypted(&[("SERVER__KEEP_ALIVE_TIMEOUT", "1s")]);
    let mut client = Client::connect(server.port, &authority.certificate).unwrap();
    assert_eq!(client.get("/hello/you").unwrap().0, 200);
    assert_eq!(client.end().unwrap(), 0, "the keep-alive timeout");

    let (mut server, authority) = encrypted(&[("SERVER__DRAIN_DELAY", "1s")]);
    let mut idle = Client::connect(server.port, &authority.certificate).unwrap();
    assert_eq!(idle.get("/hello/you").unwrap().0, 200);
    let mut new = Client::connect(server.port, &authority.certificate).unwrap();
    server.signal("TERM");
    assert_eq!((idle.end().unwrap(), new.end().unwrap()), (0, 0), "the drain");
    assert_eq!(server.wait(PATIENCE).0.code(), Some(0));
}

#[test]
fn a_response_on_the_way_is_finished_and_openssl_sees_the_farewell() {
    let (mut server, authority) = encrypted(&[]);
    let place = format!("127.0.0.1:{}", server.port);
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-msg", "-connect", &place, "-CAfile", &authority.certificate])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = client.stdin.take().unwrap();
    input.write_all(b"GET /sleep/5000 HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let in_flight =
        || super::client::metric(server.port, &authority.certificate, "http_requests_in_flight");
    super::super::support::eventually("the request", PATIENCE, || {
        if in_flight() > 1.5 { Ok(()) } else { Err("not yet".to_owned()) }
    });
    server.signal("TERM");
    let output = client.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(text.contains("HTTP/1.1 200 OK") && text.contains("connection: close"), "{text}");
    assert!(text.contains("close_notify") && !text.contains("unexpected eof"), "{text}");
    assert_eq!(server.wait(PATIENCE).0.code(), Some(0));
    drop(input);
}
