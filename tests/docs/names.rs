//! What the pages name exists: files, settings, metrics, alerts, routes.

use std::collections::BTreeSet;

use super::commands::{self, Command};
use super::known::Known;
use super::pages::{self, Page};
use super::support::Server;
use super::{ROOT, exists, expect_none, promql, read};

/// Code of a page: a span, or a command, with the number of its line.
fn code(page: &Page) -> Vec<Command> {
    if page.path == pages::GUIDE {
        return Vec::new();
    }
    let spans = page.spans().into_iter().map(|(number, text)| {
        let origin = format!("{}:{number}", page.path);
        Command { origin, text, output: vec![] }
    });
    commands::of(page).into_iter().chain(spans).collect()
}

/// Looks at each piece of code of each page.
pub fn check(mut find: impl FnMut(&Page, &Command) -> Vec<String>) {
    let mut wrong = Vec::new();
    for page in pages::all() {
        for code in code(&page) {
            let found = find(&page, &code);
            wrong.extend(found.iter().map(|what| format!("{}: there is no {what}", code.origin)));
        }
    }
    expect_none(&wrong);
}

/// The words of a text, without quotes and brackets.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_end = |c: char| c.is_whitespace() || "\"'()[]{},;=<>|".contains(c);
    text.split(is_end).map(|word| word.trim_end_matches(['.', ':']))
}

/// The names in a text: letters, digits and underscores.
fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

#[test]
fn files_exist() {
    let folders: BTreeSet<String> = std::fs::read_dir(ROOT)
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| !["target", "result"].contains(&name.as_str()))
        .collect();
    let extensions = ["rs", "md", "sh", "nix", "yaml", "json", "toml", "prom", "js", "env"];
    check(|_, code| {
        let paths = words(&code.text).filter(|word| {
            let Some((first, _)) = word.split_once('/') else { return false };
            let has_extension =
                word.rsplit_once('.').is_some_and(|(_, end)| extensions.contains(&end));
            let is_here =
                folders.contains(first) || has_extension || word.starts_with("../../components");
            is_here
                && !word.starts_with(['/', '~'])
                && !word.contains("://")
                && !word.contains('…')
                && first != "result"
        });
        let resolve =
            |path: &str| path.replace("../../components", "k8s/components").replace("ENV", "prod");
        let is_missing = |path: &String| !exists(path) && !exists(&format!("src/{path}"));
        paths.map(resolve).filter(is_missing).collect()
    });
}

/// Variables that are not the service's.
const OTHER_VARIABLES: [&str; 7] = [
    "CARGO_HTTP_CAINFO",
    "GIT_SSL_CAINFO",
    "NIX_SSL_CERT_FILE",
    "UPDATE_DOCS",
    // What rustls-native-certs and OpenSSL read.
    "SSL_CERT_FILE",
    // What Kubernetes would inject for a Service.
    "X_PORT",
    // A code of one's own.
    "OUT_OF_CREDIT",
];

#[test]
fn settings_exist() {
    // Those of spans are there with the feature alone, and have a page of their own.
    let page = read("docs/configuration.md") + &read("docs/tracing.md");
    let variables: BTreeSet<&str> = identifiers_of_settings(&page);
    assert!(variables.contains("SERVER__PORT"), "{variables:?}");
    let keys: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let is_known = |name: &str| {
        let generic = name.strip_prefix("DEPENDENCIES__").and_then(|rest| rest.split_once("__"));
        let generic = generic.map(|(_, field)| format!("DEPENDENCIES__<NAME>__{field}"));
        variables.contains(generic.as_deref().unwrap_or(name))
            || OTHER_VARIABLES.contains(&name)
            // `__GRACE` beside a full name
            || (name.starts_with("__") && variables.iter().any(|known| known.ends_with(name)))
    };
    check(|_, code| {
        let text = code.text.replace("<NAME>", "NAME");
        let is_variable = |name: &&str| {
            name.contains('_') && name.len() > 3 && !name.contains(|c: char| c.is_ascii_lowercase())
        };
        let mut missing: Vec<String> = identifiers(&text)
            .filter(is_variable)
            .filter(|name| !is_known(name))
            .map(|name| format!("setting {name}"))
            .collect();
        // An assignment before the program, whatever its form.
        if code.parts().iter().any(|part| part.split(' ').next() == Some("pcf-api")) {
            let assigned = text.split_whitespace().map_while(|word| Some(word.split_once('=')?.0));
            missing.extend(
                assigned.filter(|name| !is_known(name)).map(|name| format!("setting {name}")),
            );
        }
        let is_key = |word: &&str| {
            ["server.", "log.", "health."].iter().any(|table| {
                word.strip_prefix(table).is_some_and(|key| {
                    !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_')
                })
            })
        };
        let flags = words(&text).map(|word| word.trim_start_matches("--"));
        missing.extend(
            flags.filter(is_key).filter(|key| !keys.contains(key)).map(|key| format!("key {key}")),
        );
        missing
    });
}

fn identifiers_of_settings(page: &str) -> BTreeSet<&str> {
    let is_name = |c: char| c.is_ascii_uppercase() || "_<>".contains(c);
    let spans = page.split('`').skip(1).step_by(2);
    spans.filter(|span| !span.is_empty() && span.chars().all(is_name)).collect()
}

#[test]
fn metrics_exist() {
    let known = Known::read();
    let mut names: BTreeSet<&str> =
        known.own.keys().chain(known.external.keys()).map(String::as_str).collect();
    // A histogram is named without the ends of its series.
    let histograms: Vec<&str> =
        names.iter().filter_map(|name| name.strip_suffix("_bucket")).collect();
    names.extend(histograms);
    // What prometheus-adapter makes, which tests/monitoring holds to its rule.
    names.insert("http_requests_per_second");
    let prefixes = [
        "http_",
        "dependency_",
        "health_",
        "log_lines_",
        "process_",
        "container_",
        "kube_",
        "pcf_api_",
    ];
    check(|_, code| {
        let is_metric = |name: &&str| {
            prefixes.iter().any(|prefix| name.starts_with(prefix) && name.len() > prefix.len())
        };
        let unknown =
            identifiers(&code.text).filter(is_metric).filter(|name| !names.contains(name));
        unknown.map(|name| format!("metric {name}")).collect()
    });
    let mut wrong = Vec::new();
    for page in pages::all() {
        for block in page.blocks.iter().filter(|block| block.language == "promql") {
            for (number, line) in &block.lines {
                for selector in promql::names(line).selectors {
                    if known.labels(&selector.metric).is_none() {
                        wrong.push(format!(
                            "{}:{number}: there is no {}",
                            page.path, selector.metric
                        ));
                    }
                }
            }
        }
    }
    expect_none(&wrong);
}

#[test]
fn alerts_exist() {
    let rules = ["k8s/components/alerts/rules.yaml", "k8s/components/tls-alerts/rules.yaml"];
    let rules = rules.map(read).concat();
    let alerts: BTreeSet<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(!alerts.is_empty());
    let mut wrong = Vec::new();
    for page in pages::all() {
        for (number, line) in &page.prose {
            let named = identifiers(line).filter(|word| word.starts_with("PcfApi"));
            for name in named.filter(|name| !alerts.contains(name)) {
                wrong.push(format!("{}:{number}: there is no alert {name}", page.path));
            }
        }
    }
    expect_none(&wrong);
}

/// Where a path that begins with a slash is a file, and of which machine or image.
const FOLDERS: [&str; 9] = ["dev", "etc", "nix", "pcf-api", "proc", "tmp", "var", "vault", "apis"];
/// The README's example of a route, its path that is not there, and a page of Prometheus.
const EXAMPLES: [&str; 3] = ["/hello/{name}", "/nowhere", "/targets"];

#[test]
fn routes_exist() {
    let server = Server::start(&[]);
    check(|_, code| {
        let after_host =
            |host: &str| code.text.split(host).skip(1).map(words_head).collect::<Vec<_>>();
        let mut paths = after_host("localhost:8080");
        paths.extend(after_host("127.0.0.1:8080"));
        let span = code.text.split(' ').next_back().unwrap();
        let is_alone =
            ["GET ", "HEAD ", ""].iter().any(|method| code.text.trim_start_matches(method) == span);
        if is_alone && span.starts_with('/') {
            let first = span.split('/').nth(1).unwrap();
            if !FOLDERS.contains(&first) {
                paths.push(span.to_owned());
            }
        }
        paths.retain(|path| path.starts_with('/') && !EXAMPLES.contains(&path.as_str()));
        let missing = paths.iter().filter(|path| server.get(path).status == 404);
        missing.map(|path| format!("route {path}")).collect()
    });
}

fn words_head(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || "'\"|?#".contains(c)).next().unwrap().to_owned()
}
