//! A collector that is down, hangs, or refuses: requests do not notice, memory is bounded, what is lost
//! is counted, and the log tells it once.

use std::time::{Duration, Instant};

use super::collector::Collector;
use super::support::peers::{Peer, free_port};
use super::support::{Client, PATIENCE, Server, eventually, resident_kib};
use super::{ids, traced};

const DROPPED: &str = "otlp_spans_dropped_total{reason=\"queue_full\"}";
const LOST: &str = "otlp_spans_dropped_total{reason=\"not_delivered\"}";

/// A small queue that is tried for a short while.
const SMALL: [(&str, &str); 4] = [
    ("OTEL_BSP_MAX_QUEUE_SIZE", "64"),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "16"),
    ("OTEL_BSP_EXPORT_TIMEOUT", "1000"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "1000"),
];

/// The median time of so many requests, each of which is answered.
fn median(client: &mut Client, count: usize) -> Duration {
    let mut times: Vec<Duration> = (0..count)
        .map(|_| {
            let began = Instant::now();
            assert_eq!(client.get("/version").status, 200);
            began.elapsed()
        })
        .collect();
    times.sort();
    times[count / 2]
}

fn told(server: &Server, message: &str) -> usize {
    let is_it = |text: &str| text.starts_with(message);
    server.log().iter().filter(|line| line["message"].as_str().is_some_and(is_it)).count()
}

/// A sample of a scrape; a series is there from its first count on.
fn count(server: &Server, sample: &str) -> f64 {
    let scrape = server.get("/metrics").text();
    let line = scrape.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.map_or(0.0, |number| number.parse().unwrap())
}

/// Nobody waits for a collector: that would be a second at least.
fn assert_unaffected(server: &Server) {
    let median = median(&mut server.connect(), 1000);
    assert!(median < Duration::from_millis(100), "{median:?}");
}

#[test]
fn down_from_the_start() {
    let server = traced(free_port(), &SMALL);
    assert_unaffected(&server);
    eventually("spans that were tried in vain", PATIENCE, || {
        let lost = count(&server, LOST);
        if lost > 16.0 { Ok(()) } else { Err(lost.to_string()) }
    });
    assert!(count(&server, DROPPED) > 100.0);
    assert!(count(&server, "otlp_export_failures_total") > 1.0);
    let (line, _) = server.log_line("the collector", PATIENCE, |line| line["level"] == "WARN");
    assert!(line["reason"].as_str().unwrap().contains("refused"), "{line}");
    assert_eq!(told(&server, "the collector takes no spans"), 1);
    assert_eq!(server.stop(), 0);
}

#[test]
fn one_that_never_answers_costs_no_request_no_memory_and_no_drain() {
    let peer = Peer::start(None);
    let server = traced(peer.port, &[("OTEL_EXPORTER_OTLP_TIMEOUT", "2000")]);
    median(&mut server.connect(), 3000);
    let full = resident_kib(server.pid());
    assert_unaffected(&server);
    median(&mut server.connect(), 5000);
    let more = resident_kib(server.pid()).saturating_sub(full);
    assert!(more < 4096, "{full} KiB and {more} KiB");
    assert!(count(&server, DROPPED) > 1000.0);
    let mut server = server;
    server.signal("TERM");
    let (status, took) = server.wait(PATIENCE);
    assert!(status.success(), "{:?}", server.raw_lines());
    assert!(took < Duration::from_secs(10), "{took:?}");
    let left =
        server.log().iter().any(|line| line["spans"].as_u64().is_some_and(|count| count > 0));
    assert!(left, "{:?}", server.raw_lines());
}

#[test]
fn one_that_refuses_is_told_by_its_status() {
    let refuses = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let peer = Peer::start(Some(refuses));
    let server = traced(peer.port, &[]);
    server.get("/version");
    let (line, _) = server.log_line("the collector", PATIENCE, |line| line["level"] == "WARN");
    assert!(line["reason"].as_str().unwrap().contains("403"), "{line}");
    eventually("what is lost", PATIENCE, || {
        let lost = count(&server, LOST);
        if lost > 0.5 { Ok(()) } else { Err(lost.to_string()) }
    });
}

#[test]
fn one_that_comes_back_gets_what_waited() {
    let Some(mut collector) = Collector::planned() else { return };
    let server = traced(collector.port, &[]);
    let (_, before, _) = ids(&server.get("/version"));
    server.log_line("it is away", PATIENCE, |line| line["level"] == "WARN");
    collector.begin();
    let (_, after, _) = ids(&server.get("/version"));
    let arrived: Vec<_> = collector.wait(2).into_iter().map(|span| span.span_id).collect();
    assert!(arrived.contains(&before) && arrived.contains(&after), "{arrived:?}");
    server.log_line("it is back", PATIENCE, |line| {
        line["message"] == "the collector takes spans again"
    });
    assert_eq!(told(&server, "the collector takes"), 2);
    // They are counted a moment after the collector has them.
    eventually("both are counted", PATIENCE, || {
        let exported = count(&server, "otlp_spans_exported_total");
        if exported > 1.5 { Ok(()) } else { Err(exported.to_string()) }
    });
}
