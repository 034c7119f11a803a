//! Clients that read slowly, never, or leave: who takes the response gets all of it, who does not is
//! cut.

use std::io::Read;
use std::thread;
use std::time::Duration;

use super::support::{Client, PATIENCE, Server, eventually, resident_kib};

#[test]
fn a_client_that_never_reads_is_cut_and_takes_little_memory() {
    // So much that none is shed: it is the cut that is to give the memory back.
    // And so late that the first is not cut before the last has come.
    let bounds = [("SERVER__REQUEST_TIMEOUT", "6s"), ("SERVER__MAX_BUFFERED_BYTES", "256MiB")];
    let server = Server::faulty(&bounds);
    assert_eq!(server.get("/version").status, 200);
    let before = resident_kib(server.pid());
    let clients: Vec<Client> = (0..20)
        .map(|n| {
            let mut client = server.connect();
            let path = if n % 2 == 0 { "/endless" } else { "/bytes/15000000" };
            client.send(format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n"));
            client
        })
        .collect();
    server.wait_in_flight(20);
    eventually("all cut", PATIENCE, || {
        let active = server.metric("http_connections_active");
        if active < 2.0 { Ok(()) } else { Err(active.to_string()) }
    });
    drop(clients);
    let grown = resident_kib(server.pid()).saturating_sub(before);
    // Ten whole bodies of 15 MB were the handler's own, and are given back.
    assert!(grown < 64 * 1024, "{grown} KiB more");
    assert_eq!(server.get("/version").status, 200);
}

#[test]
fn a_client_that_reads_slowly_gets_all_of_it() {
    let server = Server::faulty(&[("SERVER__REQUEST_TIMEOUT", "3s")]);
    let mut client = server.connect();
    client.send("GET /bytes/10000000 HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    let mut total = 0;
    let mut buffer = vec![0; 100_000];
    loop {
        match client.stream.read(&mut buffer).unwrap() {
            0 => break,
            count => total += count,
        }
        thread::sleep(Duration::from_millis(60));
    }
    assert!(total > 10_000_000, "{total} bytes, over more than the timeout");
}

#[test]
fn a_client_that_closes_its_sending_half_still_gets_its_answer() {
    let server = Server::faulty(&[]);
    let mut client = server.connect();
    client.send("GET /sleep/200 HTTP/1.1\r\nHost: t\r\n\r\n");
    client.finish_sending();
    assert_eq!(client.response().text(), "slept");
}

#[test]
fn a_client_that_leaves_a_quiet_stream_is_noticed() {
    let server = Server::faulty(&[]);
    let mut clients: Vec<Client> = (0..12).map(|_| server.connect()).collect();
    let request = "GET /event HTTP/1.1\r\nHost: t\r\n\r\n";
    for client in &mut clients {
        client.send(request);
    }
    server.wait_in_flight(12);
    // Those that have read what came leave by FIN, the others by RST.
    for (index, client) in clients.iter_mut().step_by(2).enumerate() {
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n.\r\n") {
            let mut bytes = [0; 1024];
            let count = client.stream.read(&mut bytes).unwrap();
            answer.extend_from_slice(&bytes[..count]);
        }
        // Some have asked for more, which stays unread while the stream lasts.
        client.send(request.repeat(index % 3));
    }
    drop(clients);
    server.wait_in_flight(0);
}
