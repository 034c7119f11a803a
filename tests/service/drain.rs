//! The end of the service: nothing that was asked stays unanswered, and it always comes.

use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use super::support::{Client, PATIENCE, Server};

fn draining(server: &Server) {
    server.log_line("draining", PATIENCE, |line| {
        line["message"].as_str().is_some_and(|message| message.starts_with("draining"))
    });
}

fn last_message(server: &Server) -> String {
    server.log().last().unwrap()["message"].as_str().unwrap().to_owned()
}

#[test]
fn sigterm_under_load_loses_no_request() {
    let mut server = Server::faulty(&[("SERVER__DRAIN_DELAY", "6s")]);
    let port = server.port;
    let is_over = Arc::new(AtomicBool::new(false));
    let (asked, closes) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..8)
        .map(|n| {
            let (is_over, asked, closes) = (is_over.clone(), asked.clone(), closes.clone());
            thread::spawn(move || {
                let mut client = Client::connect(port);
                while !is_over.load(SeqCst) {
                    // Half of them come anew each time, half keep their connection.
                    if n % 2 == 0 {
                        client = Client::connect(port);
                    }
                    let response = client.get("/sleep/5");
                    assert_eq!(response.status, 200);
                    asked.fetch_add(1, SeqCst);
                    if response.header("connection") == Some("close") {
                        closes.fetch_add(1, SeqCst);
                        client = Client::connect(port);
                    }
                }
            })
        })
        .collect();
    thread::sleep(Duration::from_millis(300));
    let before = Instant::now();
    server.signal("TERM");
    draining(&server);
    let ready = server.get("/health/ready");
    assert_eq!((ready.status, ready.header("retry-after")), (503, Some("1")));
    assert_eq!(ready.header("connection"), Some("close"));
    assert_eq!(ready.json()["status"], "draining");
    assert_eq!(server.get("/health").status, 200);
    let mut slow = server.connect();
    slow.send("GET /sleep/7000 HTTP/1.1\r\nHost: test\r\n\r\n");
    thread::sleep(Duration::from_millis(1200));
    is_over.store(true, SeqCst);
    for client in clients {
        client.join().expect("a request was lost");
    }
    assert!(closes.load(SeqCst) > 0, "responses say that the connection ends");
    assert!(asked.load(SeqCst) >= 8, "{} requests", asked.load(SeqCst));
    assert_eq!(slow.response().status, 200, "in flight when the delay ended");
    let (status, _) = server.wait(PATIENCE);
    assert_eq!(status.code(), Some(0));
    assert!(before.elapsed() >= Duration::from_secs(6), "the delay is kept");
    assert_eq!(last_message(&server), "stopped by SIGTERM: drained");
}

#[test]
fn an_idle_server_ends_by_itself_on_each_signal() {
    for name in ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] {
        let signal = name.trim_start_matches("SIG");
        let mut server = Server::faulty(&[]);
        let mut idle = server.connect();
        assert_eq!(idle.post("/echo", "text/plain", &[b'x'; 2000]).status, 200);
        server.signal(signal);
        assert_eq!(server.wait(PATIENCE).0.code(), Some(0), "{name}");
        assert_eq!(last_message(&server), format!("stopped by {name}: drained"));
        assert_eq!(idle.rest_until_close(), b"", "the idle connection was closed");
    }
}

#[test]
fn a_half_sent_request_does_not_keep_it_and_is_told() {
    let mut server =
        Server::start(&[("SERVER__DRAIN_DELAY", "500ms"), ("SERVER__DRAIN_TIMEOUT", "1s")]);
    let mut half = server.connect();
    half.send("GET /version HTTP/1.1\r\nHos");
    assert_eq!(server.get("/health").status, 200);
    let before = Instant::now();
    server.signal("TERM");
    let (status, _) = server.wait(PATIENCE);
    let took = before.elapsed();
    // Ten seconds are the time of a head.
    assert!((1400..9000).contains(&took.as_millis()), "{took:?}");
    assert_eq!(status.code(), Some(0), "no request was lost: none was whole");
    let told = last_message(&server);
    assert!(told.contains("cut 1 connections, 0 of them with a request in flight"), "{told}");
}

#[test]
fn a_request_that_the_timeout_cuts_is_a_failure_and_is_told() {
    let mut server = Server::faulty(&[("SERVER__DRAIN_TIMEOUT", "500ms")]);
    let mut slow = server.connect();
    slow.send("GET /never HTTP/1.1\r\nHost: test\r\n\r\n");
    server.wait_in_flight(1);
    server.signal("TERM");
    assert_eq!(server.wait(PATIENCE).0.code(), Some(1));
    let last = server.log().pop().unwrap();
    assert_eq!(last["level"], "ERROR");
    let told = last["message"].as_str().unwrap();
    assert!(told.contains("cut 1 connections, 1 of them with a request in flight"), "{told}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for second in ["TERM", "INT"] {
        let mut server = Server::start(&[("SERVER__DRAIN_DELAY", "1m")]);
        server.signal("TERM");
        draining(&server);
        server.signal(second);
        assert_eq!(server.wait(PATIENCE).0.code(), Some(1));
        assert!(last_message(&server).contains("second signal"), "{}", last_message(&server));
    }
}

#[test]
fn what_a_second_signal_cuts_is_told_before_the_last_line() {
    let mut server = Server::faulty(&[("SERVER__DRAIN_DELAY", "1m")]);
    let mut slow: Vec<Client> = (0..200).map(|_| server.connect()).collect();
    for client in &mut slow {
        client.send("GET /never HTTP/1.1\r\nHost: test\r\n\r\n");
    }
    server.wait_in_flight(200);
    server.signal("TERM");
    draining(&server);
    server.signal("TERM");
    server.wait(PATIENCE);
    let log = server.log();
    let cut = log.iter().filter(|line| line["route"] == "/never" && line["status"] == 499);
    assert_eq!(cut.count(), 200);
    assert!(last_message(&server).contains("second signal"), "{}", last_message(&server));
}

#[test]
fn a_connection_of_the_last_moment_gets_its_answer() {
    // A machine that comes to it too late tries again.
    assert!((0..20).any(|_| is_answered_at_the_last_moment()), "this machine is too busy");
}

/// Whether there was such a moment; that its connections are answered is asserted.
fn is_answered_at_the_last_moment() -> bool {
    let mut server = Server::start(&[("SERVER__DRAIN_DELAY", "1s")]);
    let began = Instant::now();
    server.signal("TERM");
    draining(&server);
    thread::sleep(Duration::from_millis(700).saturating_sub(began.elapsed()));
    // They connect before the end of the delay, and ask after it.
    let late: Result<Vec<_>, _> =
        (0..20).map(|_| TcpStream::connect((Ipv4Addr::LOCALHOST, server.port))).collect();
    let has_come = began.elapsed() < Duration::from_millis(950);
    thread::sleep(Duration::from_millis(1300).saturating_sub(began.elapsed()));
    let Some(late) = late.ok().filter(|_| has_come) else { return false };
    let mut late: Vec<Client> = late.into_iter().map(Client::of).collect();
    for client in &mut late {
        client.try_send("GET /version HTTP/1.1\r\nHost: test\r\n\r\n");
    }
    if began.elapsed() > Duration::from_millis(1600) {
        return false;
    }
    for client in &mut late {
        let response = client.response();
        assert_eq!((response.status, response.header("connection")), (200, Some("close")));
    }
    assert_eq!(server.wait(PATIENCE).0.code(), Some(0));
    true
}

#[test]
fn a_request_that_arrives_on_an_idle_connection_while_draining_is_served() {
    let mut server = Server::start(&[("SERVER__DRAIN_DELAY", "6s")]);
    let mut idle = server.connect();
    assert_eq!(idle.get("/version").header("connection"), None);
    // Long enough for the connection to have been taken back from hyper.
    thread::sleep(Duration::from_millis(1300));
    server.signal("TERM");
    draining(&server);
    let response = idle.get("/version");
    assert_eq!((response.status, response.header("connection")), (200, Some("close")));
    assert_eq!(idle.rest_until_close(), b"");
    assert_eq!(server.wait(PATIENCE).0.code(), Some(0));
}

#[test]
fn a_port_that_is_taken_is_a_failure_that_says_what_to_do() {
    let server = Server::start(&[]);
    let port = server.port.to_string();
    let output = super::support::run(&[], &[("PORT", &port), ("SERVER__HOST", "127.0.0.1")]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("cannot listen on 127.0.0.1") && told.contains("SERVER__PORT"), "{told}");
}
