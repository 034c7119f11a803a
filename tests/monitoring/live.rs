//! A real Prometheus scrapes a service that does well and one that does everything wrong: every
//! expression of dashboard and adapter has data, and every alert sees its trouble, and only there.

use std::collections::BTreeSet;
use std::fs::File;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use super::prometheus::{PATIENCE, Prometheus};
use super::promql::names;
use super::read;
use super::sources::{self, Expression, list, text};
use super::support::peers::{Folder, Peer, Process, free_port};
use super::support::{Client, Server, binary, eventually, has_tool};

/// What the calm service is asked, and what the other: errors, slowness, a panic, a flood of lines.
const EVERYDAY: [&str; 4] = ["/", "/version", "/nowhere", "/health/ready"];
const TROUBLE: [&str; 4] = ["/panic", "/fail", "/log/5000", "/sleep/1500"];

/// A port on which nothing listens, and that no other test is given.
const NOBODY: u16 = 1;

/// What who waits in vain asks the other one, while a slow handler has the only place.
const IN_VAIN: [&str; 1] = ["/version"];

/// However slow the machine is, nothing waits too long for its turn.
const NO_QUEUE: (&str, &str) = ("SERVER__MAX_QUEUE_TIME", "1h");

/// A service in every trouble: its critical dependency is down, few connections and one request that
/// waits are allowed, its handlers fail, and nobody reads its log.
struct Storm {
    port: u16,
    _process: Process,
    _unread: File,
    _folder: Folder,
}

impl Storm {
    fn start() -> Self {
        let (folder, port) = (Folder::new(), free_port());
        let pipe = folder.0.join("log");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let unread = File::options().read(true).write(true).open(&pipe).unwrap();
        let process = Process::spawn(
            Command::new("sh")
                .args(["-c", "exec \"$0\" 2>\"$1\""])
                .args([binary("faults"), pipe])
                .env_clear()
                .env("PORT", port.to_string())
                .env("SERVER__HOST", "127.0.0.1")
                // Two of those who ask in vain, one of Prometheus, one of the load.
                .env("SERVER__MAX_CONNECTIONS", "4")
                .env("SERVER__MAX_IN_FLIGHT", "1")
                .env(NO_QUEUE.0, NO_QUEUE.1)
                .env("DATABASE_URL", format!("tcp://127.0.0.1:{NOBODY}"))
                .env("DEPENDENCIES__DATABASE__GRACE", "0s"),
        );
        Self { port, _process: process, _unread: unread, _folder: folder }
    }
}

/// The metrics of the cluster, as a server on a socket tells them.
fn exposition(restarts: u8) -> Vec<u8> {
    let of_the_bad_pod = "pod=\"pcf-api-7c9f8d6b54-x2k9q\",container=\"pcf-api\"} 0\n";
    let text = read("tests/monitoring/external.prom");
    assert!(text.contains(of_the_bad_pod), "external.prom: the restarts begin at 0");
    let text =
        text.replace(of_the_bad_pod, &of_the_bad_pod.replace("0\n", &format!("{restarts}\n")));
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n{text}").into_bytes()
}

/// Ends the load when the checks are done, or have failed.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Requests that users might send, until it is over.
fn load(port: u16, paths: &[&str], pause: Duration, is_over: &AtomicBool) {
    let mut client = Client::connect(port);
    while !is_over.load(Relaxed) {
        for path in paths {
            client.get(path);
        }
        thread::sleep(pause);
    }
}

#[test]
fn every_expression_has_data_and_every_alert_sees_its_trouble() {
    if !has_tool("prometheus") {
        return;
    }
    let cache = Peer::start(Some("+PONG\r\n"));
    let cache_url = format!("tcp://127.0.0.1:{}", cache.port);
    let calm = Server::start(&[
        NO_QUEUE,
        ("DEPENDENCIES__CACHE__URL", &cache_url),
        ("DEPENDENCIES__CACHE__CRITICALITY", "optional"),
    ]);
    let storm = Storm::start();
    let cluster = Peer::start(None);
    *cluster.behaviour.answer.lock().unwrap() = Some(exposition(0));
    let prometheus = Prometheus::start(
        &[
            ("calm", "pcf-api-7c9f8d6b54-m4wtz", calm.port),
            ("storm", "pcf-api-7c9f8d6b54-x2k9q", storm.port),
            ("storm", "pcf-api-7c9f8d6b54-qq7zp", NOBODY),
        ],
        cluster.port,
    );
    // What only ever grows has to be seen before it grows.
    for metric in ["http_panics_total{namespace=\"storm\"}", "kube_deployment_spec_replicas"] {
        eventually(metric, PATIENCE, || prometheus.query(metric).pop().ok_or("not scraped".into()));
    }
    *cluster.behaviour.answer.lock().unwrap() = Some(exposition(3));

    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _end = End(&is_over);
        scope.spawn(|| load(calm.port, &EVERYDAY, Duration::from_millis(5), &is_over));
        scope.spawn(|| load(storm.port, &TROUBLE, Duration::ZERO, &is_over));
        for _ in 0..2 {
            scope.spawn(|| load(storm.port, &IN_VAIN, Duration::from_millis(500), &is_over));
        }
        for query in sources::queries() {
            prometheus.expect_data(&query);
        }
        let exemplars = sources::exemplars();
        assert_eq!(exemplars.len(), 1, "the chart of response times asks once");
        for query in &exemplars {
            prometheus.expect_exemplars(query);
        }
        pods_are_named_by_their_ends(&prometheus);
        every_alert_sees_its_trouble(&prometheus);
        the_autoscaler_gets_the_rate_of_each_pod(&prometheus);
    });
}

/// Whole names of ten pods would leave a chart no room.
fn pods_are_named_by_their_ends(prometheus: &Prometheus) {
    let mut by_pod = sources::panels();
    by_pod.retain(|panel| panel.legend.contains("{{pod}}"));
    assert!(!by_pod.is_empty(), "no panel shows pods");
    for panel in by_pod {
        for series in prometheus.query(&panel.text) {
            let pod = text(&series["metric"]["pod"]);
            assert!(["m4wtz", "x2k9q"].contains(&pod.as_str()), "{}: {pod}", panel.origin);
        }
    }
}

fn every_alert_sees_its_trouble(prometheus: &Prometheus) {
    for expression in sources::alert_expressions() {
        for selector in names(&expression.text).selectors {
            let origin = expression.origin.clone();
            let legend = String::new();
            prometheus.expect_data(&Expression { origin, text: selector.text, legend });
        }
    }
    let expected: BTreeSet<(String, String)> = sources::alerts()
        .iter()
        .map(|alert| text(&alert["alert"]))
        .map(|name| match name.as_str() {
            "PcfApiTargetMissing" => (name, "gone".to_owned()),
            _ => (name, "storm".to_owned()),
        })
        .collect();
    eventually("the alerts", PATIENCE, || {
        let alerts = list(&prometheus.api("alerts")["data"]["alerts"]);
        let found: BTreeSet<(String, String)> = alerts
            .iter()
            .map(|alert| &alert["labels"])
            .map(|labels| (text(&labels["alertname"]), text(&labels["namespace"])))
            .collect();
        if found == expected {
            return Ok(());
        }
        let (missing, wrong) = (expected.difference(&found), found.difference(&expected));
        Err(format!(
            "silent: {:?}, false: {:?}",
            missing.collect::<Vec<_>>(),
            wrong.collect::<Vec<_>>()
        ))
    });
    for group in list(&prometheus.api("rules")["data"]["groups"]) {
        for rule in list(&group["rules"]) {
            assert_eq!(rule["health"], "ok", "{rule}");
            for alert in list(&rule["alerts"]) {
                let summary = text(&alert["annotations"]["summary"]);
                let is_whole = !summary.contains('<') && !summary.contains("  ");
                assert!(is_whole && !summary.contains("/ "), "{summary}");
            }
        }
    }
}

fn the_autoscaler_gets_the_rate_of_each_pod(prometheus: &Prometheus) {
    let rule = sources::queries().into_iter().rfind(|query| query.origin == sources::ADAPTER);
    let series = prometheus.query(&rule.unwrap().text);
    assert_eq!(series.len(), 1, "{series:?}");
    assert_eq!(series[0]["metric"], serde_json::json!({"pod": "pcf-api-7c9f8d6b54-m4wtz"}));
    let rate: f64 = text(&series[0]["value"][1]).parse().unwrap();
    assert!(rate > 0.0, "{rate} requests a second, under load");
}
