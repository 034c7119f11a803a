//! OpenTelemetry's collector as a process, and the spans that it got.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

#[cfg(feature = "tls")]
use super::service::tls::certificates::Pair;
use super::support::peers::{Folder, Process, free_port};
use super::support::{PATIENCE, eventually, has_tool};

/// Made once: the first time it takes Go two minutes, later nothing.
fn binary() -> Option<&'static PathBuf> {
    static BINARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let build = || {
        has_tool("go").then(|| {
            let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("collector");
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/otlp/collector");
            let mut go = Command::new("go");
            go.args(["build", "-o"]).arg(&path).arg(".").current_dir(folder);
            assert!(go.status().unwrap().success(), "{go:?}");
            path
        })
    };
    BINARY.get_or_init(build).as_ref()
}

/// A collector that writes what it gets to a file.
pub struct Collector {
    pub port: u16,
    folder: Folder,
    /// The line of the configuration about TLS, where it speaks that.
    tls: String,
    process: Option<Process>,
}

/// A span as it arrived.
#[derive(Clone, Debug)]
pub struct Span {
    pub trace_id: String,
    pub span_id: String,
    pub parent_id: String,
    pub name: String,
    pub json: Value,
    pub attributes: BTreeMap<String, String>,
    pub resource: BTreeMap<String, String>,
}

impl Collector {
    /// None where there is no Go.
    pub fn start() -> Option<Self> {
        let mut collector = Self::planned()?;
        collector.begin();
        Some(collector)
    }

    /// One that does not run yet.
    pub fn planned() -> Option<Self> {
        binary()?;
        Some(Self { port: free_port(), folder: Folder::new(), tls: String::new(), process: None })
    }

    /// One that speaks TLS, with this certificate.
    #[cfg(feature = "tls")]
    pub fn start_encrypted(pair: &Pair) -> Option<Self> {
        let tls = format!(", tls: {{cert_file: '{}', key_file: '{}'}}", pair.certificate, pair.key);
        let mut collector = Self { tls, ..Self::planned()? };
        collector.begin();
        Some(collector)
    }

    /// Runs it until it takes spans.
    pub fn begin(&mut self) {
        let config = self.folder.file(
            "config.yaml",
            &format!(
                "receivers: {{otlp: {{protocols: {{http: {{endpoint: '127.0.0.1:{}'{}}}}}}}}}\n\
                 exporters: {{file: {{path: '{}', flush_interval: 50ms}}}}\n\
                 service:\n  telemetry: {{metrics: {{level: none}}}}\n  \
                 pipelines: {{traces: {{receivers: [otlp], exporters: [file]}}}}\n",
                self.port,
                self.tls,
                self.folder.0.join("spans").display()
            ),
        );
        let log = std::fs::File::create(self.folder.0.join("log")).unwrap();
        let mut command = Command::new(binary().unwrap());
        command.args(["--config", &config]);
        self.process = Some(Process::spawn_logging(&mut command, Stdio::from(log)));
        eventually("the collector", PATIENCE, || {
            std::net::TcpStream::connect(("127.0.0.1", self.port)).map_err(|error| {
                let log = std::fs::read_to_string(self.folder.0.join("log")).unwrap();
                format!("{error}: {log}")
            })
        });
    }

    /// Every span that has arrived.
    pub fn spans(&self) -> Vec<Span> {
        let text = std::fs::read_to_string(self.folder.0.join("spans")).unwrap_or_default();
        // The last line may be half written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut spans = Vec::new();
        for line in whole.lines() {
            let json: Value = serde_json::from_str(line).unwrap();
            for of_resource in json["resourceSpans"].as_array().unwrap() {
                let resource = attributes(&of_resource["resource"]);
                let scopes = of_resource["scopeSpans"].as_array().unwrap();
                let found = scopes.iter().flat_map(|scope| scope["spans"].as_array().unwrap());
                spans.extend(found.map(|span| Span::of(span, &resource)));
            }
        }
        spans
    }

    /// Waits until so many spans are there.
    pub fn wait(&self, count: usize) -> Vec<Span> {
        let look = || {
            let spans = self.spans();
            if spans.len() >= count { Ok(spans) } else { Err(format!("{spans:?}")) }
        };
        eventually(&format!("{count} spans"), PATIENCE + Duration::from_secs(20), look).0
    }
}

impl Span {
    fn of(json: &Value, resource: &BTreeMap<String, String>) -> Self {
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        Self {
            trace_id: text("traceId"),
            span_id: text("spanId"),
            parent_id: text("parentSpanId"),
            name: text("name"),
            attributes: attributes(json),
            resource: resource.clone(),
            json: json.clone(),
        }
    }

    /// The names of its events, and what they have.
    pub fn events(&self) -> Vec<(String, BTreeMap<String, String>)> {
        let events = self.json["events"].as_array().cloned().unwrap_or_default();
        let name = |event: &Value| event["name"].as_str().unwrap_or_default().to_owned();
        events.iter().map(|event| (name(event), attributes(event))).collect()
    }
}

/// Attributes as text, whatever their kind.
fn attributes(of: &Value) -> BTreeMap<String, String> {
    let pairs = of["attributes"].as_array().cloned().unwrap_or_default();
    let pair = |pair: &Value| {
        let value = pair["value"].as_object().unwrap().values().next().unwrap().clone();
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (pair["key"].as_str().unwrap().to_owned(), value)
    };
    pairs.iter().map(pair).collect()
}
