//! A real Prometheus scrapes a service that does well and one that does everything wrong: every
//! expression of dashboard and adapter has data, and every alert sees its trouble, and only there.

use std::collections::BTreeSet;
use std::fs::File;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::promql::names;
use super::sources::{self, Expression, list, text};
use super::support::client::Response;
use super::support::peers::{Folder, Peer, Process, free_port};
use super::support::{Client, Server, binary, eventually, find_tool, has_tool};
use super::{read, rules};

/// Longer than any of it takes on a busy machine: scrapes come every second.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the calm service is asked, and what the other: errors, slowness, a panic, a flood of lines.
const EVERYDAY: [&str; 4] = ["/", "/version", "/nowhere", "/health/ready"];
const TROUBLE: [&str; 4] = ["/panic", "/fail", "/log/5000", "/sleep/1500"];

struct Prometheus {
    port: u16,
    _process: Process,
    _folder: Folder,
}

impl Prometheus {
    /// Scrapes each of these as a pod of a namespace, and the metrics of others as they are.
    fn start(pods: &[(&str, &str, u16)], external: u16) -> Self {
        let folder = Folder::new();
        rules::write_plain_rules(&folder);
        let targets: String = pods
            .iter()
            .map(|(namespace, pod, port)| {
                format!("{{targets: ['127.0.0.1:{port}'], labels: {{namespace: {namespace}, pod: {pod}}}}},")
            })
            .collect();
        let config = folder.file(
            "prometheus.yml",
            &format!(
                "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
                 rule_files: [rules.yaml]\n\
                 scrape_configs:\n\
                 - {{job_name: pcf-api, static_configs: [{targets}]}}\n\
                 - {{job_name: cluster, static_configs: [{{targets: ['127.0.0.1:{external}']}}]}}\n"
            ),
        );
        let port = free_port();
        let process = Process::spawn(
            Command::new(find_tool("prometheus").unwrap())
                .arg(format!("--config.file={config}"))
                .arg(format!("--storage.tsdb.path={}", folder.0.join("data").display()))
                .arg(format!("--web.listen-address=127.0.0.1:{port}")),
        );
        let prometheus = Self { port, _process: process, _folder: folder };
        eventually("Prometheus", PATIENCE, || {
            std::net::TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())?;
            match prometheus.get("/-/ready").status {
                200 => Ok(()),
                status => Err(status.to_string()),
            }
        });
        prometheus
    }

    /// HTTP/1.0, so that the answer ends with the connection.
    fn get(&self, path: &str) -> Response {
        let mut client = Client::connect(self.port);
        client.send(format!("GET {path} HTTP/1.0\r\n\r\n"));
        client.response()
    }

    fn api(&self, path: &str) -> Value {
        self.get(&format!("/api/v1/{path}")).json()
    }

    /// The series that an expression returns, without those that are not a number.
    fn query(&self, expression: &str) -> Vec<Value> {
        let query = utf8_percent_encode(expression, NON_ALPHANUMERIC);
        let answer = self.api(&format!("query?query={query}"));
        assert_eq!(answer["status"], "success", "{expression}\n{answer}");
        let series = list(&answer["data"]["result"]);
        series.into_iter().filter(|series| series["value"][1] != "NaN").collect()
    }

    /// Waits until an expression has data with all the labels of its legend.
    fn expect_data(&self, expression: &Expression) {
        eventually(
            &format!("data for {}: {}", expression.origin, expression.text),
            PATIENCE,
            || {
                let series = self.query(&expression.text);
                let first = series.first().ok_or("no data")?;
                for label in placeholders(&expression.legend) {
                    first["metric"][&label].as_str().ok_or(format!("no label {label}: {first}"))?;
                }
                Ok(())
            },
        );
    }
}

/// A service in every trouble: its critical dependency is down, few connections are allowed, its
/// handlers fail, and nobody reads its log.
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
                // Two that the test holds, one of Prometheus, one of the load.
                .env("SERVER__MAX_CONNECTIONS", "4")
                .env("DATABASE_URL", format!("tcp://127.0.0.1:{}", free_port()))
                .env("DEPENDENCIES__DATABASE__GRACE", "0s"),
        );
        Self { port, _process: process, _unread: unread, _folder: folder }
    }
}

/// The labels between double braces.
fn placeholders(legend: &str) -> Vec<String> {
    legend
        .split("{{")
        .skip(1)
        .filter_map(|part| Some(part.split_once("}}")?.0.to_owned()))
        .collect()
}

/// The metrics of the cluster, as a server on a socket tells them.
fn exposition(restarts: u8) -> Vec<u8> {
    let of_the_bad_pod = "pod=\"pcf-api-1\",container=\"pcf-api\"} 0\n";
    let text = read("tests/monitoring/external.prom");
    assert!(text.contains(of_the_bad_pod), "external.prom: the restarts begin at 0");
    let text =
        text.replace(of_the_bad_pod, &of_the_bad_pod.replace("0\n", &format!("{restarts}\n")));
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n{text}").into_bytes()
}

/// Requests that users might send, until told to stop.
fn load(port: u16, paths: &[&str], pause: Duration, stop: &AtomicBool) {
    let mut client = Client::connect(port);
    while !stop.load(Relaxed) {
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
        ("DEPENDENCIES__CACHE__URL", &cache_url),
        ("DEPENDENCIES__CACHE__CRITICALITY", "optional"),
    ]);
    let storm = Storm::start();
    let cluster = Peer::start(None);
    *cluster.behaviour.answer.lock().unwrap() = Some(exposition(0));
    let gone = free_port();
    let prometheus = Prometheus::start(
        &[
            ("calm", "pcf-api-0", calm.port),
            ("storm", "pcf-api-1", storm.port),
            ("storm", "pcf-api-2", gone),
        ],
        cluster.port,
    );
    // What only ever grows has to be seen before it grows.
    for metric in ["http_panics_total{namespace=\"storm\"}", "kube_deployment_spec_replicas"] {
        eventually(metric, PATIENCE, || prometheus.query(metric).pop().ok_or("not scraped".into()));
    }
    *cluster.behaviour.answer.lock().unwrap() = Some(exposition(3));

    let _held: Vec<Client> = (0..2).map(|_| Client::connect(storm.port)).collect();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| load(calm.port, &EVERYDAY, Duration::from_millis(5), &stop));
        scope.spawn(|| load(storm.port, &TROUBLE, Duration::ZERO, &stop));
        let checks = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            sources::queries().iter().for_each(|query| prometheus.expect_data(query));
            every_alert_sees_its_trouble(&prometheus);
            the_autoscaler_gets_the_rate_of_each_pod(&prometheus);
        }));
        stop.store(true, Relaxed);
        checks.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

fn every_alert_sees_its_trouble(prometheus: &Prometheus) {
    for expression in sources::alert_expressions() {
        for selector in names(&expression.text).selectors {
            let origin = expression.origin.clone();
            prometheus.expect_data(&Expression {
                origin,
                text: selector.text,
                legend: String::new(),
            });
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
                let is_whole = !summary.contains("<") && !summary.contains("  ");
                assert!(is_whole && !summary.contains("/ "), "{summary}");
            }
        }
    }
}

fn the_autoscaler_gets_the_rate_of_each_pod(prometheus: &Prometheus) {
    let rule = sources::queries().into_iter().rfind(|query| query.origin == sources::ADAPTER);
    let series = prometheus.query(&rule.unwrap().text);
    assert_eq!(series.len(), 1, "{series:?}");
    assert_eq!(series[0]["metric"], serde_json::json!({"pod": "pcf-api-0"}));
    let rate: f64 = text(&series[0]["value"][1]).parse().unwrap();
    assert!(rate > 10.0, "{rate} requests a second, under load");
}
