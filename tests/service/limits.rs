//! Clients that send too much, too slowly, or never read; too many of them; and a machine without
//! file descriptors. Each is answered or cut within its time, and the service goes on.

use std::io::Read;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::support::{Client, Server, binary, cpu_time, eventually, resident_kib};

#[test]
fn a_half_sent_head_is_408_after_its_timeout() {
    let server = Server::start(&[("SERVER__HEADER_READ_TIMEOUT", "500ms")]);
    for sent in
        ["G", "P", "PRI * HT", "GET /version HTTP/1.1\r\nHost: te", "GET /version HTTP/1.1\r\n"]
    {
        let mut client = server.connect();
        client.send(sent);
        let began = Instant::now();
        let response = client.response();
        let took = began.elapsed().as_millis();
        assert_eq!(response.error(), (408, "REQUEST_TIMEOUT".into()));
        assert_eq!(response.header("connection"), Some("close"));
        assert!((450..1500).contains(&took), "{took} ms after {sent:?}");
        assert_eq!(client.rest_until_close(), b"");
    }
    let sample = "http_requests_total{method=\"other\",route=\"none\",status=\"408\"}";
    assert!((server.metric(sample) - 5.0).abs() < 0.1);
}

#[test]
fn a_head_that_drips_is_408_too_and_so_is_the_second_of_a_connection() {
    let server = Server::start(&[("SERVER__HEADER_READ_TIMEOUT", "1s")]);
    let mut client = server.connect();
    assert_eq!(client.get("/version").status, 200);
    let began = Instant::now();
    let mut drip =
        "GET /version HTTP/1.1\r\nHost: test\r\nX: ".bytes().chain(std::iter::repeat(b'x'));
    while client.try_send([drip.next().unwrap()]) && began.elapsed() < Duration::from_secs(4) {
        thread::sleep(Duration::from_millis(100));
        if !client.is_open_after(Duration::from_millis(1)) {
            break;
        }
    }
    let took = began.elapsed().as_millis();
    assert!((900..2500).contains(&took), "{took} ms");
}

#[test]
fn an_idle_connection_is_closed_after_keep_alive_and_not_before() {
    let server = Server::start(&[
        ("SERVER__KEEP_ALIVE_TIMEOUT", "2500ms"),
        ("SERVER__HEADER_READ_TIMEOUT", "500ms"),
    ]);
    let mut fresh = server.connect();
    let mut used = server.connect();
    assert_eq!(used.get("/version").status, 200);
    assert!(used.is_open_after(Duration::from_millis(1500)), "the header timeout is not for it");
    assert_eq!(used.get("/version").status, 200, "taken up again from where it rested");
    let began = Instant::now();
    assert_eq!(used.rest_until_close(), b"");
    let took = began.elapsed().as_millis();
    assert!((2300..4500).contains(&took), "{took} ms");
    assert_eq!(fresh.rest_until_close(), b"", "one that never asked");
}

#[test]
fn an_oversized_head_is_431_or_closed_and_takes_no_memory() {
    let server =
        Server::start(&[("SERVER__MAX_HEADER_BYTES", "2KiB"), ("SERVER__MAX_URI_BYTES", "1KiB")]);
    let field =
        |bytes: usize| format!("GET / HTTP/1.1\r\nHost: t\r\nX: {}\r\n\r\n", "x".repeat(bytes));
    let mut client = server.connect();
    client.send(field(1900));
    assert_eq!(client.response().status, 200, "on the same connection");
    client.send(field(3000));
    assert_eq!(client.response().error(), (431, "HEADER_FIELDS_TOO_LARGE".into()));

    let before = resident_kib(server.pid());
    for _ in 0..20 {
        let mut endless = server.connect();
        endless.send("GET / HTTP/1.1\r\nHost: t\r\nX: ");
        let piece = "x".repeat(64 * 1024);
        for _ in 0..200 {
            if !endless.try_send(&piece) {
                break;
            }
        }
        let answer = String::from_utf8(endless.rest_until_close()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
    }
    let grown = resident_kib(server.pid()).saturating_sub(before);
    assert!(grown < 4 * 1024, "{grown} KiB more");
    let sample = "http_requests_total{method=\"other\",route=\"none\",status=\"431\"}";
    assert!((server.metric(sample) - 20.0).abs() < 0.1, "what the parser refused is counted");

    let mut uri = server.connect();
    uri.send(format!("GET /{} HTTP/1.1\r\nHost: t\r\n\r\n", "x".repeat(2000)));
    assert_eq!(uri.response().error(), (414, "URI_TOO_LONG".into()));
    let mut garbage = server.connect();
    garbage.send(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03");
    assert!(garbage.rest_until_close().starts_with(b"HTTP/1.1 400 "));
}

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
fn a_client_that_never_reads_is_cut_and_takes_little_memory() {
    let server = Server::faulty(&[("SERVER__REQUEST_TIMEOUT", "1s")]);
    assert_eq!(server.get("/version").status, 200);
    let before = resident_kib(server.pid());
    let clients: Vec<Client> = (0..20)
        .map(|n| {
            let mut client = server.connect();
            let path = if n % 2 == 0 { "/endless" } else { "/bytes/50000000" };
            client.send(format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n"));
            client
        })
        .collect();
    eventually("all in flight", Duration::from_secs(5), || {
        let active = server.metric("http_connections_active");
        if active > 20.0 { Ok(()) } else { Err(active.to_string()) }
    });
    let ((), took) = eventually("all cut", Duration::from_secs(10), || {
        let active = server.metric("http_connections_active");
        if active < 2.0 { Ok(()) } else { Err(active.to_string()) }
    });
    assert!(took < Duration::from_secs(5), "{took:?}");
    drop(clients);
    let grown = resident_kib(server.pid()).saturating_sub(before);
    // Ten whole bodies of 50 MB were the handler's own, and are given back.
    assert!(grown < 64 * 1024, "{grown} KiB more");
    assert_eq!(server.get("/version").status, 200);
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
        thread::sleep(Duration::from_millis(250));
    }
    let each = resident_kib(server.pid()).saturating_sub(before) / (COUNT / 100);
    assert!(each < 600, "{each} KiB for a hundred connections");
    assert_eq!(idle[0].get("/version").status, 200);
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
        chunked.send(format!("4000\r\n{}\r\n", "x".repeat(16 * 1024)));
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
    let server = Server::faulty(&[("SERVER__REQUEST_TIMEOUT", "2s")]);
    let (head, body) = ("POST /store HTTP/1.1\r\nHost: t\r\n", "GET /version HTTP/1.1\r\n\r\n");
    let mut client = server.connect();
    client.send(format!("{head}Content-Length: {}\r\n\r\n", 2 * body.len()));
    client.send(body);
    let response = client.response();
    assert_eq!((response.status, response.header("connection")), (204, Some("close")));
    // Longer than a connection has to be quiet to be taken back from hyper.
    thread::sleep(Duration::from_millis(500));
    client.send(body);
    let stored =
        server.log_line("stored", Duration::from_secs(2), |line| line["message"] == "stored");
    assert_eq!(stored.0["bytes"], 2 * body.len());
    assert_eq!(client.rest_until_close(), b"", "what came later was taken for no request");

    let mut never = server.connect();
    never.send(format!("{head}Content-Length: 100\r\n\r\nhalf"));
    assert_eq!(never.response().status, 204);
    let began = Instant::now();
    assert_eq!(never.rest_until_close(), b"");
    let took = began.elapsed().as_millis();
    assert!((1900..4000).contains(&took), "{took} ms");
    server.log_line("not stored", Duration::from_secs(2), |line| {
        line["message"] == "not stored" && line["code"] == "InvalidInput"
    });
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
fn a_client_that_reads_slowly_gets_all_of_it() {
    let server = Server::faulty(&[("SERVER__REQUEST_TIMEOUT", "1s")]);
    let mut client = server.connect();
    client.send("GET /bytes/3000000 HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    let mut total = 0;
    let mut buffer = vec![0; 100_000];
    loop {
        use std::io::Read;
        match client.stream.read(&mut buffer).unwrap() {
            0 => break,
            count => total += count,
        }
        thread::sleep(Duration::from_millis(60));
    }
    assert!(total > 3_000_000, "{total} bytes, over more than the timeout");
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
    let mut clients: Vec<Client> = (0..10).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send("GET /event HTTP/1.1\r\nHost: t\r\n\r\n");
    }
    let in_flight = |count: f64| {
        eventually("requests in flight", Duration::from_secs(5), || {
            // The scrape is one of them.
            let found = server.metric("http_requests_in_flight") - 1.0;
            if (found - count).abs() < 0.1 { Ok(()) } else { Err(found.to_string()) }
        });
    };
    in_flight(10.0);
    // Those that have read what came leave by FIN, the others by RST.
    for client in clients.iter_mut().step_by(2) {
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n.\r\n") {
            let mut bytes = [0; 1024];
            let count = client.stream.read(&mut bytes).unwrap();
            answer.extend_from_slice(&bytes[..count]);
        }
    }
    drop(clients);
    in_flight(0.0);
}

#[test]
fn past_the_connection_limit_health_and_metrics_still_answer() {
    let server = Server::faulty(&[("SERVER__MAX_CONNECTIONS", "4")]);
    let mut held: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    for client in &mut held {
        assert_eq!(client.get("/version").status, 200);
    }
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
    assert_eq!(held[0].get("/version").status, 200, "those within the limit notice nothing");
    held.pop();
    eventually("served again", Duration::from_secs(5), || {
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
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    drop(held);
}

#[test]
fn past_the_reserve_new_connections_wait_in_the_kernel() {
    let server =
        Server::start(&[("SERVER__MAX_CONNECTIONS", "1"), ("SERVER__KEEP_ALIVE_TIMEOUT", "30s")]);
    let mut first = server.connect();
    assert_eq!(first.get("/version").status, 200);
    // Silent ones fill the reserve; each is let go after a second.
    let silent: Vec<Client> = (0..64).map(|_| server.connect()).collect();
    let began = Instant::now();
    let mut waiting = server.connect();
    assert_eq!(waiting.get("/health").status, 200);
    let waited = began.elapsed().as_millis();
    assert!((500..4000).contains(&waited), "{waited} ms: it waited, and came in");
    drop(silent);
}

#[test]
fn without_file_descriptors_the_server_waits_without_spinning_and_recovers() {
    let mut command = Command::new("bash");
    command.arg("-c").arg(format!("ulimit -n 40; exec {}", binary("pcf-api").display()));
    let server = Server::launch(command, &[]);
    let mut first = server.connect();
    assert_eq!(first.get("/version").status, 200);
    let mut held: Vec<Client> = (0..60).map(|_| server.connect()).collect();
    server.log_line("no connection can be accepted", Duration::from_secs(5), |line| {
        line["message"].as_str().is_some_and(|m| m.starts_with("no connection can be accepted"))
    });
    let before = cpu_time(server.pid());
    thread::sleep(Duration::from_secs(3));
    let spent = cpu_time(server.pid()).saturating_sub(before);
    assert!(spent < Duration::from_millis(150), "{spent:?} of CPU in 3 s");
    assert_eq!(first.get("/version").status, 200, "those that are open are served");
    held.truncate(10);
    let ((), took) = eventually("accepts again", Duration::from_secs(5), || {
        let mut client = server.connect();
        client.stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        client.send("GET /version HTTP/1.1\r\nHost: t\r\n\r\n");
        client.try_response_to("GET").map(|response| assert_eq!(response.status, 200))
    });
    assert!(took < Duration::from_secs(5), "{took:?}");
    let warnings =
        server.log().iter().filter(|line| line["target"] == "pcf_api::server::accept").count();
    assert_eq!(warnings, 1, "told once, not at each try");
}

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
