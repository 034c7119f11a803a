//! `docs/metrics.md`, made from the table.

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::super::table::Metric;

    #[test]
    fn the_documentation_page_is_that_of_the_table() {
        let (mut plain, mut tls) = (String::new(), String::new());
        for &metric in Metric::ALL {
            let family = metric.family();
            let rows = if family.name.starts_with("tls_") { &mut tls } else { &mut plain };
            let kind = family.kind.as_str();
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
        let page = include_str!("page.md").replace("{rows}\n", &plain).replace("{tls}\n", &tls);
        crate::pages::assert_page("docs/metrics.md", &page);
    }
}
