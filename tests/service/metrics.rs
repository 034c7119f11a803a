//! What is counted is what was asked; no client can make a series; and Prometheus' own tools and
//! Prometheus itself read it.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::support::peers::{Folder, Process, free_port};
use super::support::{Server, eventually, find_tool, has_tool};

fn scrape(server: &Server, accept: &str) -> (String, String) {
    let mut client = server.connect();
    client.send(format!("GET /metrics HTTP/1.1\r\nHost: t\r\nAccept: {accept}\r\n\r\n"));
    let response = client.response();
    (response.header("content-type").unwrap().to_owned(), response.text())
}

/// The names and labels of all samples, without their values.
fn series(text: &str) -> BTreeSet<String> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

/// A cheap source of variety; the same in each run.
fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

#[test]
fn twenty_thousand_odd_requests_make_no_series() {
    let server = Server::start(&[("RUST_LOG", "info,access=off")]);
    let ask = |seed: &mut u64, count: usize| {
        let mut client = server.connect();
        for _ in 0..count {
            let method = match next(seed) % 12 {
                n @ 0..8 => ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
                    [usize::try_from(n).unwrap()]
                .to_owned(),
                _ => format!("M{}", next(seed) % 100_000),
            };
            let path = match next(seed) % 4 {
                0 => format!("/{:x}", next(seed)),
                1 => format!("/version?{:x}={:x}", next(seed), next(seed)),
                2 => format!("/version/{}", next(seed)),
                _ => "/version".to_owned(),
            };
            let host = next(seed);
            client.send(format!(
                "{method} {path} HTTP/1.1\r\nHost: h{host:x}.test\r\nUser-Agent: {host}\r\n\r\n"
            ));
            let status = client.response_to(&method).status;
            assert!([200, 204, 404, 405].contains(&status), "{status}");
        }
    };
    let mut seed = 42;
    ask(&mut seed, 2000);
    // The first scrape makes the series of scrapes themselves.
    scrape(&server, "");
    let before = series(&scrape(&server, "").1);
    ask(&mut seed, 20_000);
    let after = series(&scrape(&server, "").1);
    let known: BTreeSet<_> = after.difference(&before).collect();
    assert!(known.is_empty(), "new series: {known:?}");
    for sample in &after {
        let name = sample.split('{').next().unwrap();
        let count = after.iter().filter(|other| other.split('{').next() == Some(name)).count();
        assert!(count <= 1000, "{count} series of {name}");
        for invented in ["version/", "test", "=\"M", "?"] {
            assert!(!sample.contains(invented), "{sample}");
        }
    }
}

#[test]
fn counters_are_the_requests_that_were_sent() {
    let server = Server::faulty(&[]);
    let mut client = server.connect();
    for _ in 0..57 {
        client.get("/version");
    }
    for _ in 0..3 {
        client.request("HEAD", "/version");
        client.get("/nope");
        client.request("DELETE", "/version");
    }
    client.get("/hello/a?secret=1");
    client.get("/hello/b");
    client.get("/sleep/30");
    client.get("/panic");
    for (sample, value) in [
        ("http_requests_total{method=\"GET\",route=\"/version\",status=\"200\"}", 57.0),
        ("http_requests_total{method=\"HEAD\",route=\"/version\",status=\"200\"}", 3.0),
        ("http_requests_total{method=\"GET\",route=\"none\",status=\"404\"}", 3.0),
        ("http_requests_total{method=\"DELETE\",route=\"none\",status=\"405\"}", 3.0),
        ("http_requests_total{method=\"GET\",route=\"/hello/{name}\",status=\"200\"}", 2.0),
        ("http_requests_total{method=\"GET\",route=\"/panic\",status=\"500\"}", 1.0),
        ("http_request_duration_seconds_count{method=\"GET\",route=\"/version\"}", 57.0),
        (
            "http_request_duration_seconds_bucket{method=\"GET\",route=\"/sleep/{ms}\",le=\"0.025\"}",
            0.0,
        ),
        (
            "http_request_duration_seconds_bucket{method=\"GET\",route=\"/sleep/{ms}\",le=\"+Inf\"}",
            1.0,
        ),
        ("http_requests_in_flight", 1.0),
        ("http_panics_total", 1.0),
        ("log_lines_dropped_total", 0.0),
        ("health_status{status=\"healthy\"}", 1.0),
    ] {
        let found = server.metric(sample);
        assert!((found - value).abs() < 1e-9, "{sample}: {found}, not {value}");
    }
    // This client's and the scrape's own; the one of the scrape before may take a moment to go.
    eventually("open", Duration::from_secs(2), || match server.metric("http_connections_active") {
        2.0 => Ok(()),
        other => Err(other.to_string()),
    });
    let mut gone = server.connect();
    gone.send("GET /never HTTP/1.1\r\nHost: t\r\n\r\n");
    eventually("in flight", Duration::from_secs(2), || {
        match server.metric("http_requests_in_flight") {
            2.0 => Ok(()),
            other => Err(other.to_string()),
        }
    });
    assert!(server.metric("process_open_fds") > 3.0);
}

#[test]
fn every_metric_of_the_documentation_is_scraped() {
    let url = format!("tcp://127.0.0.1:{}", free_port());
    let server = Server::start(&[("DATABASE_URL", &url)]);
    server.get("/version");
    eventually("the first check", Duration::from_secs(5), || {
        let failures = server.health()["services"]["database"]["consecutive_failures"].as_u64();
        if failures > Some(0) { Ok(()) } else { Err(format!("{failures:?}")) }
    });
    let scraped = scrape(&server, "").1;
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md")).unwrap();
    let names: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(names.len(), 19);
    for name in names {
        let is_there = scraped.lines().any(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ', '_']))
        });
        assert!(is_there, "{name} is not in:\n{scraped}");
    }
}

#[test]
fn promtool_finds_no_fault_in_either_format() {
    if !has_tool("promtool") {
        return;
    }
    let server = Server::start(&[("DATABASE_URL", "tcp://127.0.0.1:1")]);
    server.get("/version");
    let (media_type, text) = scrape(&server, "*/*");
    assert_eq!(media_type, "text/plain; version=0.0.4; charset=utf-8");
    assert!(!text.contains("# EOF"));
    let mut check = Command::new(find_tool("promtool").unwrap())
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    check.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = check.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.trim().is_empty(), "{told}\n{text}");

    let (media_type, text) =
        scrape(&server, "application/openmetrics-text;version=1.0.0,*/*;q=0.1");
    assert_eq!(media_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(text.ends_with("# EOF\n"));
    assert!(text.contains("# TYPE http_requests counter\n"), "{text}");
}

#[test]
fn prometheus_itself_scrapes_it() {
    if !has_tool("prometheus") || !has_tool("curl") {
        return;
    }
    let server = Server::start(&[]);
    let folder = Folder::new();
    let config = folder.file(
        "prometheus.yml",
        &format!(
            "scrape_configs: [{{job_name: pcf-api, scrape_interval: 1s, static_configs: \
             [{{targets: ['127.0.0.1:{}']}}]}}]\n",
            server.port
        ),
    );
    let port = free_port();
    let _prometheus = Process::spawn(
        Command::new(find_tool("prometheus").unwrap())
            .arg(format!("--config.file={config}"))
            .arg(format!("--storage.tsdb.path={}", folder.0.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}")),
    );
    let ask = |query: &str| {
        let output = Command::new(find_tool("curl").unwrap())
            .args(["--silent", "--noproxy", "*", "--get", "--data-urlencode"])
            .arg(format!("query={query}"))
            .arg(format!("http://127.0.0.1:{port}/api/v1/query"))
            .output()
            .unwrap();
        serde_json::from_slice::<serde_json::Value>(&output.stdout)
            .map(|answer| answer["data"]["result"][0]["value"][1].as_str().unwrap_or("").to_owned())
            .unwrap_or_default()
    };
    eventually("up", Duration::from_secs(20), || match ask("up").as_str() {
        "1" => Ok(()),
        other => Err(other.to_owned()),
    });
    eventually("the scrapes counted", Duration::from_secs(10), || {
        match ask("sum(http_requests_total{route=\"/metrics\",status=\"200\"})").parse::<f64>() {
            Ok(count) if count >= 1.0 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    // Prometheus asks for OpenMetrics, so what it has read was that.
    server.log_line("scraped", Duration::from_secs(1), |line| line["message"] == "listening");
}
