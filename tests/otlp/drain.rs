//! The end of the service: nothing of what it has answered is lost.

use std::collections::BTreeSet;

use super::collector::Collector;
use super::support::PATIENCE;
use super::{ids, traced};

#[test]
fn a_thousand_requests_before_sigterm_are_a_thousand_spans() {
    let Some(collector) = Collector::start() else { return };
    // Nothing is sent before the end but full batches.
    let mut server = traced(collector.port, &[("OTEL_BSP_SCHEDULE_DELAY", "1h")]);
    let mut client = server.connect();
    let asked: BTreeSet<String> = (0..1000).map(|_| ids(&client.get("/version")).1).collect();
    server.signal("TERM");
    let (status, _) = server.wait(PATIENCE);
    assert!(status.success(), "{:?}", server.raw_lines());
    let arrived: BTreeSet<String> =
        collector.wait(1000).into_iter().map(|span| span.span_id).collect();
    assert_eq!(arrived.len(), 1000);
    assert_eq!(arrived, asked);
}

#[test]
fn a_request_that_is_cut_is_a_span_too() {
    let Some(collector) = Collector::start() else { return };
    let more = [("OTEL_BSP_SCHEDULE_DELAY", "1h"), ("SERVER__DRAIN_TIMEOUT", "100ms")];
    let mut server = traced(collector.port, &more);
    let mut client = server.connect();
    client.send("GET /hang HTTP/1.1\r\nHost: test\r\n\r\n");
    server.wait_in_flight(1);
    server.signal("TERM");
    server.wait(PATIENCE);
    let spans = collector.wait(1);
    assert_eq!(spans[0].attributes["error.type"], "no_answer", "{spans:#?}");
}
