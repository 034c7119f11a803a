//! `pcf-api healthcheck` against servers of every kind: it always ends in time, and its exit status
//! tells the three cases apart.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::peers::{EndlessPeer, Folder, Peer};
use super::support::{PATIENCE, Server, eventually, run};

/// Runs a health check; its status, what it printed, how long it took.
fn check(arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String, Duration) {
    let began = Instant::now();
    let output = run(&[&["healthcheck"], arguments].concat(), environment);
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap(), began.elapsed())
}

fn check_port(port: u16) -> (i32, String, Duration) {
    check(&["--timeout", "20s"], &[("PORT", &port.to_string())])
}

#[test]
fn a_healthy_server_is_0() {
    let server = Server::start(&[]);
    let port = server.port.to_string();
    assert_eq!(check_port(server.port).0, 0);
    assert_eq!(check_port(server.port).1, "healthy\n");
    assert_eq!(check(&["--live"], &[("PORT", &port)]).1, "200 OK\n");
    assert_eq!(check(&["--quiet"], &[("PORT", &port)]).1, "");
    let (status, json, _) = check(&["--json"], &[("SERVER__PORT", &port)]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((status, json["status"].as_str()), (0, Some("healthy")));
}

#[test]
fn a_degraded_server_is_0_and_an_unhealthy_or_starting_one_is_1_and_alive() {
    // Nobody listens there; a free port may be another test's a moment later.
    let url = "tcp://127.0.0.1:1";
    for (criticality, grace, expected, word) in [
        ("important", "0s", 0, "degraded"),
        ("critical", "0s", 1, "unhealthy"),
        ("critical", "1h", 1, "starting"),
        ("optional", "0s", 0, "healthy"),
    ] {
        let server = Server::start(&[
            ("DEPENDENCIES__DB__URL", url),
            ("DEPENDENCIES__DB__CRITICALITY", criticality),
            ("DEPENDENCIES__DB__GRACE", grace),
        ]);
        eventually("checked", PATIENCE, || {
            let report = server.health();
            let is_checked = !report["services"]["db"]["last_check"].is_null();
            if is_checked { Ok(()) } else { Err(report.to_string()) }
        });
        let (status, text, _) = check_port(server.port);
        assert_eq!(status, expected, "{word}: {text}");
        assert!(text.starts_with(word) && text.contains("connection refused"), "{text}");
        let own = server.port.to_string();
        assert_eq!(check(&["--live"], &[("PORT", &own)]).0, 0, "{word}: liveness needs nobody");
    }
}

#[test]
fn a_draining_server_is_1_and_alive() {
    let server = Server::start(&[("SERVER__DRAIN_DELAY", "30s")]);
    server.signal("TERM");
    server.log_line("draining", PATIENCE, |line| line["signal"] == "SIGTERM");
    let (status, text, _) = check_port(server.port);
    assert_eq!((status, text.as_str()), (1, "draining\n"));
    assert_eq!(check(&["--live"], &[("PORT", &server.port.to_string())]).0, 0);
}

#[test]
fn a_refused_port_is_2_at_once() {
    let (status, text, took) = check_port(1);
    assert_eq!(status, 2);
    assert!(text.contains("cannot connect") && took < Duration::from_secs(10), "{took:?} {text}");
}

#[test]
fn a_silent_peer_is_2_after_the_timeout_which_is_5_seconds_if_not_told() {
    let peer = Peer::start(None);
    let port = [("PORT", &*peer.port.to_string())];
    let (status, text, took) = check(&["--timeout", "1s"], &port);
    assert_eq!((status, text.contains("in time")), (2, true), "{text}");
    assert!((900..4900).contains(&took.as_millis()), "{took:?}");
    let (status, _, took) = check(&[], &port);
    assert_eq!(status, 2);
    assert!((4900..20_000).contains(&took.as_millis()), "{took:?}");
}

#[test]
fn garbage_and_an_early_close_are_2() {
    for garbage in ["SSH-2.0-OpenSSH_9.2\r\n", "\0\0\0\0", "HTTP/1.1 2OO OK\r\n\r\n", "HTTP/1.1"] {
        let peer = Peer::start(Some(garbage));
        assert_eq!(check_port(peer.port).0, 2, "{garbage:?}");
    }
    let cut = Peer::start(Some("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nOK"));
    assert_eq!(check_port(cut.port).0, 2, "less body than was promised");
    let rude = Peer::start(None);
    rude.behaviour.is_rude.store(true, SeqCst);
    assert_eq!(check_port(rude.port).0, 2);
}

#[test]
fn a_body_in_chunks_counts_when_it_is_whole() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let body = "{\"status\":\"healthy\"}";
    let whole = Peer::start(Some(&format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len())));
    assert_eq!(check_port(whole.port).1, "healthy\n");
    assert_eq!(check(&["--json"], &[("PORT", &whole.port.to_string())]).1, format!("{body}\n"));
    for part in ["", "14\r\n{\"status\":\"hea", "2\r\nOK\r\n", "2\r\nOK\r\n0\r\n"] {
        let cut = Peer::start(Some(&format!("{head}{part}")));
        let (status, told, _) = check_port(cut.port);
        assert_eq!(status, 2, "{part:?}: {told}");
    }
}

#[test]
fn no_control_character_of_the_answer_is_printed() {
    let deceit = "a\u{1b}[2J\u{7f}\u{9b}\u{202e}b\nc";
    let json = serde_json::json!({ "status": deceit, "services": { deceit: {
        "status": deceit, "message": deceit,
    }}});
    for body in [json.to_string(), deceit.to_owned()] {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let peer = Peer::start(Some(&answer));
        let port = peer.port.to_string();
        for arguments in [&["healthcheck"][..], &["healthcheck", "--json"]] {
            let output = run(arguments, &[("PORT", &port)]);
            let printed = String::from_utf8(output.stdout).unwrap();
            let line = printed.strip_suffix('\n').unwrap();
            let found = line.chars().find(|c| c.is_control() || *c == '\u{202e}');
            assert_eq!(found, None, "{arguments:?}: {printed:?}");
            assert!(line.contains('a') && line.contains("[2J"), "{printed:?}");
        }
    }
}

#[test]
fn interim_answers_without_an_end_are_2_long_before_the_timeout() {
    let peer = EndlessPeer::start();
    let (status, told, took) = check(&["--timeout", "1m"], &[("PORT", &peer.port.to_string())]);
    assert_eq!((status, told.contains("not HTTP")), (2, true), "{told}");
    assert!(took < Duration::from_secs(30), "{took:?}");
}

#[test]
fn a_drip_of_one_byte_a_second_is_2_within_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK" {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_secs(1));
        }
    });
    let (status, _, took) = check(&["--timeout", "3s"], &[("PORT", &port.to_string())]);
    assert_eq!(status, 2);
    assert!((2900..20_000).contains(&took.as_millis()), "{took:?}");
}

#[test]
fn a_503_of_someone_else_is_1() {
    let peer = Peer::start(Some("HTTP/1.0 503 Service Unavailable\r\n\r\n"));
    assert_eq!(check_port(peer.port).0, 1);
}

#[test]
fn the_address_is_that_of_the_server_s_own_configuration() {
    let server = Server::start(&[]);
    let port = server.port.to_string();
    let folder = Folder::new();
    let file = folder.file("pcf.toml", &format!("[server]\nport = {port}\n"));
    assert_eq!(check(&[], &[("CONFIG_FILE", &file)]).0, 0, "from the file");
    assert_eq!(check(&["--config", &file], &[]).0, 0, "from the file of the flag");
    assert_eq!(check(&["--port", &port], &[("PORT", "1")]).0, 0, "a flag is over the environment");
    let url = format!("http://127.0.0.1:{port}");
    assert_eq!(check(&["--url", &url], &[]).1, "healthy\n", "the path is readiness' own");
    assert_eq!(check(&["--url", &format!("{url}/version")], &[]).0, 0);
    assert_eq!(check(&["--url", &format!("{url}/nothing")], &[]).0, 1);
    assert_eq!(check(&["--url", &format!("http://localhost:{port}")], &[]).0, 0, "by name");
    let no_tls = if cfg!(feature = "tls") { "" } else { "https://127.0.0.1/" };
    for wrong in [no_tls, "127.0.0.1", "http://", "http://me:hunter2@127.0.0.1/"] {
        let (status, told, _) = check(&["--url", wrong], &[]);
        assert_eq!(status, 2, "{wrong}");
        assert!(told.contains("--url: expected http://") && !told.contains("hunter2"), "{told}");
    }
    let broken = [("PORT", port.as_str()), ("LOG_FORMAT", "xml"), ("SERVER__NOPE", "1")];
    assert_eq!(check(&[], &broken).0, 0, "whatever else is wrong with the configuration");
    assert_eq!(check(&[], &[("PORT", "80800")]).0, 2);
}

#[test]
fn ipv6_is_asked_too() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("skipped: this machine has no IPv6");
        return;
    }
    // Another test may have the same port on 127.0.0.1, which is asked first.
    let is_free = |server: &Server| TcpListener::bind((Ipv4Addr::LOCALHOST, server.port)).is_ok();
    let mut servers = (0..9).map(|_| Server::start(&[("SERVER__HOST", "::1")]));
    let server = servers.find(is_free).unwrap();
    let port = server.port.to_string();
    assert_eq!(check(&[], &[("PORT", &port), ("SERVER__HOST", "::1")]).0, 0);
    assert_eq!(
        check(&[], &[("PORT", &port)]).0,
        0,
        "the default asks the loopback of both families"
    );
    let everywhere = Server::start(&[("SERVER__HOST", "0.0.0.0")]);
    let url = format!("http://[::1]:{}", everywhere.port);
    assert_eq!(check(&["--url", &url], &[]).0, 0, "the default listens on both");
}
