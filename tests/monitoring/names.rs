//! Nothing names a metric or a label that does not exist. This needs no tool.

use super::known::Known;
use super::promql::names;
use super::sources;

#[test]
fn every_metric_and_label_exists() {
    let known = Known::read();
    let mut wrong = Vec::new();
    let mut all = sources::queries();
    all.extend(sources::alert_expressions());
    all.extend(sources::alert_expressions_of(sources::TLS_RULES));
    for expression in &all {
        let found = names(&expression.text);
        assert!(!found.selectors.is_empty(), "{expression:?}");
        let mut groupable = Vec::new();
        for selector in &found.selectors {
            let Some(labels) = known.labels(&selector.metric) else {
                wrong.push(format!("{}: no metric {}", expression.origin, selector.metric));
                continue;
            };
            groupable.extend(labels);
            for label in selector.labels.iter().filter(|label| !labels.contains(*label)) {
                wrong.push(format!(
                    "{}: no label {label} of {}",
                    expression.origin, selector.metric
                ));
            }
        }
        for label in found.grouping.iter().filter(|label| !groupable.contains(label)) {
            wrong.push(format!("{}: no label {label} to group by", expression.origin));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(all.len() > 40, "only {} expressions were found", all.len());
}

#[test]
fn a_metric_of_others_is_used_and_documented() {
    let mut all = sources::queries();
    all.extend(sources::alert_expressions());
    let used: Vec<String> =
        all.iter().flat_map(|e| names(&e.text).selectors).map(|s| s.metric).collect();
    let page = super::read("docs/monitoring.md");
    for metric in Known::read().external.keys() {
        assert!(used.contains(metric), "tests/monitoring/external.prom: {metric} is not used");
        assert!(page.contains(&format!("`{metric}`")), "docs/monitoring.md lacks {metric}");
    }
}

#[test]
fn the_autoscaler_asks_for_what_the_adapter_serves() {
    let served = sources::adapter_metrics();
    assert_eq!(served.iter().collect::<Vec<_>>(), ["http_requests_per_second"]);
    for (metric, origin) in sources::autoscaler_metrics() {
        assert!(served.contains(&metric), "{origin}: the adapter has no rule for {metric}");
    }
}
