//! What a span tells, where it hangs, and which there are.

use super::collector::{Collector, Span};
use super::support::PATIENCE;
use super::{ask, ids, traced};

const PARENT: &str = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
const UNSAMPLED: &str = "traceparent: 00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00\r\n";

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name}: {spans:#?}"))
}

#[test]
fn a_request_is_one_span_with_the_ids_of_header_and_log_line() {
    let Some(collector) = Collector::start() else { return };
    let more = [("POD_NAME", "traced-1"), ("OTEL_RESOURCE_ATTRIBUTES", "k8s.namespace.name=shop")];
    let server = traced(collector.port, &more);
    let mut client = server.connect();
    let fields = format!(
        "{PARENT}tracestate: a=1\r\nUser-Agent: tests/1\r\nX-Forwarded-For: 203.0.113.7\r\n"
    );
    let response = ask(&mut client, "/warn?token=hunter2", &fields);
    let (trace_id, span_id, flags) = ids(&response);
    assert_eq!((trace_id.as_str(), flags.as_str()), ("4bf92f3577b34da6a3ce929d0e0e4736", "01"));
    let spans = collector.wait(1);
    let span = named(&spans, "GET /warn");
    assert_eq!((&span.trace_id, &span.span_id), (&trace_id, &span_id));
    assert_eq!(span.parent_id, "00f067aa0ba902b7");
    assert_eq!((&span.json["kind"], &span.json["traceState"]), (&2.into(), &"a=1".into()));
    assert!(span.json["status"].get("code").is_none(), "{span:#?}");
    let expected = [
        ("http.request.method", "GET"),
        ("http.response.status_code", "204"),
        ("http.route", "/warn"),
        ("network.protocol.version", "1.1"),
        ("server.address", "test"),
        ("server.port", "80"),
        ("url.path", "/warn"),
        ("url.scheme", "http"),
        ("user_agent.original", "tests/1"),
    ];
    assert_eq!(span.attributes, expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    let resource = [
        ("service.name", "pcf-api"),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("service.instance.id", "traced-1"),
        ("k8s.pod.name", "traced-1"),
        ("k8s.namespace.name", "shop"),
    ];
    for (name, value) in resource {
        assert_eq!(span.resource[name], value, "{name}");
    }
    let events = span.events();
    assert_eq!(events.len(), 1, "INFO is the log's alone: {events:?}");
    assert_eq!((events[0].0.as_str(), &*events[0].1["stock"]), ("running low", "3"));
    let (line, _) =
        server.log_line("running low", PATIENCE, |line| line["message"] == "running low");
    assert_eq!((&line["trace_id"], &line["span_id"]), (&trace_id.into(), &span_id.into()));
    assert!(!format!("{spans:?}").contains("203.0.113.7"));
    assert!(!format!("{spans:?}").contains("hunter2"));
}

#[test]
fn only_what_fails_here_is_an_error() {
    let Some(collector) = Collector::start() else { return };
    let server = traced(collector.port, &[]);
    let mut client = server.connect();
    assert_eq!(client.get("/fail").status, 500);
    assert_eq!(client.get("/nowhere").status, 404);
    let spans = collector.wait(2);
    let failed = named(&spans, "GET /fail");
    assert_eq!(failed.json["status"]["code"], 2, "{failed:#?}");
    assert_eq!(failed.attributes["error.type"], "500");
    assert!(
        failed.events()[0].1.values().any(|value| value.contains("the disk is full")),
        "{failed:#?}"
    );
    let absent = named(&spans, "GET");
    assert_eq!(absent.attributes["http.response.status_code"], "404");
    assert!(absent.json["status"].get("code").is_none() && absent.parent_id.is_empty());
}

#[test]
fn probes_and_what_is_not_sampled_are_no_spans() {
    let Some(collector) = Collector::start() else { return };
    let server = traced(collector.port, &[]);
    let mut client = server.connect();
    for path in ["/health", "/health/ready", "/metrics"] {
        assert_eq!(ids(&client.get(path)).2, "00", "{path}");
    }
    let (trace_id, _, flags) = ids(&ask(&mut client, "/hello/you", UNSAMPLED));
    assert_eq!((&*trace_id, &*flags), ("5bf92f3577b34da6a3ce929d0e0e4736", "00"));
    // A span that was made after them tells that they would have arrived.
    ask(&mut client, "/version", "");
    let spans = collector.wait(1);
    assert_eq!(spans.len(), 1, "{spans:#?}");
    assert_eq!(spans[0].name, "GET /version");
}

#[test]
fn a_ratio_of_the_traces_that_begin_here_is_sampled_and_the_header_says_so() {
    let Some(collector) = Collector::start() else { return };
    let sampler =
        [("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.2")];
    let server = traced(collector.port, &sampler);
    let mut client = server.connect();
    let mut sampled: Vec<String> = (0..500)
        .map(|_| ids(&client.get("/version")))
        .filter(|(.., flags)| flags == "01")
        .map(|(_, span_id, _)| span_id)
        .collect();
    assert!((50..160).contains(&sampled.len()), "{}", sampled.len());
    sampled.push(ids(&ask(&mut client, "/version", PARENT)).1);
    let mut arrived: Vec<_> =
        collector.wait(sampled.len()).into_iter().map(|span| span.span_id).collect();
    arrived.sort();
    sampled.sort();
    assert_eq!(arrived, sampled);
}

#[test]
fn spans_of_one_s_own_are_children_and_one_trace_spans_two_services() {
    let Some(collector) = Collector::start() else { return };
    let second = traced(collector.port, &[("OTEL_SERVICE_NAME", "second")]);
    let first = traced(collector.port, &[("OTEL_SERVICE_NAME", "first")]);
    let response = first.get(&format!("/relay/{}", second.port));
    assert_eq!(response.text(), "Hello, you!");
    let (trace_id, span_id, _) = ids(&response);
    let spans = collector.wait(4);
    let chain = ["GET /relay/{port}", "relay", "GET /hello/{name}", "greet"]
        .map(|name| named(&spans, name));
    let services = ["first", "first", "second", "second"];
    let mut parent = "";
    for (span, service) in chain.into_iter().zip(services) {
        assert_eq!((&*span.trace_id, &*span.parent_id), (&*trace_id, parent), "{span:#?}");
        assert_eq!(span.resource["service.name"], service);
        parent = &span.span_id;
    }
    assert_eq!((&chain[0].span_id, &chain[1].json["kind"]), (&span_id, &3.into()));
    let events = chain[3].events();
    assert_eq!(
        events.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["a greeting in a span"]
    );
    assert_eq!(chain[3].attributes["name"], "you");
    assert!(chain[2].events().is_empty(), "an event is in one span: {chain:#?}");
}

#[test]
fn a_task_that_inherits_the_trace_makes_children_too() {
    let Some(collector) = Collector::start() else { return };
    let server = traced(collector.port, &[]);
    let (trace_id, span_id, _) = ids(&server.get("/spawn"));
    let spans = collector.wait(2);
    let spawned = named(&spans, "spawned");
    assert_eq!((&spawned.trace_id, &spawned.parent_id), (&trace_id, &span_id));
}

#[cfg(feature = "tls")]
#[test]
fn the_scheme_is_that_of_the_connection() {
    use super::service::tls::certificates::Authority;
    use super::support::has_tool;

    let Some(collector) = Collector::start().filter(|_| has_tool("curl")) else { return };
    let authority = Authority::new("spans");
    let pair = authority.issue("server", "/CN=localhost", "DNS:localhost", 30);
    let tls = [
        ("SERVER__TLS_CERTIFICATE", pair.certificate.as_str()),
        ("SERVER__TLS_KEY", pair.key.as_str()),
    ];
    let server = traced(collector.port, &tls);
    let url = format!("https://localhost:{}/warn", server.port);
    let curl = std::process::Command::new("curl")
        .args(["--silent", "--fail", "--http1.1", "--cacert", &authority.certificate, &url])
        .status();
    assert!(curl.unwrap().success());
    assert_eq!(named(&collector.wait(1), "GET /warn").attributes["url.scheme"], "https");
}
