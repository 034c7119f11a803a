//! How many connections there may be and for how long: idle ones, too many of them, and a machine
//! without file descriptors.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use super::support::{Client, PATIENCE, Server, binary, cpu_time, eventually, resident_kib};

#[test]
fn an_idle_connection_is_closed_after_keep_alive_and_not_before() {
    let server = Server::start(&[
        ("SERVER__KEEP_ALIVE_TIMEOUT", "6s"),
        ("SERVER__HEADER_READ_TIMEOUT", "500ms"),
    ]);
    let mut fresh = server.connect();
    let mut used = server.connect();
    assert_eq!(used.get("/version").status, 200);
    assert!(used.is_open_after(Duration::from_millis(1500)), "the header timeout is not for it");
    // The server's time begins before its answer is here.
    let began = Instant::now();
    assert_eq!(used.get("/version").status, 200, "taken up again from where it rested");
    assert_eq!(used.rest_until_close(), b"");
    let took = began.elapsed().as_millis();
    assert!(took >= 5800, "{took} ms");
    assert_eq!(fresh.rest_until_close(), b"", "one that never asked");
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    const COUNT: u64 = 400;
    let server = Server::start(&[]);
    assert_eq!(server.get("/version").status, 200);
    let before = resident_kib(server.pid());
    let mut idle = Vec::new();
    while idle.len() < usize::try_from(COUNT).unwrap() {
        idle.extend((0..50).map(|_| {
            let mut client = server.connect();
            assert_eq!(client.get("/version").status, 200);
            client
        }));
        // hyper's buffers of 8 KiB are given back once a connection is quiet.
        thread::sleep(Duration::from_millis(500));
    }
    let each = resident_kib(server.pid()).saturating_sub(before) / (COUNT / 100);
    // Unoptimized futures take 5 to 6 KiB each, 14 with hyper's buffers; benches/costs.rs holds the release.
    assert!(each < 900, "{each} KiB for a hundred connections");
    assert_eq!(idle[0].get("/version").status, 200);
}

/// Gives each of these connections a request of so many milliseconds: one that waits for its client
/// would make room after a second, however long that is for this machine.
fn keep_busy(server: &Server, clients: &mut [Client], ms: u32) {
    for client in &mut *clients {
        client.send(format!("GET /sleep/{ms} HTTP/1.1\r\nHost: t\r\n\r\n"));
    }
    // The scrape is one more.
    let sample = format!("\nhttp_requests_in_flight {}\n", clients.len() + 1);
    eventually("all of them busy", PATIENCE, || {
        let scrape = server.get("/metrics").text();
        if scrape.contains(&sample) { Ok(()) } else { Err(scrape) }
    });
}

#[test]
fn past_the_connection_limit_health_and_metrics_still_answer() {
    let server = Server::faulty(&[("SERVER__MAX_CONNECTIONS", "4")]);
    let mut held: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    keep_busy(&server, &mut held, 6000);
    for path in ["/health", "/health/ready", "/metrics"] {
        let mut watcher = server.connect();
        let response = watcher.get(path);
        assert_eq!(
            (response.status, response.header("connection")),
            (200, Some("close")),
            "{path}"
        );
        assert_eq!(watcher.rest_until_close(), b"", "the reserve is for the next one");
    }
    let mut refused = server.connect();
    let response = refused.get("/version");
    assert_eq!(response.error(), (503, "SERVICE_UNAVAILABLE".into()));
    assert_eq!(response.header("retry-after"), Some("1"));
    assert_eq!(response.header("connection"), Some("close"));
    assert!((server.metric("http_connections_rejected_total") - 1.0).abs() < 0.1);
    assert_eq!(held[0].response().text(), "slept", "those within the limit notice nothing");
    held.pop();
    eventually("served again", PATIENCE, || {
        let status = server.get("/version").status;
        if status == 200 { Ok(()) } else { Err(status.to_string()) }
    });
}

#[test]
fn the_reserve_is_kept_by_nobody() {
    let server = Server::faulty(&[("SERVER__MAX_CONNECTIONS", "1")]);
    let mut normal = server.connect();
    assert_eq!(normal.get("/version").status, 200);
    let begins = ["", "G", "GET /health HTTP/1.1\r\n", "P", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"];
    let held: Vec<Client> = (0..64)
        .map(|index| {
            let mut client = server.connect();
            client.send(begins[index % begins.len()]);
            client
        })
        .collect();
    let began = Instant::now();
    assert_eq!(server.get("/health").status, 200, "a probe waits for five seconds at most");
    // A head has ten seconds of time, and an idle connection more.
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    drop(held);
}

#[test]
fn at_the_limit_the_one_that_has_waited_longest_makes_room() {
    let server = Server::start(&[("SERVER__MAX_CONNECTIONS", "3")]);
    let silent = [server.connect(), server.connect()];
    let mut idle = server.connect();
    assert_eq!(idle.get("/version").status, 200);
    // A pause between two packets is no reason.
    thread::sleep(Duration::from_millis(1100));
    let mut new = server.connect();
    assert_eq!(new.get("/version").status, 200);
    let [mut first, mut second] = silent;
    assert_eq!(first.rest_until_close(), b"", "who has never asked goes first");
    assert!(second.is_open_after(Duration::from_millis(100)));
    let mut next = server.connect();
    assert_eq!(next.get("/version").status, 200);
    assert_eq!(second.rest_until_close(), b"");
    assert_eq!(idle.get("/version").status, 200, "then those who are between two requests");
    // Not on a new connection, for which another might make room.
    assert!(idle.get("/metrics").text().contains("\nhttp_connections_evicted_total 2\n"));
    thread::sleep(Duration::from_millis(1100));
    let mut last = server.connect();
    assert_eq!(last.get("/version").status, 200);
    assert_eq!(new.rest_until_close(), b"", "the one that has been idle for the longest");
}

#[test]
fn a_probe_comes_through_a_crowd_of_silent_connections() {
    let server = Server::faulty(&[("SERVER__MAX_CONNECTIONS", "1")]);
    let mut busy = server.connect();
    busy.send("GET /sleep/9000 HTTP/1.1\r\nHost: t\r\n\r\n");
    // They fill the reserve, and the kernel's queue behind it; whoever is cut comes again.
    let is_over = Arc::new(AtomicBool::new(false));
    let port = server.port;
    let crowd: Vec<_> = (0..200)
        .map(|_| {
            let is_over = Arc::clone(&is_over);
            thread::spawn(move || {
                while !is_over.load(SeqCst) {
                    let mut silent = Client::connect(port);
                    while !is_over.load(SeqCst) && silent.is_open_after(Duration::from_millis(50)) {
                    }
                }
            })
        })
        .collect();
    thread::sleep(Duration::from_millis(500));
    for _ in 0..5 {
        let began = Instant::now();
        let response = loop {
            let connecting = Instant::now();
            let mut probe = server.connect();
            probe.try_send("GET /health HTTP/1.1\r\nHost: t\r\n\r\n");
            // One that is busy with the crowd may ask too late; each has so much time at least.
            let is_late = connecting.elapsed() > Duration::from_millis(20);
            match probe.try_response_to("GET") {
                Ok(response) => break response,
                Err(error) => assert!(is_late && began.elapsed() < PATIENCE, "{error}"),
            }
        };
        assert_eq!(response.status, 200);
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
    is_over.store(true, SeqCst);
    for thread in crowd {
        thread.join().unwrap();
    }
}

#[test]
fn few_file_descriptors_make_few_connections_and_the_reserve_works() {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit -n 140; exec {}", binary("faults").display()));
    let server = Server::launch(command, &[]);
    assert!((server.metric("http_connections_max") - 12.0).abs() < 0.1);
    let (told, _) =
        server.log_line("told", PATIENCE, |line| line["target"] == "pcf_api::server::descriptors");
    assert_eq!((told["files"].as_u64(), told["connections"].as_u64()), (Some(140), Some(12)));
    let mut held: Vec<Client> = (0..12).map(|_| server.connect()).collect();
    keep_busy(&server, &mut held, 15_000);
    assert_eq!(server.get("/version").status, 503);
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn the_soft_limit_of_open_files_is_raised() {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit -Sn 100; exec {}", binary("pcf-api").display()));
    let server = Server::launch(command, &[("SERVER__MAX_CONNECTIONS", "200")]);
    assert!(server.metric("process_max_fds") > 100.0);
    assert!((server.metric("http_connections_max") - 200.0).abs() < 0.1);
}

#[test]
fn without_file_descriptors_the_server_waits_without_spinning_and_recovers() {
    // One connection is always possible, and so is the reserve: more than there are descriptors for.
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit -n 40; exec {}", binary("faults").display()));
    let server = Server::launch(command, &[]);
    let mut held: Vec<Client> = (0..60).map(|_| server.connect()).collect();
    let last = held.len() - 1;
    server.log_line("no connection can be accepted", PATIENCE, |line| {
        line["message"].as_str().is_some_and(|m| m.starts_with("no connection can be accepted"))
    });
    // Each keeps its descriptor while it sends its head.
    let before = cpu_time(server.pid());
    thread::sleep(Duration::from_millis(900));
    let spent = cpu_time(server.pid()).saturating_sub(before);
    assert!(spent < Duration::from_millis(400), "{spent:?} of CPU in 0.9 s");
    held.truncate(last);
    eventually("accepts again", PATIENCE, || {
        let mut client = server.connect();
        client.stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        client.send("GET /health HTTP/1.1\r\nHost: t\r\n\r\n");
        client.try_response_to("GET").map(|response| assert_eq!(response.status, 200))
    });
    let warnings =
        server.log().iter().filter(|line| line["target"] == "pcf_api::server::accept").count();
    assert_eq!(warnings, 1, "told once, not at each try");
}

#[test]
fn empty_lines_do_not_keep_the_reserve() {
    let server = Server::faulty(&[("SERVER__MAX_CONNECTIONS", "1")]);
    let mut normal = server.connect();
    assert_eq!(normal.get("/version").status, 200);
    let mut watcher = server.connect();
    let began = Instant::now();
    while watcher.try_send("\r\n") && watcher.is_open_after(Duration::from_millis(200)) {
        assert!(began.elapsed() < PATIENCE, "it is kept");
    }
}
