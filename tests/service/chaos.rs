//! Clients that send anything, in any pieces, and leave in any way: none of them keeps its place, and
//! the service lives on. What they do is drawn by chance from fixed seeds.

use std::thread;
use std::time::Duration;

use fastrand::Rng;
use socket2::SockRef;

use super::support::{Client, PATIENCE, Server, eventually};

const CLIENTS: u64 = 16;
const CONNECTIONS: usize = 60;

const MESSAGES: [&str; 15] = [
    "GET /version HTTP/1.1\r\nHost: t\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: t\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n",
    "GET /search?q=x HTTP/1.0\r\n\r\n",
    "GET /bytes/100000 HTTP/1.1\r\nHost: t\r\n\r\n",
    "GET /sleep/20 HTTP/1.1\r\nHost: t\r\n\r\n",
    "GET /event HTTP/1.1\r\nHost: t\r\n\r\n",
    "GET /ticks/3 HTTP/1.1\r\nHost: t\r\n\r\n",
    "GET /endless HTTP/1.1\r\nHost: t\r\n\r\n",
    "GET /panic-later HTTP/1.1\r\nHost: t\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello",
    "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "POST /count HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "POST /store HTTP/1.1\r\nHost: t\r\nContent-Length: 5000\r\n\r\nhello",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
];

const INSERTS: [&[u8]; 8] =
    [b"\r\n", b"\r\n\r\n", b":", b" ", b"%ff", b"\0", b"chunked", b"Content-Length: 3\r\n"];

/// Some messages one after the other, with some mistakes.
fn message(chance: &mut Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..chance.usize(1..5) {
        bytes.extend_from_slice(MESSAGES[chance.usize(..MESSAGES.len())].as_bytes());
    }
    for _ in 0..chance.usize(..4) {
        let at = chance.usize(..=bytes.len());
        match chance.u8(..3) {
            0 if at < bytes.len() => drop(bytes.remove(at)),
            1 => bytes.truncate(at),
            _ => drop(bytes.splice(at..at, INSERTS[chance.usize(..INSERTS.len())].iter().copied())),
        }
    }
    bytes
}

/// One connection, from the first byte to the way it is left.
fn visit(port: u16, chance: &mut Rng) {
    let mut client = Client::connect(port);
    let message = message(chance);
    let mut left = message.as_slice();
    while !left.is_empty() {
        let (piece, rest) = left.split_at(left.len().min([1, 7, 50, 1000][chance.usize(..4)]));
        if !client.try_send(piece) {
            return;
        }
        if chance.f32() < 0.05 {
            thread::sleep(Duration::from_millis(chance.u64(..50)));
        }
        left = rest;
    }
    if chance.f32() < 0.3 {
        let _ = client.stream.shutdown(std::net::Shutdown::Write);
    }
    if chance.f32() < 0.7 {
        client.is_open_after(Duration::from_millis(100));
    }
    if chance.f32() < 0.3 {
        // It leaves by RST.
        SockRef::from(&client.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

#[test]
fn whoever_sends_whatever_and_leaves_keeps_no_place() {
    let mut server = Server::faulty(&[
        ("SERVER__HEADER_READ_TIMEOUT", "500ms"),
        ("SERVER__REQUEST_TIMEOUT", "1s"),
        ("SERVER__KEEP_ALIVE_TIMEOUT", "2s"),
        ("RUST_LOG", "off,pcf_api::server=info"),
    ]);
    let port = server.port;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|seed| {
            thread::spawn(move || {
                let mut chance = Rng::with_seed(seed);
                (0..CONNECTIONS).for_each(|_| visit(port, &mut chance));
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    eventually("nothing but the scrape", PATIENCE, || {
        let left =
            ["http_requests_in_flight", "http_connections_active"].map(|name| server.metric(name));
        if left.iter().all(|left| *left < 1.1) { Ok(()) } else { Err(format!("{left:?}")) }
    });
    assert_eq!(server.get("/version").status, 200);
    server.signal("TERM");
    assert_eq!(server.wait(PATIENCE).0.code(), Some(0));
}
