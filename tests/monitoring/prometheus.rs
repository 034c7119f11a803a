//! A real Prometheus that scrapes every second, and its answers.

use std::process::Command;
use std::time::{Duration, SystemTime};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::rules;
use super::sources::{Expression, list};
use super::support::client::Response;
use super::support::peers::{Folder, Process, free_port};
use super::support::{Client, eventually, find_tool};

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running Prometheus with the rules of the repository.
pub struct Prometheus {
    port: u16,
    _process: Process,
    _folder: Folder,
}

impl Prometheus {
    /// Scrapes each of these as a pod of a namespace, and the metrics of others as they are.
    pub fn start(pods: &[(&str, &str, u16)], external: u16) -> Self {
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
                .arg("--enable-feature=exemplar-storage")
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
    pub fn get(&self, path: &str) -> Response {
        let mut client = Client::connect(self.port);
        client.send(format!("GET {path} HTTP/1.0\r\n\r\n"));
        client.response()
    }

    /// An answer of its API.
    pub fn api(&self, path: &str) -> Value {
        self.get(&format!("/api/v1/{path}")).json()
    }

    /// The series that an expression returns, without those that are not a number.
    pub fn query(&self, expression: &str) -> Vec<Value> {
        let query = utf8_percent_encode(expression, NON_ALPHANUMERIC);
        let answer = self.api(&format!("query?query={query}"));
        assert_eq!(answer["status"], "success", "{expression}\n{answer}");
        let series = list(&answer["data"]["result"]);
        series.into_iter().filter(|series| series["value"][1] != "NaN").collect()
    }

    /// Waits until there are exemplars of an expression, each with its trace.
    pub fn expect_exemplars(&self, expression: &Expression) {
        let query = utf8_percent_encode(&expression.text, NON_ALPHANUMERIC);
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let path = format!("query_exemplars?query={query}&start={}&end={}", now - 600, now + 600);
        eventually(&format!("exemplars for {}", expression.origin), PATIENCE, || {
            let answer = self.api(&path);
            let trace = answer["data"][0]["exemplars"][0]["labels"]["trace_id"].as_str();
            trace.filter(|trace| trace.len() == 32).map(drop).ok_or(answer.to_string())
        });
    }

    /// Waits until an expression has data with all the labels of its legend.
    pub fn expect_data(&self, expression: &Expression) {
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

/// The labels between double braces.
fn placeholders(legend: &str) -> Vec<String> {
    legend
        .split("{{")
        .skip(1)
        .filter_map(|part| Some(part.split_once("}}")?.0.to_owned()))
        .collect()
}
