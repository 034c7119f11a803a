//! Workers that stand still: liveness tells, and new connections go to the others.

use std::thread;
use std::time::Duration;

use super::support::{Client, Server, eventually};

#[test]
fn liveness_fails_when_a_worker_is_stuck_and_returns_when_it_goes_on() {
    let server = Server::faulty(&[("SERVER__WORKERS", "2")]);
    let mut stuck = server.connect();
    stuck.send("GET /block/9000 HTTP/1.1\r\nHost: t\r\n\r\n");
    // The other worker answers those connections that it gets.
    let live = |server: &Server| {
        let mut client = server.connect();
        client.stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        client.send("GET /health HTTP/1.1\r\nHost: t\r\n\r\n");
        client.try_response_to("GET").map(|response| response.status)
    };
    let ((), took) = eventually("503", Duration::from_secs(9), || match live(&server) {
        Ok(503) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert!(took > Duration::from_secs(3), "not for a short stall: {took:?}");
    server.log_line("told", Duration::from_secs(1), |line| {
        line["target"] == "pcf_api::server::watchdog"
    });
    assert_eq!(stuck.response().text(), "blocked");
    eventually("200", Duration::from_secs(5), || match live(&server) {
        Ok(200) => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

#[test]
fn a_stuck_worker_gets_no_new_connections() {
    let server = Server::faulty(&[("SERVER__WORKERS", "2")]);
    let mut held: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    for client in &mut held {
        assert_eq!(client.get("/version").status, 200);
    }
    held[0].send("GET /block/6000 HTTP/1.1\r\nHost: t\r\n\r\n");
    thread::sleep(Duration::from_millis(3200));
    for _ in 0..4 {
        let mut client = server.connect();
        client.stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        client.send("GET /health HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_eq!(client.try_response_to("GET").map(|response| response.status), Ok(200));
        held.push(client);
    }
    assert_eq!(held[0].response().text(), "blocked");
}

#[test]
fn a_frozen_process_is_alive_when_it_goes_on() {
    let server = Server::start(&[]);
    server.signal("STOP");
    thread::sleep(Duration::from_secs(8));
    server.signal("CONT");
    for _ in 0..30 {
        assert_eq!(server.get("/health").status, 200);
        thread::sleep(Duration::from_millis(50));
    }
}
