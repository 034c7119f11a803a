//! Dependencies over TLS: real servers, with certificates that are right, expired, for another name, or
//! of a stranger.

use std::process::Command;

use super::super::support::databases::{Postgres, Redis};
use super::super::support::health::has_answered;
use super::super::support::peers::{Process, free_port};
use super::super::support::{PATIENCE, Server, eventually, has_tool, run};
use super::certificates::{Authority, Pair};

const NAMES: &str = "DNS:localhost,IP:127.0.0.1";

/// What a check comes to: healthy, or why not.
fn checked(url: &str, more: &[(&str, &str)]) -> String {
    let url = ("DEPENDENCIES__PEER__URL", url);
    let server = Server::start(&[&[url, ("DEPENDENCIES__PEER__TIMEOUT", "5s")], more].concat());
    let (peer, _) = eventually("the first check", PATIENCE, || {
        let peer = server.health()["services"]["peer"].clone();
        if peer["last_check"].is_null() { Err(peer.to_string()) } else { Ok(peer) }
    });
    // Slow is what a busy machine makes of it.
    if has_answered(&peer) {
        return "up".to_owned();
    }
    peer["message"].as_str().unwrap().to_owned()
}

/// The certificates that a server may have, and what the check says of each.
fn certificates(authority: &Authority, stranger: &Authority) -> [(Pair, &'static str); 4] {
    [
        (authority.issue("good", "/CN=peer", NAMES, 30), "up"),
        (
            authority.issue("old", "/CN=peer", NAMES, -1),
            "no TLS: the server's certificate has expired",
        ),
        (
            authority.issue("other", "/CN=peer", "DNS:shop.example", 30),
            "no TLS: the server's certificate is for another name",
        ),
        (
            stranger.issue("strange", "/CN=peer", NAMES, 30),
            "no TLS: the issuer of the server's certificate is not known",
        ),
    ]
}

/// openssl's own web server.
fn web(port: u16, pair: &Pair) -> Process {
    let place = format!("127.0.0.1:{port}");
    let mut command = Command::new("openssl");
    command.args(["s_server", "-www", "-quiet", "-accept", &place, "-cert", &pair.certificate]);
    let process = Process::spawn(command.args(["-key", &pair.key]));
    listening(port);
    process
}

fn listening(port: u16) {
    eventually("the peer", PATIENCE, || {
        std::net::TcpStream::connect(("127.0.0.1", port)).map(drop).map_err(|it| it.to_string())
    });
}

#[test]
fn https_says_why_a_certificate_is_not_accepted() {
    let (authority, stranger) = (Authority::new("issuer"), Authority::new("stranger"));
    for (pair, expected) in certificates(&authority, &stranger) {
        let port = free_port();
        let _web = web(port, &pair);
        let url = format!("https://localhost:{port}/");
        let ca = ("DEPENDENCIES__PEER__CA", authority.certificate.as_str());
        assert_eq!(checked(&url, &[ca]), expected);
        let system = ("SSL_CERT_FILE", authority.certificate.as_str());
        assert_eq!(checked(&url, &[system]), expected, "by the system's");
    }
    let port = free_port();
    let _web = web(port, &authority.issue("good2", "/CN=peer", NAMES, 30));
    // An issuer that was made anew, as by a second `openssl req`, is known by its old key.
    let before = ("DEPENDENCIES__PEER__CA", &*Authority::new("issuer").certificate);
    let told = checked(&format!("https://localhost:{port}/"), &[before]);
    assert_eq!(told, "no TLS: the issuer of the server's certificate is known by another key");
    let nobody = [("SSL_CERT_FILE", "/dev/null"), ("SSL_CERT_DIR", "/nowhere")];
    let told = checked(&format!("https://127.0.0.1:{port}/"), &nobody);
    assert!(told.contains("this system has no CA certificates: set SSL_CERT_FILE"), "{told}");
    let plain = Server::start(&[]);
    let told = checked(
        &format!("https://127.0.0.1:{}/", plain.port),
        &[("DEPENDENCIES__PEER__CA", &authority.certificate)],
    );
    assert_eq!(told, "no TLS: the server does not speak TLS");
}

#[test]
fn rediss_is_redis_over_tls() {
    if !has_tool("redis-server") {
        return;
    }
    let (authority, stranger) = (Authority::new("issuer"), Authority::new("stranger"));
    for (pair, expected) in certificates(&authority, &stranger) {
        let port = free_port();
        let tls = port.to_string();
        let options = [
            "--bind",
            "127.0.0.1",
            "--requirepass",
            "s3cret",
            "--tls-port",
            &tls,
            "--tls-cert-file",
            &pair.certificate,
            "--tls-key-file",
            &pair.key,
            "--tls-ca-cert-file",
            &authority.certificate,
            "--tls-auth-clients",
            "no",
        ];
        let _redis = Redis::start(0, &options);
        listening(port);
        let ca = ("DEPENDENCIES__PEER__CA", authority.certificate.as_str());
        assert_eq!(checked(&format!("rediss://:s3cret@localhost:{port}"), &[ca]), expected);
    }
}

#[test]
fn sslmode_means_what_it_means_to_libpq_and_leaves_no_line_in_the_server_s_log() {
    if !has_tool("initdb") {
        return;
    }
    let (authority, stranger) = (Authority::new("issuer"), Authority::new("stranger"));
    let ca = ("DEPENDENCIES__PEER__CA", authority.certificate.as_str());
    let [(good, _), (old, expired), (other, name), (strange, issuer)] =
        certificates(&authority, &stranger);
    for (pair, require, verify_ca, verify_full) in [
        (&good, "up", "up", "up"),
        (&old, "up", expired, expired),
        (&other, "up", "up", name),
        (&strange, "up", issuer, issuer),
    ] {
        let port = free_port();
        let postgres = Postgres::with_certificate(port, &pair.certificate, &pair.key);
        postgres.allow(
            "hostssl all all 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256",
        );
        postgres.start();
        let before = postgres.log();
        let url = |mode: &str| format!("postgres://app@localhost:{port}/app?sslmode={mode}");
        assert_eq!(checked(&url("require"), &[]), require);
        assert_eq!(checked(&url("verify-ca"), &[ca]), verify_ca);
        assert_eq!(checked(&url("verify-full"), &[ca]), verify_full);
        // With a file of issuers `require` is `verify-ca`, as libpq has it.
        assert_eq!(checked(&url("require"), &[ca]), verify_ca);
        assert_eq!(checked(&url("prefer"), &[]), "up");
        let refusals = [verify_ca, verify_full].iter().any(|told| *told != "up");
        if !refusals {
            assert_eq!(postgres.log(), before);
        }
        postgres.stop("immediate");
    }
}

#[test]
fn a_postgres_without_tls_is_told_where_it_is_required() {
    if !has_tool("initdb") {
        return;
    }
    let port = free_port();
    let postgres = Postgres::new(port);
    postgres.start();
    let url = |mode: &str| format!("postgres://app@localhost:{port}/app?sslmode={mode}");
    assert_eq!(checked(&url("require"), &[]), "rejected: the server has no TLS");
    assert_eq!(checked(&url("prefer"), &[]), "up");
    postgres.stop("immediate");
}

#[test]
fn what_is_wrong_is_told_at_the_start() {
    for (name, value, expected) in [
        (
            "DEPENDENCIES__PEER__CA",
            "/no/such/file",
            "dependencies.peer.ca (environment DEPENDENCIES__PEER__CA): cannot read /no/such/file",
        ),
        ("DEPENDENCIES__PEER__CA", "Cargo.toml", "the file holds no certificate in PEM"),
        (
            "DATABASE_URL",
            "postgres://db/app?sslmode=full",
            "expected sslmode disable, allow, prefer",
        ),
    ] {
        let output = run(
            &["config", "--check"],
            &[("DEPENDENCIES__PEER__URL", "https://peer/"), (name, value)],
        );
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(expected), "{told}");
    }
}

/// Whom the server refuses it is not asked for again: it would log that every few seconds.
#[test]
fn a_postgres_that_refuses_logs_one_check_and_no_other() {
    if !has_tool("initdb") {
        return;
    }
    let authority = Authority::new("issuer");
    let pair = authority.issue("server", "/CN=server", NAMES, 30);
    let port = free_port();
    let postgres = Postgres::with_certificate(port, &pair.certificate, &pair.key);
    postgres.allow("hostssl all app all scram-sha-256\nhost all all all reject");
    postgres.start();
    let before = postgres.log().len();
    let url = |user: &str| format!("postgres://{user}@localhost:{port}/app?sslmode=verify-full");
    let server = Server::start(&[
        ("DEPENDENCIES__ASKED__URL", &url("app")),
        ("DEPENDENCIES__ASKED__CA", &authority.certificate),
        // A check that is cut is forgotten, and the next one asks once more.
        ("DEPENDENCIES__ASKED__TIMEOUT", "5s"),
        ("DEPENDENCIES__REFUSED__TIMEOUT", "5s"),
        ("DEPENDENCIES__REFUSED__URL", &url("refused")),
        ("DEPENDENCIES__REFUSED__CA", &authority.certificate),
    ]);
    for name in ["asked", "refused"] {
        let mut seen = std::collections::BTreeSet::new();
        eventually("three checks", 2 * PATIENCE, || {
            let report = server.health()["services"][name].clone();
            if let Some(time) = report["last_check"].as_str() {
                assert!(has_answered(&report), "{report}");
                seen.insert(time.to_owned());
            }
            if seen.len() >= 3 { Ok(()) } else { Err(report.to_string()) }
        });
    }
    let log = postgres.log();
    let new: Vec<_> = log[before..].lines().filter(|line| !line.contains("checkpoint")).collect();
    assert!(new.len() == 1 && new[0].contains("user \"refused\""), "{new:#?}");
    postgres.stop("immediate");
}
