//! What is wrong with the settings of spans, and what is shown of them.

use super::support::{Server, run};

#[test]
fn every_mistake_is_told_at_once_and_the_service_does_not_start() {
    let wrong = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://collector:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4318"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096"),
        ("LOG_FORMAT", "xml"),
    ];
    let output = run(&[], &wrong);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    for part in [
        "8 mistakes",
        "otel.endpoint = \\\"ftp://collector:4318\\\" (environment OTEL_EXPORTER_OTLP_ENDPOINT)",
        "otel.traces_endpoint = \\\"collector:4318\\\"",
        "otel.protocol = \\\"grpc\\\"",
        "otel.headers = <redacted> (environment OTEL_EXPORTER_OTLP_HEADERS)",
        "otel.traces_sampler = \\\"sometimes\\\"",
        "otel.traces_sampler_arg = \\\"2\\\"",
        "4096 are more than otel.bsp_max_queue_size, 2048",
    ] {
        assert!(
            told.contains(part) || told.contains(&part.replace('\\', "")),
            "{part} is not in {told}"
        );
    }
    assert!(!told.contains("hunter2"));
}

#[test]
fn settings_are_shown_by_help_and_config_and_headers_are_not() {
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2"),
        ("OTEL_BSP_SCHEDULE_DELAY", "1000"),
    ];
    let told = String::from_utf8(run(&["config"], &environment).stdout).unwrap();
    for part in [
        "otel.endpoint = \"http://collector:4318\" ",
        "otel.headers = \"<redacted>\" ",
        "otel.bsp_schedule_delay = \"1s\" ",
        "otel.traces_sampler = \"parentbased_always_on\" ",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    assert!(!told.contains("hunter2"));
    let help = String::from_utf8(run(&["--help"], &[]).stdout).unwrap();
    assert!(
        help.contains("--otel.traces_sampler (OTEL_TRACES_SAMPLER) [parentbased_always_on]"),
        "{help}"
    );
}

#[test]
fn without_a_collector_or_where_it_is_disabled_nothing_of_spans_is_there() {
    let disabled =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"), ("OTEL_SDK_DISABLED", "true")];
    for environment in [&[][..], &disabled] {
        let server = Server::start(environment);
        let response = server.get("/version");
        assert!(response.header("traceparent").unwrap().ends_with("-01"));
        assert!(!server.get("/metrics").text().contains("otlp_"));
    }
}
