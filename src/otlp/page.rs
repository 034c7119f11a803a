//! `docs/tracing.md`, made from the tables.

#[cfg(test)]
mod tests {
    use super::super::{METRICS, ROWS};
    use crate::settings::rows;

    #[test]
    fn the_documentation_page_is_that_of_the_tables() {
        let metrics: String = METRICS.iter().map(|metric| metric.row()).collect();
        let page = include_str!("page.md").replace("{rows}\n", &rows(ROWS));
        let page = page.replace("{metrics}\n", &metrics);
        crate::pages::assert_page("docs/tracing.md", &page);
    }
}
