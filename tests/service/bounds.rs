//! What the process holds for all clients together: past a bound new work is refused early, those who
//! watch are answered, and what waits for its own client gives way.

use std::io::Read;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::support::{Client, Server, binary, eventually};

const SECOND: Duration = Duration::from_secs(1);

fn ask(client: &mut Client, path: &str) {
    client.send(format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n"));
}

fn shed(server: &Server, reason: &str) -> u64 {
    let sample = format!("http_requests_shed_total{{reason=\"{reason}\"}}");
    #[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "it is a count")]
    let count = server.metric(&sample) as u64;
    count
}

#[test]
fn past_the_most_requests_that_wait_more_are_refused_and_probes_are_answered() {
    let server = Server::faulty(&[("SERVER__MAX_IN_FLIGHT", "3")]);
    let mut waiting: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    for client in &mut waiting {
        ask(client, "/sleep/6000");
    }
    server.wait_in_flight(3);
    let mut refused = server.connect();
    let response = refused.get("/hello/you");
    assert_eq!(response.error(), (503, "SERVICE_UNAVAILABLE".into()));
    assert_eq!(response.header("retry-after"), Some("1"));
    assert_eq!((server.get("/health").status, server.get("/health/ready").status), (200, 200));
    assert_eq!(shed(&server, "in_flight"), 1);
    for client in &mut waiting {
        assert_eq!(client.response().status, 200);
    }
    assert_eq!(refused.get("/hello/you").status, 200, "on the same connection");
    let lines = server.log();
    let of_refused =
        |line: &&serde_json::Value| line["target"] == "access" && line["status"] == 503;
    assert_eq!(lines.iter().filter(of_refused).count(), 0, "no line for each");
    let (told, _) =
        server.log_line("in sum", 5 * SECOND, |line| line["target"] == "pcf_api::server::shed");
    assert_eq!((told["reason"].as_str(), told["requests"].as_u64()), (Some("in_flight"), Some(1)));
}

#[test]
fn past_the_most_bytes_more_are_refused_and_no_connection_has_all() {
    let server = Server::faulty(&[("SERVER__MAX_BUFFERED_BYTES", "1MiB")]);
    let mut greedy = server.connect();
    let response = greedy.post("/echo", "text/plain", &vec![b'x'; 700 * 1024]);
    assert_eq!(
        response.error(),
        (503, "SERVICE_UNAVAILABLE".into()),
        "more than what is left free"
    );
    assert_eq!(shed(&server, "buffered_bytes"), 1);
    let mut modest = server.connect();
    assert_eq!(modest.post("/echo", "text/plain", &vec![b'x'; 200 * 1024]).status, 200);
    let held = server.metric("http_buffered_bytes");
    assert!(held < 200_000.0, "given back: {held}");
}

#[test]
fn half_a_head_does_not_take_the_bytes_of_others() {
    let server = Server::start(&[("SERVER__MAX_BUFFERED_BYTES", "1MiB")]);
    let half = format!("GET / HTTP/1.1\r\nHost: t\r\nX: {}", "x".repeat(20_000));
    let mut held: Vec<Client> = (0..100).map(|_| server.connect()).collect();
    for client in &mut held {
        client.try_send(&half);
    }
    eventually("refused", 5 * SECOND, || match shed(&server, "buffered_bytes") {
        0 => Err("none".to_owned()),
        _ => Ok(()),
    });
    assert!(server.metric("http_buffered_bytes") < 1.2 * 1024.0 * 1024.0);
    thread::sleep(SECOND + Duration::from_millis(100));
    assert_eq!(server.get("/version").status, 200, "the one that has waited longest makes room");
}

#[test]
fn an_upload_that_stands_still_gives_way() {
    // A machine that comes to it too late tries again.
    assert!((0..20).any(|_| is_pause_and_then_stall()), "this machine is too busy");
}

/// Whether there was a pause to be seen; what is done in it and after it is asserted.
fn is_pause_and_then_stall() -> bool {
    let server = Server::faulty(&[("SERVER__MAX_IN_FLIGHT", "2")]);
    let mut stalled: Vec<Client> = (0..2).map(|_| server.connect()).collect();
    let began = Instant::now();
    // One after the other: the first is the one that has waited the longest.
    for (client, in_flight) in stalled.iter_mut().zip(1..) {
        client.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nhalf");
        server.wait_in_flight(in_flight);
    }
    let status = server.get("/version").status;
    if began.elapsed() >= SECOND {
        return false;
    }
    assert_eq!(status, 503, "a pause between two packets is no reason");
    thread::sleep(SECOND + Duration::from_millis(100));
    assert_eq!(server.get("/version").status, 200);
    assert_eq!(stalled[0].response().error(), (503, "SERVICE_UNAVAILABLE".into()));
    assert_eq!(shed(&server, "stalled"), 1);
    stalled[1].send(" whole");
    assert_eq!(stalled[1].response().text(), "half whole");
    true
}

#[test]
fn a_request_whose_client_may_have_gone_gives_way() {
    let server = Server::faulty(&[("SERVER__MAX_IN_FLIGHT", "2")]);
    let mut gone = server.connect();
    ask(&mut gone, "/sleep/18000");
    let mut there = server.connect();
    ask(&mut there, "/sleep/9000");
    server.wait_in_flight(2);
    gone.finish_sending();
    // It is seen, and then a moment passes.
    eventually("makes room", 8 * SECOND, || match server.get("/version").status {
        200 => Ok(()),
        status => Err(status.to_string()),
    });
    assert_eq!(gone.rest_until_close(), b"");
    assert_eq!(there.response().text(), "slept");
}

#[test]
fn a_response_that_is_not_taken_gives_way() {
    // Two bodies of a megabyte are more than there is room for.
    let server = Server::faulty(&[("SERVER__MAX_BUFFERED_BYTES", "2MiB")]);
    let mut stalled: Vec<Client> = (0..2).map(|_| server.connect()).collect();
    for client in &mut stalled {
        ask(client, "/bytes/9000000");
    }
    eventually("full", 5 * SECOND, || match server.get("/version").status {
        503 => Ok(()),
        status => Err(status.to_string()),
    });
    eventually("makes room", 5 * SECOND, || match server.get("/version").status {
        200 => Ok(()),
        status => Err(status.to_string()),
    });
    assert!(shed(&server, "stalled") >= 1);
}

#[test]
fn what_waits_too_long_for_its_turn_is_refused_early_and_all_is_well_when_it_ends() {
    let server = Server::faulty(&[("SERVER__WORKERS", "1"), ("SERVER__MAX_QUEUE_TIME", "200ms")]);
    let port = server.port;
    let clients: Vec<_> = (0..40)
        .map(|_| {
            thread::spawn(move || {
                let (mut served, mut refused) = (0, 0);
                let mut client = Client::connect(port);
                for _ in 0..10 {
                    let response = client.get("/block/20");
                    match response.status {
                        200 => served += 1,
                        503 => refused += 1,
                        status => panic!("{status}"),
                    }
                    if response.header("connection") == Some("close") {
                        client = Client::connect(port);
                    }
                    thread::sleep(Duration::from_millis(50));
                }
                (served, refused)
            })
        })
        .collect();
    for _ in 0..10 {
        assert_eq!(server.get("/health").status, 200);
        thread::sleep(Duration::from_millis(50));
    }
    let (mut served, mut refused) = (0, 0);
    for client in clients {
        let (s, r) = client.join().unwrap();
        (served, refused) = (served + s, refused + r);
    }
    assert!(served > 20 && refused > 20, "{served} served, {refused} refused");
    assert_eq!(shed(&server, "queue_time"), refused);
    // What the queue is known to be is some milliseconds old; it is guarded for two seconds.
    eventually("served as before", SECOND, || match server.get("/block/1").text() {
        text if text == "blocked" => Ok(()),
        text => Err(text),
    });
}

#[test]
fn what_all_wait_too_long_for_but_a_moment_refuses_nobody() {
    let server = Server::faulty(&[("SERVER__WORKERS", "1"), ("SERVER__MAX_QUEUE_TIME", "2s")]);
    let port = server.port;
    // Each waits for 0.8 s: within the bound, and more than what is allowed in an overload.
    let clients: Vec<_> = (0..30)
        .map(|number| {
            thread::spawn(move || {
                let mut client = Client::connect(port);
                for round in 0..6 {
                    let stall = (number, round) == (0, 2);
                    let path = if stall { "/block/1500" } else { "/block/25" };
                    assert_eq!(client.get(path).text(), "blocked");
                }
            })
        })
        .collect();
    for client in clients {
        client.join().expect("refused");
    }
    assert_eq!(shed(&server, "queue_time"), 0);
}

#[test]
fn a_body_in_too_many_pieces_is_refused() {
    let server = Server::faulty(&[]);
    let mut client = server.connect();
    client.send("POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..12 {
        client.try_send("1\r\nx\r\n".repeat(1000));
    }
    client.try_send("0\r\n\r\n");
    assert_eq!(client.response().error(), (400, "INVALID_INPUT".into()));
    let mut few = server.connect();
    few.send("POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    few.send("1\r\nx\r\n".repeat(5000) + "0\r\n\r\n");
    assert_eq!(few.response().body.len(), 5000);
}

#[test]
fn a_signal_that_is_ignored_stays_so() {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("trap '' HUP; exec {}", binary("faults").display()));
    let mut server = Server::launch(command, &[]);
    server.signal("HUP");
    thread::sleep(Duration::from_millis(300));
    assert_eq!(server.get("/version").status, 200);
    server.signal("TERM");
    assert_eq!(server.wait(5 * SECOND).0.code(), Some(0));
}

#[test]
fn a_long_request_of_one_client_holds_no_other_of_many() {
    // One turn of a connection is short however much it has sent. What others got meanwhile says so on a
    // slow machine too; one that let this thread wait, and not the others, tries again.
    let is_short = |_| {
        let (most, all) = most_while_one_waited();
        eprintln!("{most} of {all} bytes while one request waited");
        most * 2 < all
    };
    assert!((0..3).any(is_short));
}

/// How many bytes others got while one request waited, at most, and how many they got in all.
fn most_while_one_waited() -> (usize, usize) {
    let server = Server::faulty(&[("SERVER__WORKERS", "1")]);
    let port = server.port;
    let taken = Arc::new(AtomicUsize::new(0));
    let floods: Vec<_> = (0..8)
        .map(|_| {
            let taken = Arc::clone(&taken);
            thread::spawn(move || {
                let mut client = Client::connect(port);
                let requests = "GET /version HTTP/1.1\r\nHost: t\r\n\r\n".repeat(2000);
                client.stream.set_nonblocking(false).unwrap();
                let mut reader = client.stream.try_clone().unwrap();
                let reading = thread::spawn(move || {
                    let mut buffer = vec![0; 64 * 1024];
                    while let Ok(count @ 1..) = reader.read(&mut buffer) {
                        taken.fetch_add(count, Relaxed);
                    }
                });
                for _ in 0..3 {
                    if !client.try_send(&requests) {
                        break;
                    }
                }
                client.finish_sending();
                reading.join().unwrap();
            })
        })
        .collect();
    let mut most = 0;
    while floods.iter().any(|flood| !flood.is_finished()) {
        let before = taken.load(Relaxed);
        assert_eq!(server.get("/version").status, 200);
        most = most.max(taken.load(Relaxed) - before);
    }
    for flood in floods {
        flood.join().unwrap();
    }
    (most, taken.load(Relaxed))
}
