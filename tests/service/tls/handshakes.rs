//! Versions and protocols, and what becomes of clients that do not fit.

use std::process::{Command, Stdio};

use super::super::support::{Client as Plain, PATIENCE, eventually};
use super::client::metric;
use super::{curl, encrypted, told};

#[test]
fn curl_speaks_both_protocols_over_one_connection_each() {
    let (server, authority) = encrypted(&[]);
    let url = format!("https://localhost:{}/hello/you", server.port);
    for (protocol, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let format = "|%{http_version} %{num_connects}\n";
        let (is_content, text) = curl(&authority, &[protocol, "-w", format, &url, &url]);
        assert!(is_content, "{text}");
        let expected = format!("Hello, you!|{version} 1\nHello, you!|{version} 0\n");
        assert_eq!(text, expected, "the second request is on the same connection");
    }
}

#[test]
fn bodies_larger_than_every_buffer_arrive_whole() {
    let (server, authority) = encrypted(&[("SERVER__MAX_BODY_BYTES", "8MiB")]);
    let body = authority.folder.file("body", &"0123456789abcdef".repeat(256 * 1024));
    let sent = format!("@{body}");
    for protocol in ["--http1.1", "--http2"] {
        let echo = format!("https://localhost:{}/echo", server.port);
        let out = authority.folder.0.join("echoed").display().to_string();
        let (is_content, text) =
            curl(&authority, &[protocol, "--data-binary", &sent, "-o", &out, &echo]);
        assert!(is_content, "{text}");
        assert!(std::fs::read(&out).unwrap() == std::fs::read(&body).unwrap(), "{protocol}");
    }
}

#[test]
fn openssl_gets_both_versions_and_the_protocol_that_it_asks_for() {
    let (server, authority) = encrypted(&[]);
    let place = format!("127.0.0.1:{}", server.port);
    for (version, word) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        for protocol in ["h2", "http/1.1"] {
            let mut command = Command::new("openssl");
            let words = ["s_client", "-connect", &place, version, "-alpn", protocol];
            command.args(words).args(["-CAfile", &authority.certificate, "-verify_return_error"]);
            let (is_content, text) = told(command.stdin(Stdio::null()));
            assert!(is_content && text.contains(word), "{text}");
            assert!(text.contains(&format!("ALPN protocol: {protocol}")), "{text}");
        }
    }
    for version in ["-tls1_1", "-tls1"] {
        let mut command = Command::new("openssl");
        let words = ["s_client", "-connect", &place, version, "-cipher", "ALL:@SECLEVEL=0"];
        let (is_content, text) = told(command.args(words).stdin(Stdio::null()));
        assert!(!is_content, "{version} is of the past: {text}");
    }
}

#[test]
fn plain_http_is_told_to_use_tls_and_each_failure_is_counted_by_its_reason() {
    // So long that nobody but the silent one takes it, on a busy machine too.
    let (server, authority) = encrypted(&[("SERVER__TLS_HANDSHAKE_TIMEOUT", "5s")]);
    let (status, code) = server.get("/hello/you").error();
    assert_eq!((status, code.as_str()), (400, "INVALID_INPUT"));
    let mut silent = server.connect();
    silent.rest_until_close();
    let mut garbage = server.connect();
    garbage.send([&[22, 3, 1, 0, 5][..], b"hello"].concat());
    garbage.rest_until_close();
    drop(server.connect());
    let url = format!("https://localhost:{}/", server.port);
    assert!(!told(Command::new("curl").args(["-sS", &url])).0, "the issuer is not known to it");
    let mut old = Command::new("openssl");
    let place = format!("127.0.0.1:{}", server.port);
    let words = ["s_client", "-connect", &place, "-tls1_2", "-cipher", "AES128-SHA"];
    assert!(!told(old.args(words).stdin(Stdio::null())).0, "no cipher in common");
    for reason in ["plaintext", "timeout", "invalid", "closed", "refused", "incompatible"] {
        let sample = format!("tls_handshakes_failed_total{{reason=\"{reason}\"}}");
        eventually(reason, PATIENCE, || {
            let count = metric(server.port, &authority.certificate, &sample);
            if (count - 1.0).abs() < 0.1 { Ok(()) } else { Err(format!("{count}")) }
        });
    }
    let sample = "tls_handshakes_failed_total{reason=\"client_certificate\"}";
    assert!(metric(server.port, &authority.certificate, sample) < 0.1);
}

#[test]
fn tls_on_a_plain_port_is_refused() {
    let server = super::super::support::Server::start(&[]);
    let mut client = Plain::connect(server.port);
    client.send([22, 3, 1, 0, 5, 1, 0, 0, 1, 0]);
    assert_eq!(client.response().status, 400);
}
