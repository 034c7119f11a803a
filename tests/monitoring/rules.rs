//! Each alert fires when it should and stays silent when it should not, and says where to read on.

use std::collections::BTreeMap;
use std::process::Command;

use super::sources::{list, text};
use super::support::peers::Folder;
use super::support::{find_tool, has_tool};
use super::{read, sources, yaml};

const TESTS: &str = "tests/monitoring/rules_test.yaml";

/// The rules as Prometheus itself reads them: the `spec` of the PrometheusRule. JSON is YAML.
pub fn write_plain_rules(folder: &Folder) -> String {
    folder.file("rules.yaml", &yaml(sources::RULES)["spec"].to_string())
}

#[test]
fn promtool_accepts_the_rules_and_their_tests_pass() {
    if !has_tool("promtool") {
        return;
    }
    let folder = Folder::new();
    let rules = write_plain_rules(&folder);
    let tests = folder.file("rules_test.yaml", &read(TESTS));
    let tls_rules = yaml(sources::TLS_RULES)["spec"].to_string();
    let tls_rules = folder.file("tls_rules.yaml", &tls_rules);
    let tls_tests =
        folder.file("tls_rules_test.yaml", &read("tests/monitoring/tls_rules_test.yaml"));
    for arguments in [
        ["check", "rules", &rules],
        ["test", "rules", &tests],
        ["check", "rules", &tls_rules],
        ["test", "rules", &tls_tests],
    ] {
        let output = Command::new(find_tool("promtool").unwrap()).args(arguments).output().unwrap();
        let told =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "promtool {arguments:?}\n{told}");
    }
}

#[test]
fn every_alert_is_tested_firing_and_silent() {
    let mut cases: BTreeMap<String, (bool, bool)> = BTreeMap::new();
    for test in list(&yaml(TESTS)["tests"]) {
        for case in list(&test["alert_rule_test"]) {
            let (fires, is_silent) = cases.entry(text(&case["alertname"])).or_default();
            let expected = list(&case["exp_alerts"]).len();
            *fires |= expected > 0;
            *is_silent |= expected == 0;
        }
    }
    for alert in sources::alerts() {
        let name = text(&alert["alert"]);
        assert_eq!(cases.remove(&name), Some((true, true)), "{name}: (fires, is silent)");
    }
    assert!(cases.is_empty(), "no such alert: {cases:?}");
}

#[test]
fn every_alert_has_a_severity_a_summary_and_a_runbook() {
    let troubleshooting = read("docs/troubleshooting.md");
    let monitoring = read("docs/monitoring.md");
    for alert in sources::alerts() {
        let name = text(&alert["alert"]);
        let severity = text(&alert["labels"]["severity"]);
        assert!(severity.contains("critical") || severity == "warning", "{name}: {severity}");
        for annotation in ["summary", "description"] {
            assert!(alert["annotations"][annotation].is_string(), "{name} has no {annotation}");
        }
        let anchor = format!("#{}", name.to_lowercase());
        assert_eq!(text(&alert["annotations"]["runbook_url"]), anchor, "{name}");
        let heading = format!("### {name}\n");
        assert_eq!(troubleshooting.matches(&heading).count(), 1, "no section {heading}");
        assert!(monitoring.contains(&format!("`{name}`")), "docs/monitoring.md lacks {name}");
    }
}
