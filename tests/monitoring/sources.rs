//! Every expression that the repository hands to Prometheus, and where it stands.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::{ROOT, read, yaml};

pub const DASHBOARD: &str = "k8s/components/dashboard/pcf-api.json";
pub const RULES: &str = "k8s/components/alerts/rules.yaml";
/// Those of a build with TLS, apart: others have none of their metrics.
pub const TLS_RULES: &str = "k8s/components/tls-alerts/rules.yaml";
pub const ADAPTER: &str = "k8s/components/prometheus-adapter/config.yaml";

/// An expression, its template variables replaced by those of the live test.
#[derive(Debug)]
pub struct Expression {
    pub origin: String,
    pub text: String,
    /// The legend of a panel; its labels have to be in the answer.
    pub legend: String,
}

/// Everything that must return data as it is.
pub fn queries() -> Vec<Expression> {
    let mut all = panels();
    all.extend(variables());
    all.extend(adapter());
    all.extend(documented());
    all
}

/// The expressions that the pages tell the reader to ask.
fn documented() -> Vec<Expression> {
    let mut all = Vec::new();
    for page in ["docs/monitoring.md", "docs/troubleshooting.md"] {
        let content = read(page);
        let blocks = content.split("\n```promql\n").skip(1);
        for line in blocks.flat_map(|block| block.split("\n```").next().unwrap_or("").lines()) {
            let (origin, text) = (page.to_owned(), line.to_owned());
            all.push(Expression { origin, text, legend: String::new() });
        }
    }
    assert!(!all.is_empty(), "the pages have another form");
    all
}

/// The queries of the dashboard's panels.
pub fn panels() -> Vec<Expression> {
    targets(|_| true)
}

/// Those of them that ask for exemplars too.
pub fn exemplars() -> Vec<Expression> {
    targets(|target| target["exemplar"] == true)
}

fn targets(is_meant: impl Fn(&Value) -> bool) -> Vec<Expression> {
    let mut all = Vec::new();
    for panel in list(&dashboard()["panels"]) {
        let targets = panel["targets"].as_array().into_iter().flatten();
        for target in targets.filter(|target| is_meant(target)) {
            all.push(Expression {
                origin: format!("{DASHBOARD}: {}", text(&panel["title"])),
                text: substitute(&text(&target["expr"])),
                legend: text(&target["legendFormat"]),
            });
        }
    }
    all
}

/// The queries behind the dashboard's variables: `label_values(selector, label)`.
fn variables() -> Vec<Expression> {
    let variables = list(&dashboard()["templating"]["list"]);
    let queries = variables.iter().filter(|variable| variable["type"] == "query");
    queries
        .map(|variable| {
            let query = text(&variable["query"]["query"]);
            let inner = query.strip_prefix("label_values(").and_then(|q| q.strip_suffix(')'));
            let (selector, label) = inner.and_then(|q| q.rsplit_once(", ")).expect("label_values");
            Expression {
                origin: format!("{DASHBOARD}: variable {}", text(&variable["name"])),
                text: format!("group by ({label}) ({})", substitute(selector)),
                legend: format!("{{{{{label}}}}}"),
            }
        })
        .collect()
}

/// What prometheus-adapter asks: which series there are, and the value of each pod.
fn adapter() -> Vec<Expression> {
    let mut all = Vec::new();
    for rule in list(&yaml(ADAPTER)["rules"]) {
        let series = text(&rule["seriesQuery"]);
        let query = text(&rule["metricsQuery"])
            .replace("<<.Series>>", series.split('{').next().expect("a name"))
            .replace("<<.LabelMatchers>>", "namespace=\"calm\",pod=~\"pcf-api-7c9f8d6b54-m4wtz\"")
            .replace("<<.GroupBy>>", "pod");
        assert!(!query.contains("<<"), "{query}");
        let names = [(series, "{{namespace}}{{pod}}"), (query, "{{pod}}")];
        all.extend(names.map(|(text, legend)| Expression {
            origin: ADAPTER.to_owned(),
            text,
            legend: legend.to_owned(),
        }));
    }
    all
}

/// The names under which prometheus-adapter serves its rules.
pub fn adapter_metrics() -> BTreeSet<String> {
    list(&yaml(ADAPTER)["rules"]).iter().map(|rule| text(&rule["name"]["as"])).collect()
}

/// The alerts of the PrometheusRule.
pub fn alerts() -> Vec<Value> {
    alerts_of(RULES)
}

/// The alerts of a file.
pub fn alerts_of(path: &str) -> Vec<Value> {
    list(&yaml(path)["spec"]["groups"]).iter().flat_map(|group| list(&group["rules"])).collect()
}

/// The expressions of the alerts: they have data only where something is wrong.
pub fn alert_expressions() -> Vec<Expression> {
    alert_expressions_of(RULES)
}

/// The expressions of a file's alerts.
pub fn alert_expressions_of(path: &str) -> Vec<Expression> {
    let expression = |alert: &Value| Expression {
        origin: format!("{path}: {}", text(&alert["alert"])),
        text: text(&alert["expr"]),
        legend: String::new(),
    };
    alerts_of(path).iter().map(expression).collect()
}

/// The metrics of pods by which an autoscaler anywhere in `k8s/` scales, and where.
pub fn autoscaler_metrics() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in files(&Path::new(ROOT).join("k8s"), "yaml") {
        let origin = path.strip_prefix(ROOT).expect("inside").display().to_string();
        let content = std::fs::read_to_string(&path).expect("readable");
        let before = found.len();
        for document in serde_saphyr::from_multiple::<Value>(&content).expect(&origin) {
            pod_metrics(&document, &origin, &mut found);
        }
        let is_seen = found.len() > before || !content.contains("pods:");
        assert!(is_seen, "{origin}: it scales by a metric that this test does not find");
    }
    found
}

fn pod_metrics(value: &Value, origin: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            // A scaling policy is of this type too; only a metric has `pods`.
            if let Some(pods) = map.get("pods").filter(|_| value["type"] == "Pods") {
                found.push((text(&pods["metric"]["name"]), origin.to_owned()));
            }
            map.values().for_each(|value| pod_metrics(value, origin, found));
        }
        Value::Array(list) => list.iter().for_each(|value| pod_metrics(value, origin, found)),
        // A patch of kustomize is YAML in a string.
        Value::String(inner) if inner.contains("type: Pods") => {
            pod_metrics(&serde_saphyr::from_str(inner).expect(origin), origin, found);
        }
        _ => {}
    }
}

fn files(folder: &Path, extension: &str) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            all.push(path);
        }
    }
    all
}

pub fn dashboard() -> Value {
    serde_json::from_str(&read(DASHBOARD)).expect(DASHBOARD)
}

/// What Grafana does, with the namespaces and pods of the live test.
fn substitute(query: &str) -> String {
    let query = query
        .replace("$__rate_interval", "30s")
        .replace("$namespace", "calm|storm")
        .replace("$pod", "pcf-api-7c9f8d6b54-m4wtz|pcf-api-7c9f8d6b54-x2k9q");
    // `$1` is a group of a regular expression, and no variable of Grafana's.
    let rest = query.replace("\"$1\"", "");
    assert!(!rest.contains('$'), "a variable that the test does not know: {query}");
    query
}

/// The elements of a list.
pub fn list(value: &Value) -> Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}")).clone()
}

/// A text.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
