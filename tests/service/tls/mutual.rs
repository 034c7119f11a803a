//! Clients that must show who they are.

use std::process::{Command, Stdio};

use super::certificates::Authority;
use super::client::{Client, metric};
use super::{curl, encrypted, management_port, told};

#[test]
fn a_client_with_a_certificate_is_known_to_the_handler_and_one_without_is_refused() {
    let clients = Authority::new("clients");
    let (server, authority) = encrypted(&[
        ("SERVER__MANAGEMENT_PORT", "0"),
        ("SERVER__TLS_CLIENT_CA", &clients.certificate),
    ]);
    let url = format!("https://localhost:{}/whoami", server.port);
    let shop = clients.issue("shop", "/O=Example/CN=shop", "DNS:shop", 30);
    for protocol in ["--http1.1", "--http2"] {
        let with = [protocol, "--cert", &shop.certificate, "--key", &shop.key, &url];
        assert_eq!(curl(&authority, &with), (true, "CN=shop,O=Example".to_owned()));
    }
    let old = clients.issue("old", "/CN=old", "DNS:old", -1);
    let strangers = Authority::new("strangers");
    let stranger = strangers.issue("s", "/CN=shop", "DNS:shop", 30);
    let without: [&[&str]; 3] = [
        &[&url],
        &["--cert", &old.certificate, "--key", &old.key, &url],
        &["--cert", &stranger.certificate, "--key", &stranger.key, &url],
    ];
    for arguments in without {
        let (is_content, text) = curl(&authority, arguments);
        assert!(!is_content && text.contains("alert"), "{arguments:?}: {text}");
    }
    let place = format!("127.0.0.1:{}", server.port);
    let mut command = Command::new("openssl");
    let words =
        ["s_client", "-connect", &place, "-tls1_2", "-cert", &shop.certificate, "-key", &shop.key];
    let (is_content, text) = told(command.args(words).stdin(Stdio::null()));
    assert!(
        is_content && text.contains("Acceptable client certificate CA names\nCN = clients"),
        "{text}"
    );

    // Those who watch need none, and there is a port where nobody is asked.
    let management = management_port(&server);
    let mut watcher = Client::connect(management, &authority.certificate).unwrap();
    assert_eq!(watcher.get("/health/ready").unwrap().0, 200);
    let sample = "tls_handshakes_failed_total{reason=\"client_certificate\"}";
    assert!((metric(management, &authority.certificate, sample) - 3.0).abs() < 0.1);
}

#[test]
fn without_an_issuer_of_clients_nobody_is_known() {
    let (server, authority) = encrypted(&[]);
    let shop = authority.issue("shop", "/CN=shop", "DNS:shop", 30);
    let url = format!("https://localhost:{}/whoami", server.port);
    let with = ["--cert", &shop.certificate, "--key", &shop.key, &url];
    assert_eq!(curl(&authority, &with), (true, "nobody".to_owned()));
}
