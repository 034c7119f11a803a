//! How many connections there may be and for how long: idle ones, too many of them, and a machine
//! without file descriptors.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::support::{Client, Server, binary, cpu_time, eventually, resident_kib};

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
fn empty_lines_do_not_keep_the_reserve() {
    let server = Server::faulty(&[("SERVER__MAX_CONNECTIONS", "1")]);
    let mut normal = server.connect();
    assert_eq!(normal.get("/version").status, 200);
    let mut watcher = server.connect();
    let began = Instant::now();
    while watcher.try_send("\r\n") && watcher.is_open_after(Duration::from_millis(200)) {
        assert!(began.elapsed() < Duration::from_secs(6), "it is kept");
    }
}
