//! What readiness reports of a dependency, waited for.

use std::time::Duration;

use serde_json::Value;

use super::{Server, eventually};

/// More than there can be between a change and its report: the interval of a well dependency and its
/// timeout are 7 s. The rest is for a busy machine.
pub const NOTICED: Duration = Duration::from_secs(30);

/// Waits until a check has found a dependency in a state, and returns its report. Without a grace a
/// dependency is unhealthy before its first check too; that is not what is waited for.
pub fn becomes(server: &Server, name: &str, state: &str) -> Value {
    reports(server, name, state, |report| report["status"] == state)
}

/// Waits until a dependency has answered a check. How fast is the machine's affair: what that makes of
/// it has to follow from the latency that is reported.
pub fn answers(server: &Server, name: &str) -> Value {
    let report = reports(server, name, "answers", has_answered);
    let latency = report["latency_ms"].as_f64().unwrap();
    let expected: &[&str] = match latency {
        ..=100.0 => &["healthy"],
        ..=1000.0 => &["degraded"],
        // Within its grace it is starting until it has answered in time.
        _ => &["unhealthy", "starting"],
    };
    let is_expected = expected.iter().any(|state| report["status"] == *state);
    // It is rounded.
    let is_at_a_limit = [100.0, 1000.0].iter().any(|limit| (latency - limit).abs() < 0.1);
    assert!(is_expected || is_at_a_limit, "{report}");
    report
}

/// Whether this is of an answer, in time or not.
pub fn has_answered(report: &Value) -> bool {
    let told = report["message"].as_str().unwrap_or_default();
    told == "ok" || told.starts_with("slow: ") || told.starts_with("too slow: ")
}

/// Waits until a check tells this of a dependency.
pub fn tells(server: &Server, name: &str, message: &str) -> Value {
    reports(server, name, message, |report| report["message"] == message)
}

/// The status of the service.
pub fn status(server: &Server) -> (u16, String) {
    let response = server.get("/health/ready");
    (response.status, response.json()["status"].as_str().unwrap().to_owned())
}

fn reports(server: &Server, name: &str, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    let look = || {
        let report = server.health()["services"][name].clone();
        let is_found = !report["last_check"].is_null() && is_it(&report);
        if is_found { Ok(report) } else { Err(report.to_string()) }
    };
    eventually(&format!("{name} {what}"), NOTICED, look).0
}

/// Waits until each of these dependencies has been checked so many times more.
pub fn checks(server: &Server, names: &[&str], more: f64) {
    let count = |name: &&str| {
        server.metric(&format!("dependency_check_duration_seconds_count{{dependency=\"{name}\"}}"))
    };
    let before: Vec<f64> = names.iter().map(count).collect();
    eventually("more checks", NOTICED, || {
        let now: Vec<f64> = names.iter().map(count).collect();
        let is_done = now.iter().zip(&before).all(|(now, before)| now - before >= more);
        if is_done { Ok(()) } else { Err(format!("{before:?} {now:?}")) }
    });
}
