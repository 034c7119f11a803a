//! The components as an overlay gets them, put together as docs/monitoring.md says.

use std::process::Command;

use serde_json::Value;

use super::sources::{list, text};
use super::support::peers::Folder;
use super::support::{find_tool, has_tool};
use super::{ROOT, read};

/// The code blocks of YAML about scrapes, one after the other: parts of one kustomization.
fn documented_overlay() -> String {
    let page = read("docs/monitoring.md");
    let mut sections = page.split("\n## ");
    let section = sections.find(|section| section.starts_with("Let Prometheus scrape\n"));
    let blocks = section.expect("the section").split("```yaml\n").skip(1);
    blocks.map(|block| block.split("```").next().expect("a closed block")).collect()
}

fn render() -> Vec<Value> {
    let folder = Folder::new();
    let copied = Command::new("cp").args(["-r", "k8s"]).arg(&folder.0).current_dir(ROOT).status();
    assert!(copied.unwrap().success());
    std::fs::create_dir_all(folder.0.join("k8s/overlays/documented")).unwrap();
    let overlay = documented_overlay()
        .replace("components:\n", "components:\n  - ../../components/prometheus-adapter\n");
    folder.file("k8s/overlays/documented/kustomization.yaml", &format!("namespace: a\n{overlay}"));
    let output = Command::new(find_tool("kubectl").unwrap())
        .args(["kustomize", "k8s/overlays/documented"])
        .current_dir(&folder.0)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_saphyr::from_multiple(&String::from_utf8(output.stdout).unwrap()).unwrap()
}

#[test]
fn they_render_as_documented() {
    if !has_tool("kubectl") {
        return;
    }
    let objects = render();
    let find = |kind: &str, name: &str| {
        let found = objects.iter().find(|o| o["kind"] == kind && o["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("no {kind} {name}")).clone()
    };

    let monitor = find("ServiceMonitor", "pcf-api");
    let endpoint = &monitor["spec"]["endpoints"][0];
    assert_eq!(endpoint["port"], "http");
    assert_eq!(endpoint["path"], "/metrics");
    assert_eq!(endpoint["interval"], "30s");
    let rules = find("PrometheusRule", "pcf-api");
    for object in [&monitor, &rules] {
        assert_eq!(object["metadata"]["labels"]["release"], "kube-prometheus-stack");
    }

    let runbooks = text(&rules["metadata"]["annotations"]["runbooks"]);
    for group in list(&rules["spec"]["groups"]) {
        for rule in list(&group["rules"]) {
            let anchor = text(&rule["alert"]).to_lowercase();
            assert_eq!(rule["annotations"]["runbook_url"], format!("{runbooks}#{anchor}"));
        }
    }

    let dashboard = find("ConfigMap", "pcf-api-dashboard");
    assert_eq!(dashboard["metadata"]["labels"]["grafana_dashboard"], "1");
    assert_eq!(text(&dashboard["data"]["pcf-api.json"]), read(super::sources::DASHBOARD));
    let adapter = find("ConfigMap", "pcf-api-prometheus-adapter");
    assert_eq!(text(&adapter["data"]["config.yaml"]), read(super::sources::ADAPTER));
}
