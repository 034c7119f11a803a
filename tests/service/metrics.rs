//! What is counted is what was asked; no client can make a series; and Prometheus' own tools and
//! Prometheus itself read it.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use super::support::peers::{Folder, Process, free_port};
use super::support::{PATIENCE, Server, eventually, find_tool, has_tool};

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
    eventually("open", PATIENCE, || match server.metric("http_connections_active") {
        2.0 => Ok(()),
        other => Err(other.to_string()),
    });
    let mut gone = server.connect();
    gone.send("GET /never HTTP/1.1\r\nHost: t\r\n\r\n");
    server.wait_in_flight(1);
    assert!(server.metric("process_open_fds") > 3.0);
}

#[test]
fn every_metric_of_the_documentation_is_scraped() {
    let server = Server::start(&[("DATABASE_URL", "tcp://127.0.0.1:1")]);
    server.get("/version");
    eventually("the first check", PATIENCE, || {
        let failures = server.health()["services"]["database"]["consecutive_failures"].as_u64();
        if failures > Some(0) { Ok(()) } else { Err(format!("{failures:?}")) }
    });
    let scraped = scrape(&server, "").1;
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md")).unwrap();
    // Those of a feature are tested with it.
    let page = page.split("\n## ").next().unwrap();
    let names: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(names.len(), 28);
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
    assert!(!text.contains("# EOF") && !text.contains("trace_id"), "{text}");
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
    let carries = |line: &&str| line.contains(" # {trace_id=\"");
    let carriers: Vec<&str> = text.lines().filter(carries).collect();
    let buckets = "http_request_duration_seconds_bucket{";
    assert!(carriers.iter().all(|line| line.starts_with(buckets)), "{carriers:?}");
    assert!(carriers.iter().any(|line| line.contains("route=\"/version\"")), "{text}");
}

const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const NOT_SAMPLED: &str = "00-5cf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

#[test]
fn prometheus_itself_scrapes_it_with_the_traces_of_sampled_requests() {
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
            .arg("--enable-feature=exemplar-storage")
            .arg(format!("--storage.tsdb.path={}", folder.0.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}")),
    );
    let api = |path: &str, parameters: &[String]| {
        let mut curl = Command::new(find_tool("curl").unwrap());
        curl.args(["--silent", "--noproxy", "*", "--get"]);
        for parameter in parameters {
            curl.arg("--data-urlencode").arg(parameter);
        }
        let output = curl.arg(format!("http://127.0.0.1:{port}/api/v1/{path}")).output().unwrap();
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap_or_default()
    };
    let ask = |query: &str| {
        let answer = api("query", &[format!("query={query}")]);
        answer["data"]["result"][0]["value"][1].as_str().unwrap_or("").to_owned()
    };
    eventually("up", PATIENCE, || match ask("up").as_str() {
        "1" => Ok(()),
        other => Err(other.to_owned()),
    });
    eventually("the scrapes counted", PATIENCE, || {
        match ask("sum(http_requests_total{route=\"/metrics\",status=\"200\"})").parse::<f64>() {
            Ok(count) if count >= 1.0 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    // Prometheus asks for OpenMetrics, so what it has read was that, and it has the traces.
    let mut client = server.connect();
    for (path, parent) in [("/version", SAMPLED), ("/nowhere", NOT_SAMPLED)] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: t\r\nTraceparent: {parent}\r\n\r\n"));
        client.response();
    }
    let query = "http_request_duration_seconds_bucket{route=~\"/version|none\"}";
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let span = [
        ("query", query.to_owned()),
        ("start", format!("{}", now - 60)),
        ("end", format!("{}", now + 600)),
    ];
    let span = span.map(|(name, value)| format!("{name}={value}"));
    let (found, _) = eventually("the exemplar", PATIENCE, || {
        let answer = api("query_exemplars", &span);
        let found = answer["data"].as_array().filter(|found| !found.is_empty());
        found.cloned().ok_or(answer.to_string())
    });
    let [series] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(series["seriesLabels"]["route"], "/version");
    let exemplar = &series["exemplars"][0];
    assert_eq!(exemplar["labels"], serde_json::json!({"trace_id": SAMPLED.split('-').nth(1)}));
    let number = |value: &serde_json::Value| value.as_str().unwrap().parse::<f64>().unwrap();
    let bound = number(&series["seriesLabels"]["le"]);
    assert!((0.0..=bound).contains(&number(&exemplar["value"])), "{series}");
    let at = exemplar["timestamp"].as_f64().unwrap();
    assert!((at - std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64()).abs() < 60.0);
}
