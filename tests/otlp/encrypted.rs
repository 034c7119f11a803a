//! A collector that speaks TLS.

use super::collector::Collector;
use super::service::tls::certificates::Authority;
use super::support::{PATIENCE, Server, run};
use super::traced;

const NAMES: &str = "DNS:localhost,IP:127.0.0.1";

/// The service, which believes those in this file. A scheme has no case.
fn asking(collector: &Collector, scheme: &str, file: &str) -> Server {
    let endpoint = format!("{scheme}://localhost:{}", collector.port);
    let environment =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_EXPORTER_OTLP_CERTIFICATE", file)];
    traced(collector.port, &environment)
}

/// Why the collector gets no spans.
fn reason(server: &Server) -> String {
    let (line, _) =
        server.log_line("the collector is away", PATIENCE, |line| line["level"] == "WARN");
    line["reason"].as_str().unwrap().to_owned()
}

#[test]
fn an_issuer_that_becomes_known_is_believed_without_a_restart() {
    let (stranger, authority) = (Authority::new("stranger"), Authority::new("issuer"));
    let pair = authority.issue("collector", "/CN=collector", NAMES, 30);
    let Some(collector) = Collector::start_encrypted(&pair) else { return };
    let file = stranger.folder.file("believed.pem", "");
    std::fs::copy(&stranger.certificate, &file).unwrap();
    let server = asking(&collector, "HTTPS", &file);
    assert_eq!(server.get("/version").status, 200);
    assert_eq!(reason(&server), "no TLS: the issuer of the server's certificate is not known");
    std::fs::copy(&authority.certificate, &file).unwrap();
    assert_eq!(collector.wait(1)[0].name, "GET /version");
    server.log_line("it is back", PATIENCE, |line| {
        line["message"] == "the collector takes spans again"
    });
}

#[test]
fn a_certificate_for_another_name_is_not_accepted() {
    let authority = Authority::new("issuer");
    let pair = authority.issue("collector", "/CN=collector", "DNS:shop.example", 30);
    let Some(collector) = Collector::start_encrypted(&pair) else { return };
    let server = asking(&collector, "https", &authority.certificate);
    assert_eq!(server.get("/version").status, 200);
    assert_eq!(reason(&server), "no TLS: the server's certificate is for another name");
    assert!(collector.spans().is_empty());
}

#[test]
fn a_file_that_cannot_be_read_is_a_mistake_in_the_configuration() {
    let output = run(
        &[],
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/file"),
        ],
    );
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    let expected =
        "otel.certificate (environment OTEL_EXPORTER_OTLP_CERTIFICATE): cannot read /no/such/file";
    assert!(told.contains(expected), "{told}");
}
