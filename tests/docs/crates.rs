//! Every direct dependency is explained, and none that is gone.

use std::collections::BTreeSet;

use toml::de::DeTable;

use super::read;

#[test]
fn dependencies_has_a_line_for_each_crate() {
    let manifest = read("Cargo.toml");
    let manifest = DeTable::parse(&manifest).unwrap();
    let declared: BTreeSet<String> = ["dependencies", "dev-dependencies"]
        .iter()
        .flat_map(|section| manifest.get_ref()[*section].get_ref().as_table().unwrap().keys())
        .map(|name| name.get_ref().to_string())
        .collect();
    let page = read("docs/dependencies.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let explained: BTreeSet<String> = rows
        .flat_map(|names| names.split(", "))
        .filter(|name| !["crate", "---"].contains(name))
        .map(String::from)
        .collect();
    assert_eq!(explained, declared, "docs/dependencies.md (left), Cargo.toml (right)");
}
