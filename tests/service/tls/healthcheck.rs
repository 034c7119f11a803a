//! `healthcheck` asks in the way that the server's settings say.

use super::super::support::{Server, run};
use super::certificates::Authority;
use super::encrypted;

fn check(arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
    let output = run(&[&["healthcheck"], arguments].concat(), environment);
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn the_server_s_own_settings_make_it_speak_tls() {
    let authority = Authority::new("issuer");
    // Nobody can verify this one: it is for another name, and has expired.
    let pair = authority.issue("server", "/CN=server", "DNS:shop.example", -1);
    let tls = [("SERVER__TLS_CERTIFICATE", &*pair.certificate), ("SERVER__TLS_KEY", &*pair.key)];
    let server = Server::start(&tls);
    let port = server.port.to_string();
    let with_port = [tls[0], tls[1], ("PORT", &*port)];
    assert_eq!(check(&[], &with_port), (0, "healthy\n".to_owned()));
    assert_eq!(check(&["--live"], &with_port), (0, "200 OK\n".to_owned()));
    let (status, told) = check(&[], &[("PORT", &port)]);
    assert_eq!((status, &*told), (1, "400 this port speaks TLS: ask with https://\n"));
}

#[test]
fn a_server_that_speaks_none_is_2() {
    let server = Server::start(&[]);
    let (_other, authority) = encrypted(&[]);
    let pair = authority.issue("own", "/CN=own", "DNS:localhost", 30);
    let (status, told) = check(
        &[],
        &[
            ("SERVER__TLS_CERTIFICATE", &pair.certificate),
            ("SERVER__TLS_KEY", &pair.key),
            ("PORT", &server.port.to_string()),
        ],
    );
    assert_eq!((status, told.contains("the server does not speak TLS")), (2, true), "{told}");
}

#[test]
fn what_a_url_names_must_prove_its_name() {
    let (server, authority) = encrypted(&[]);
    let url = format!("https://localhost:{}", server.port);
    let ask = |url: &str, issuers: &str| check(&["--url", url], &[("SSL_CERT_FILE", issuers)]);
    assert_eq!(ask(&url, &authority.certificate), (0, "healthy\n".to_owned()));
    let stranger = Authority::new("stranger");
    let (status, told) = ask(&url, &stranger.certificate);
    assert_eq!(status, 2);
    assert!(told.contains("no TLS: the issuer of the server's certificate is not known"), "{told}");
    let (status, told) = ask(&format!("https://127.0.0.2:{}", server.port), &authority.certificate);
    assert_eq!((status, told.is_empty()), (2, false), "{told}");
}
