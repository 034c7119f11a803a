//! Messages that their RFCs call wrong are refused, by the service or by hyper below it; what is served
//! says what it is.

use std::net::Shutdown;

use super::support::{Client, Server};

const OK: &str = "HTTP/1.1 200 ";

/// What such a head and body are answered, up to the first line's end.
fn answer(server: &Server, message: &str) -> String {
    let mut client = server.connect();
    client.send(message);
    first_line(&client.rest_until_close())
}

fn first_line(response: &[u8]) -> String {
    String::from_utf8_lossy(response).lines().next().unwrap_or_default().to_owned()
}

/// All that comes once the client has nothing more to say.
fn rest(client: &mut Client) -> Vec<u8> {
    // A server that has closed may have told that already.
    let _ = client.stream.shutdown(Shutdown::Write);
    client.rest_until_close()
}

#[test]
fn a_host_that_is_none_is_refused_in_every_version() {
    let server = Server::start(&[]);
    for version in ["1.0", "1.1"] {
        let ask = |fields: &str| {
            let end = "Connection: close\r\n\r\n";
            answer(&server, &format!("GET /version HTTP/{version}\r\n{fields}{end}"))
        };
        for right in ["a", "a:80", "[::1]:80", "", "a.test:"] {
            assert!(ask(&format!("Host: {right}\r\n")).contains(" 200 "), "{version} {right}");
        }
        for wrong in ["a b", "a/b", "a:b", "u@a", "[::1", "a, b", "\t a\tb"] {
            let told = ask(&format!("Host: {wrong}\r\n"));
            assert!(told.contains(" 400 "), "{version} {wrong}: {told}");
        }
        assert!(ask("Host: a\r\nHost: a\r\n").contains(" 400 "), "{version}: two");
    }
    let mut client = server.connect();
    client.send("GET /version HTTP/1.1\r\nHost: a b\r\n\r\n");
    assert_eq!(client.response().error(), (400, "INVALID_INPUT".into()));
}

#[test]
fn a_target_has_one_of_four_forms() {
    let server = Server::start(&[]);
    for (line, status) in [
        ("GET /version", 200),
        ("GET http://elsewhere.test/version", 200),
        ("OPTIONS *", 204),
        ("CONNECT elsewhere.test:443", 404),
        ("GET version", 400),
        ("GET elsewhere.test:443", 400),
        ("GET version/x", 400),
        ("GET *", 400),
        ("OPTIONS version", 400),
        ("GET ?x", 400),
    ] {
        let told =
            answer(&server, &format!("{line} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"));
        assert!(told.contains(&format!(" {status} ")), "{line}: {told}");
    }
}

#[test]
fn chunked_is_the_only_transfer_coding_and_is_there_once() {
    let server = Server::faulty(&[]);
    let ask = |version: &str, fields: &str| {
        let fields = format!("{fields}Connection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
        answer(&server, &format!("POST /echo HTTP/{version}\r\nHost: t\r\n{fields}"))
    };
    for right in ["chunked", "Chunked", " chunked \t"] {
        let told = ask("1.1", &format!("Transfer-Encoding: {right}\r\n"));
        assert!(told.starts_with(OK), "{right}: {told}");
    }
    for wrong in [
        "gzip, chunked",
        "chunked, chunked",
        "chunked,",
        ", chunked",
        "chunked;q=1",
        "gzip",
        "identity",
        "chunked, gzip",
        "chunked\r\nTransfer-Encoding: chunked",
        "gzip\r\nTransfer-Encoding: chunked",
    ] {
        let told = ask("1.1", &format!("Transfer-Encoding: {wrong}\r\n"));
        assert!(told.contains(" 400 "), "{wrong}: {told}");
    }
    let told = ask("1.0", "Transfer-Encoding: chunked\r\n");
    assert!(told.contains(" 400 "), "HTTP/1.0 has none: {told}");
}

#[test]
fn a_target_that_is_too_long_is_414_however_long_it_is() {
    let server = Server::start(&[]);
    for bytes in [8 * 1024, 31 * 1024, 40 * 1024, 70 * 1024, 1024 * 1024] {
        let mut client = server.connect();
        client.try_send(format!("GET /{} HTTP/1.1\r\nHost: t\r\n\r\n", "x".repeat(bytes)));
        let told = first_line(&rest(&mut client));
        assert!(told.contains(" 414 "), "{bytes}: {told}");
    }
}

#[test]
fn every_body_is_what_its_type_says() {
    let server = Server::faulty(&[]);
    for path in
        ["/", "/version", "/health", "/health/ready", "/metrics", "/nope", "/fail", "/search?q=x"]
    {
        let response = server.get(path);
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
    // One that is written without hyper.
    let mut client = server.connect();
    client.send(format!("GET /{} HTTP/1.1\r\n", "x".repeat(40_000)));
    let response = client.response();
    assert_eq!(response.error().0, 414);
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
}
