//! What is counted beside what every service counts.

use pcf_api::{Counter, Histogram};

pub static CREATED: Counter<1> =
    Counter::with_labels("links_created_total", "Links made.", [("by", &["api", "import"])]);

pub static VISITS: Counter<1> =
    Counter::with_labels("links_visits_total", "Visits.", [("outcome", &["found", "unknown"])]);

pub static LOOK: Histogram =
    Histogram::new("links_look_duration_seconds", "Time of a look at a target.");
