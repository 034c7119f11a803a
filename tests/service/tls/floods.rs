//! Clients that begin a handshake and do not go on.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::super::support::resident_kib;
use super::client::{Client, metric};
use super::{encrypted, management_port};

/// The beginning of a record that would be 512 bytes long, and of the ClientHello in it.
const HALF: [u8; 9] = [22, 3, 1, 2, 0, 1, 0, 1, 252];

#[test]
fn half_handshakes_cost_little_and_stand_in_nobody_s_way() {
    let (server, authority) = encrypted(&[("SERVER__MANAGEMENT_PORT", "0")]);
    let management = management_port(&server);
    let before = resident_kib(server.pid());
    let flood: Vec<TcpStream> = (0..1000)
        .map(|number| {
            let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
            if number % 2 == 0 {
                stream.write_all(&HALF).unwrap();
            }
            stream
        })
        .collect();
    for (port, path) in
        [(management, "/health"), (server.port, "/hello/you"), (management, "/health/ready")]
    {
        let began = Instant::now();
        let answer = Client::connect(port, &authority.certificate).unwrap().get(path).unwrap();
        assert_eq!(answer.0, 200, "{path}: {}", answer.1);
        // Far less than the 10 s after which the flood is cut.
        assert!(began.elapsed() < Duration::from_secs(5), "{path}: {:?}", began.elapsed());
    }
    let cost = (resident_kib(server.pid()) - before) / 1000;
    assert!(cost < 24, "{cost} KiB for each");
    drop(flood);
}

#[test]
fn past_the_bound_of_bytes_they_give_way_to_honest_clients() {
    // Room for forty.
    let (server, authority) = encrypted(&[("SERVER__MAX_BUFFERED_BYTES", "1MiB")]);
    let mut flood = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        stream.write_all(&HALF).unwrap();
        flood.push(stream);
    }
    // They have to have waited for a second; a client that comes before is closed, and comes again.
    super::super::support::eventually("an honest client", super::super::support::PATIENCE, || {
        let asked = Client::connect(server.port, &authority.certificate)
            .and_then(|mut client| client.get("/hello/you"));
        match asked {
            Ok((200, _)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let shed = "http_requests_shed_total{reason=\"buffered_bytes\"}";
    let shed = metric(server.port, &authority.certificate, shed);
    assert!(shed > 100.0, "{shed} of 200 were told that there is no room");
}
