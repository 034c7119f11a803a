//! Which metrics and labels there are: the service's own, from the page that is made from its table;
//! those of others, from `external.prom`; and what Prometheus adds by itself.

use std::collections::{BTreeMap, BTreeSet};

use super::read;

/// What a scrape through the operator or the annotations adds to each series.
const TARGET_LABELS: [&str; 4] = ["job", "instance", "namespace", "pod"];

/// Metrics and their labels.
pub struct Known {
    pub own: BTreeMap<String, BTreeSet<String>>,
    pub external: BTreeMap<String, BTreeSet<String>>,
}

impl Known {
    pub fn read() -> Self {
        Self { own: own(), external: external() }
    }

    /// The labels that a metric can have, if there is one of that name.
    pub fn labels(&self, metric: &str) -> Option<&BTreeSet<String>> {
        self.own.get(metric).or_else(|| self.external.get(metric))
    }
}

fn own() -> BTreeMap<String, BTreeSet<String>> {
    let targets = || TARGET_LABELS.map(String::from).into_iter().collect::<BTreeSet<_>>();
    let mut metrics = BTreeMap::from([("up".to_owned(), targets())]);
    for row in read("docs/metrics.md").lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split(" | ").collect();
        let name = cells[0].trim_matches(['|', ' ', '`']);
        let mut labels = targets();
        labels.extend(
            cells[3].split("<br>").filter_map(|l| Some(l.trim().split('`').nth(1)?.into())),
        );
        if cells[1] == "histogram" {
            metrics.insert(format!("{name}_sum"), labels.clone());
            metrics.insert(format!("{name}_count"), labels.clone());
            labels.insert("le".into());
            metrics.insert(format!("{name}_bucket"), labels);
        } else {
            metrics.insert(name.to_owned(), labels);
        }
    }
    assert!(metrics.len() > 15, "docs/metrics.md has another form: {metrics:?}");
    metrics
}

fn external() -> BTreeMap<String, BTreeSet<String>> {
    let mut metrics: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in read("tests/monitoring/external.prom").lines().filter(|l| l.contains('{')) {
        for selector in super::promql::names(line).selectors {
            metrics.entry(selector.metric).or_default().extend(selector.labels);
        }
    }
    metrics
}
