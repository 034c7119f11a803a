//! Links lead somewhere, and every page can be found.

use std::collections::BTreeSet;

use super::pages::{self, Page};
use super::{exists, expect_none};

/// The targets of a page's links, with the numbers of their lines.
fn of(page: &Page) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in &page.prose {
        // A link's text may be code, its target never is.
        for part in line.split("](").skip(1) {
            found.push((*number, part.split(')').next().unwrap().to_owned()));
        }
    }
    found
}

/// The path of a link in the repository; `None` for another site.
fn resolve(page: &Page, target: &str) -> Option<(String, Option<String>)> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = match target.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor.to_owned())),
        None => (target, None),
    };
    if path.is_empty() {
        return Some((page.path.clone(), anchor));
    }
    let mut parts: Vec<&str> = page.path.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            part => parts.push(part),
        }
    }
    Some((parts.join("/"), anchor))
}

/// A heading's anchor, as the forges make it.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
    heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

#[test]
fn links_and_anchors_resolve() {
    let pages = pages::all();
    let mut wrong = Vec::new();
    for page in &pages {
        for (number, target) in of(page) {
            let Some((path, wanted)) = resolve(page, &target) else { continue };
            let linked = pages.iter().find(|other| other.path == path);
            let has_anchor = |wanted: &String| {
                linked.is_some_and(|p| p.headings.iter().any(|heading| anchor(heading) == *wanted))
            };
            if !exists(&path) || !wanted.as_ref().is_none_or(has_anchor) {
                wrong.push(format!("{}:{number}: leads nowhere: {target}", page.path));
            }
        }
    }
    expect_none(&wrong);
}

#[test]
fn headings_of_a_page_differ() {
    let mut wrong = Vec::new();
    for page in pages::all() {
        let mut seen = BTreeSet::new();
        for heading in page.headings.iter().filter(|heading| !seen.insert(anchor(heading))) {
            wrong.push(format!("{}: two headings {heading:?}", page.path));
        }
    }
    expect_none(&wrong);
}

#[test]
fn the_readme_leads_to_every_page() {
    let pages = pages::all();
    let readme = pages.iter().find(|page| page.path == "README.md").unwrap();
    let linked: BTreeSet<String> =
        of(readme).iter().filter_map(|(_, target)| Some(resolve(readme, target)?.0)).collect();
    let all = pages.iter().filter(|page| page.path != "README.md");
    let missing = all.filter(|page| !linked.contains(&page.path));
    expect_none(
        &missing.map(|page| format!("README.md has no link to {}", page.path)).collect::<Vec<_>>(),
    );
}

#[test]
fn troubleshooting_begins_with_all_of_its_entries() {
    let pages = pages::all();
    let page = pages.iter().find(|page| page.path == "docs/troubleshooting.md").unwrap();
    let linked: BTreeSet<String> = of(page).into_iter().map(|(_, target)| target).collect();
    let entries = page.prose.iter().filter_map(|(_, line)| line.strip_prefix("### "));
    let missing = entries.filter(|heading| !linked.contains(&format!("#{}", anchor(heading))));
    expect_none(&missing.map(|heading| format!("its table lacks {heading}")).collect::<Vec<_>>());
}

#[test]
fn each_entry_of_troubleshooting_has_all_its_parts() {
    let page = super::read("docs/troubleshooting.md");
    let mut wrong = Vec::new();
    for entry in page.split("\n### ").skip(1) {
        let entry = entry.split("\n## ").next().unwrap();
        let name = entry.lines().next().unwrap();
        let parts = ["**Why:**", "**Look:**", "**Mend:**"];
        let places: Vec<_> = parts.iter().map(|part| entry.find(&format!("\n{part}"))).collect();
        if places.contains(&None) || !places.is_sorted() {
            wrong.push(format!("{name}: not {parts:?} in this order"));
        }
    }
    expect_none(&wrong);
}

#[test]
fn the_manifests_page_has_every_component() {
    let page = super::read("k8s/README.md");
    let components = std::fs::read_dir(format!("{}/k8s/components", super::ROOT)).unwrap();
    let names = components.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let missing = names.filter(|name| !page.contains(&format!("\n| `{name}` | ")));
    let tell = |name: String| format!("k8s/README.md has no component {name}");
    expect_none(&missing.map(tell).collect::<Vec<_>>());
}
