//! `docs/metrics.md`, made from the table.

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::super::table::{Kind, Metric};

    #[test]
    fn the_documentation_page_is_that_of_the_table() {
        let mut rows = String::new();
        for metric in Metric::ALL {
            let family = metric.family();
            let kind = match family.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
            };
            let labels: Vec<String> = family
                .labels
                .iter()
                .map(|label| format!("`{}` ({})", label.name, label.values))
                .collect();
            let _ = writeln!(
                rows,
                "| `{}` | {kind} | {} | {} |",
                family.name,
                family.help,
                labels.join("<br>")
            );
        }
        let page = include_str!("page.md").replace("{rows}\n", &rows);
        crate::testing::assert_page("docs/metrics.md", &page);
    }
}
