//! The management port: those who watch the service have it to themselves.

use std::process::Command;
use std::time::{Duration, Instant};

use super::support::{Client, PATIENCE, Server, binary, run};

fn start(environment: &[(&str, &str)]) -> (Server, u16) {
    let mut all = vec![("SERVER__MANAGEMENT_PORT", "0")];
    all.extend(environment);
    let server = Server::launch(Command::new(binary("faults")), &all);
    let (line, _) = server.log_line("listening", PATIENCE, |line| line["message"] == "listening");
    let port = line["management"].as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap();
    (server, port)
}

#[test]
fn each_port_serves_its_own() {
    let (server, port) = start(&[]);
    let management = |path: &str| Client::connect(port).get(path).status;
    for (path, public, own) in [
        ("/", 404, 200),
        ("/metrics", 404, 200),
        ("/health/ready", 404, 200),
        ("/health", 200, 200),
        ("/version", 200, 200),
        ("/hello/Ada", 200, 404),
    ] {
        assert_eq!((server.get(path).status, management(path)), (public, own), "{path}");
    }
    let scrape = Client::connect(port).get("/metrics").text();
    for part in [
        "http_requests_total{method=\"GET\",route=\"/hello/{name}\",status=\"200\"} 1",
        "http_requests_total{method=\"GET\",route=\"/health/ready\",status=\"200\"} 1",
    ] {
        assert!(scrape.contains(part), "{part:?} is not in {scrape}");
    }
    assert_eq!(server.stop(), 0);
}

#[test]
fn the_public_port_s_connections_cannot_starve_it() {
    let (server, port) = start(&[("SERVER__MAX_CONNECTIONS", "1"), ("SERVER__WORKERS", "1")]);
    // One place and the reserve of 64 are taken, and more wait in the kernel's queue.
    let mut crowd: Vec<Client> = (0..80).map(|_| server.connect()).collect();
    for client in &mut crowd {
        client.send("GET /sleep/20000 HTTP/1.1\r\nHost: test\r\n");
    }
    let mut kept = Client::connect(port);
    for path in ["/health", "/health/ready", "/metrics", "/"] {
        let began = Instant::now();
        assert_eq!(kept.get(path).status, 200, "{path}");
        assert_eq!(Client::connect(port).get(path).status, 200, "{path}");
        assert!(began.elapsed() < Duration::from_secs(5), "{path}: {:?}", began.elapsed());
    }
}

#[test]
fn the_health_check_asks_it_and_the_two_ports_are_two() {
    let (server, port) = start(&[]);
    let environment =
        [("SERVER__PORT", server.port.to_string()), ("SERVER__MANAGEMENT_PORT", port.to_string())];
    let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
    for arguments in [&["healthcheck"][..], &["healthcheck", "--live"]] {
        let checked = run(arguments, &environment);
        assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    }
    let same = run(&["config", "--check"], &[("PORT", "99"), ("SERVER__MANAGEMENT_PORT", "99")]);
    assert_eq!(same.status.code(), Some(2));
    let told = String::from_utf8_lossy(&same.stderr).into_owned();
    assert!(told.contains("the same as server.port"), "{told}");
}

#[test]
fn it_reports_until_the_end_of_the_drain() {
    let (mut server, port) = start(&[("SERVER__DRAIN_DELAY", "4s")]);
    let mut kept = Client::connect(port);
    assert_eq!(kept.get("/health/ready").status, 200);
    server.signal("TERM");
    server.log_line("draining", PATIENCE, |line| {
        line["message"].as_str().is_some_and(|message| message.starts_with("draining"))
    });
    assert_eq!(Client::connect(port).get("/health/ready").json()["status"], "draining");
    assert_eq!(Client::connect(port).get("/health").status, 200);
    let (status, took) = server.wait(PATIENCE);
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(12), "a connection that is quiet holds nothing: {took:?}");
}
