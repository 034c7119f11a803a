//! The dashboard is whole: Grafana shows it as it is meant, on any installation.

use std::collections::BTreeSet;

use serde_json::Value;

use super::known::Known;
use super::promql::names;
use super::sources::{dashboard, list, text};

/// The columns of Grafana's grid; a window of 1280 px gives each of them 52.
const COLUMNS: u64 = 24;
/// The narrowest panels that can be read at that width: a number, a chart.
const NARROWEST: (u64, u64) = (4, 8);

fn charts() -> Vec<Value> {
    list(&dashboard()["panels"]).into_iter().filter(|panel| panel["type"] != "row").collect()
}

#[test]
fn every_panel_says_what_it_shows_in_which_unit_and_from_where() {
    for panel in charts() {
        let title = text(&panel["title"]);
        assert!(panel["description"].as_str().is_some_and(|d| d.ends_with('.')), "{title}");
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title} has no unit");
        // Grafana's $__rate_interval is at least four scrapes only where it knows their interval.
        assert_eq!(panel["interval"], "30s", "{title}");
        for source in list(&panel["targets"]).iter().chain([&panel]).map(|t| &t["datasource"]) {
            assert_eq!(source["uid"], "${datasource}", "{title}");
        }
    }
}

#[test]
fn ids_and_titles_are_unique() {
    let panels = list(&dashboard()["panels"]);
    let ids: BTreeSet<u64> = panels.iter().filter_map(|panel| panel["id"].as_u64()).collect();
    let titles: BTreeSet<String> = panels.iter().map(|panel| text(&panel["title"])).collect();
    assert_eq!((ids.len(), titles.len()), (panels.len(), panels.len()), "{titles:?}");
}

#[test]
fn panels_fit_the_grid_and_are_wide_enough_at_1280_px() {
    let mut taken = BTreeSet::new();
    for panel in list(&dashboard()["panels"]) {
        let title = text(&panel["title"]);
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        let narrowest = if panel["type"] == "stat" { NARROWEST.0 } else { NARROWEST.1 };
        assert!(at("w") >= narrowest && at("x") + at("w") <= COLUMNS, "{title}");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{title} covers another panel at {x},{y}");
            }
        }
    }
}

#[test]
fn it_is_chosen_by_data_source_namespace_and_pod() {
    let variables = list(&dashboard()["templating"]["list"]);
    let names: Vec<String> = variables.iter().map(|variable| text(&variable["name"])).collect();
    assert_eq!(names, ["datasource", "namespace", "pod"]);
    for variable in &variables[1..] {
        assert_eq!(variable["datasource"]["uid"], "${datasource}", "{}", variable["name"]);
    }
    for panel in charts() {
        for target in list(&panel["targets"]) {
            let expression = text(&target["expr"]);
            for selector in super::promql::names(&expression).selectors {
                assert!(selector.text.contains("namespace=~\"$namespace\""), "{}", selector.text);
            }
        }
    }
}

#[test]
fn metrics_of_others_stand_apart() {
    let known = Known::read();
    let mut row = String::new();
    for panel in list(&dashboard()["panels"]) {
        if panel["type"] == "row" {
            row = text(&panel["title"]);
            continue;
        }
        let is_apart = row.contains("not of the service");
        for target in list(&panel["targets"]) {
            for selector in names(&text(&target["expr"])).selectors {
                let is_own = known.own.contains_key(&selector.metric);
                assert_eq!(is_own, !is_apart, "{} in the row {row:?}", selector.metric);
            }
        }
    }
    assert!(row.contains("not of the service"), "the last row is {row:?}");
}
