//! Dependencies that come, go, hang, crawl and refuse, and a service that lives through all of it.
//! What is asserted is what readiness reports, read from the cached result.

use std::net::TcpListener;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::peers::{Folder, Peer, Postgres, free_port, redis};
use super::support::{Server, eventually, has_tool};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// The longest between a change and its report: the interval of a well dependency, its timeout, and
/// some time for a busy machine.
const NOTICED: Duration = Duration::from_secs(5 + 2 + 3);

/// Waits until a check has found a dependency in a state, and returns its report. Without a grace a
/// dependency is unhealthy before its first check too; that is not what is waited for.
fn becomes(server: &Server, name: &str, state: &str) -> (Value, Duration) {
    eventually(&format!("{name} {state}"), NOTICED, || {
        let report = server.health()["services"][name].clone();
        let is_found = report["status"] == state && !report["last_check"].is_null();
        if is_found { Ok(report) } else { Err(report.to_string()) }
    })
}

/// The status of the service.
fn status(server: &Server) -> (u16, String) {
    let response = server.get("/health/ready");
    (response.status, response.json()["status"].as_str().unwrap().to_owned())
}

#[test]
fn postgresql_comes_goes_hangs_and_shuts_down() {
    if !has_tool("initdb") || !has_tool("pg_ctl") {
        return;
    }
    let port = free_port();
    let postgres = Postgres::new(port);
    let url = format!("postgres://app:hunter2@127.0.0.1:{port}/app");
    let server = Server::start(&[("DATABASE_URL", &url)]);

    assert_eq!(status(&server), (503, "starting".into()), "down at the start, within its grace");
    postgres.start();
    let (report, _) = becomes(&server, "database", "healthy");
    assert!(report["latency_ms"].as_f64().unwrap() < 100.0, "{report}");
    assert_eq!(
        (&report["consecutive_failures"], &report["criticality"]),
        (&0.into(), &"critical".into())
    );
    assert_eq!(status(&server), (200, "healthy".into()));

    postgres.signal_all("STOP");
    let (report, _) = becomes(&server, "database", "unhealthy");
    assert_eq!(report["message"], "no answer within 2000 ms");
    assert_eq!(status(&server), (503, "unhealthy".into()));
    assert_eq!(server.get("/health").status, 200, "liveness needs nobody");
    postgres.signal_all("CONT");
    becomes(&server, "database", "healthy");

    // A session that stays open keeps a server that shuts down smartly there, and refusing.
    let session = psql_session(port);
    postgres.stop("smart");
    let (report, _) = becomes(&server, "database", "unhealthy");
    let words = report["message"].as_str().unwrap();
    assert_eq!(words, "rejected: the database system is shutting down");
    drop(session);
    let refused = eventually("gone", NOTICED, || {
        let message = server.health()["services"]["database"]["message"].clone();
        if message == "connection refused" { Ok(()) } else { Err(message.to_string()) }
    });
    assert!(refused.1 < NOTICED);
    postgres.start();
    becomes(&server, "database", "healthy");

    let (well, ill) = ("dependency is healthy", "dependency is unhealthy");
    eventually("a change of state is one line", Duration::from_secs(1), || {
        let log = server.log();
        let changes =
            log.iter().filter(|line| line["dependency"] == "database" && !line["from"].is_null());
        let changes: Vec<&str> = changes.map(|line| line["message"].as_str().unwrap()).collect();
        if changes == [well, ill, well, ill, well] { Ok(()) } else { Err(format!("{changes:?}")) }
    });
    assert!(!server.raw_lines().join("\n").contains("hunter2"));
    assert_eq!(server.stop(), 0);
}

/// A session that is authenticated and stays, without a client library: startup, then silence.
fn psql_session(port: u16) -> std::net::TcpStream {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let body = b"\0\x03\0\0user\0app\0database\0postgres\0\0";
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    stream.write_all(&[&length[..], body].concat()).unwrap();
    assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
    stream
}

#[test]
fn redis_comes_goes_and_refuses_and_its_new_password_is_used_without_a_restart() {
    if !has_tool("redis-server") {
        return;
    }
    let (port, folder) = (free_port(), Folder::new());
    let url = |password: &str| format!("redis://:{password}@127.0.0.1:{port}/0\n");
    let file = folder.file("url", &url("first"));
    let server = Server::start(&[
        ("DEPENDENCIES__CACHE__URL", &format!("file:{file}")),
        ("DEPENDENCIES__CACHE__CRITICALITY", "important"),
        ("DEPENDENCIES__CACHE__GRACE", "0s"),
    ]);
    becomes(&server, "cache", "unhealthy");
    assert_eq!(status(&server), (200, "degraded".into()), "an important one");
    let cache = redis(port, "first");
    becomes(&server, "cache", "healthy");

    drop(cache);
    becomes(&server, "cache", "unhealthy");
    let cache = redis(port, "second");
    let refused = eventually("the old password refused", NOTICED, || {
        let message = server.health()["services"]["cache"]["message"].clone();
        if message == "rejected: WRONGPASS" { Ok(()) } else { Err(message.to_string()) }
    });
    assert!(refused.1 < NOTICED);
    folder.file("url", &url("second"));
    becomes(&server, "cache", "healthy");
    server.log_line("the change told", NOTICED, |line| {
        line["message"] == "a dependency's URL has changed; the new one is in use"
    });

    // A file that is gone or broken for a moment changes nothing.
    std::fs::remove_file(&file).unwrap();
    thread::sleep(Duration::from_secs(6));
    assert_eq!(server.health()["services"]["cache"]["status"], "healthy");

    cache.signal("STOP");
    let (report, _) = becomes(&server, "cache", "unhealthy");
    assert_eq!(report["message"], "no answer within 2000 ms");
    cache.signal("CONT");
    becomes(&server, "cache", "healthy");
    let log = server.raw_lines().join("\n");
    assert!(!log.contains("first") && !log.contains("second"), "{log}");
}

#[test]
fn a_url_s_file_that_is_gone_is_told_once_with_the_dependency_s_name_and_so_is_its_return() {
    let folder = Folder::new();
    // Nobody listens there, so that it is checked every second.
    let file = folder.file("url", "tcp://127.0.0.1:1");
    let server = Server::start(&[
        ("DEPENDENCIES__CACHE__URL", &format!("file:{file}")),
        ("DEPENDENCIES__CACHE__GRACE", "0s"),
        ("HEALTH__RETRY_CAP", "1s"),
    ]);
    let failures =
        || server.health()["services"]["cache"]["consecutive_failures"].as_u64().unwrap();
    let checks = |count| {
        let before = failures();
        eventually("more checks", NOTICED, || {
            let more = failures() - before;
            if more >= count { Ok(()) } else { Err(more.to_string()) }
        });
    };
    let told = |message: &str| {
        let log = server.log().into_iter();
        log.filter(|line| line["message"] == message).collect::<Vec<_>>()
    };
    checks(1);
    std::fs::remove_file(&file).unwrap();
    checks(4);
    let gone = told("a dependency's URL cannot be read; the last one stays in use");
    assert_eq!(gone.len(), 1, "{gone:?}");
    assert_eq!((&gone[0]["dependency"], &gone[0]["level"]), (&"cache".into(), &"WARN".into()));

    folder.file("url", "tcp://127.0.0.1:2");
    checks(3);
    for message in [
        "a dependency's URL can be read again",
        "a dependency's URL has changed; the new one is in use",
    ] {
        let lines = told(message);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(lines[0]["dependency"], "cache");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_url_s_file_that_hangs_does_not_make_its_dependency_unhealthy() {
    use std::process::Command;

    use super::support::peers::Process;

    if !has_tool("python3") {
        return;
    }
    let peer = Peer::start(Some(OK));
    let folder = Folder::new();
    let file = folder.file("url", &format!("http://127.0.0.1:{}/", peer.port));
    let server = Server::start(&[("DEPENDENCIES__API__URL", &format!("file:{file}"))]);
    becomes(&server, "api", "healthy");
    // Whoever opens a file on which another has a lease waits, as for a mount that hangs.
    let lease = "import fcntl, signal, sys, time
signal.signal(signal.SIGIO, signal.SIG_IGN)
file = open(sys.argv[1], 'r+')
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
time.sleep(60)";
    let _lease = Process::spawn(Command::new("python3").arg("-c").arg(lease).arg(&file));
    let (line, _) = server.log_line("that it hangs", NOTICED, |line| {
        line["message"] == "a dependency's URL cannot be read; the last one stays in use"
    });
    assert!(line["error"].as_str().unwrap().contains("its file does not answer"), "{line}");
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(6) {
        assert_eq!(status(&server), (200, "healthy".into()));
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn an_interim_answer_is_not_the_one_that_counts() {
    let peer = Peer::start(Some(
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    ));
    let url = format!("http://127.0.0.1:{}/", peer.port);
    let server = Server::start(&[("DEPENDENCIES__API__URL", &url)]);
    becomes(&server, "api", "healthy");
}

#[test]
fn a_slow_dependency_is_degraded_and_then_unhealthy() {
    let peer = Peer::start(Some(OK));
    peer.delay(300);
    let url = format!("http://127.0.0.1:{}/status?x=1", peer.port);
    let server = Server::start(&[("DEPENDENCIES__API__URL", &url)]);
    let (report, took) = becomes(&server, "api", "degraded");
    assert!(took < Duration::from_secs(3), "at its first answer: {took:?}");
    tells_slowness(&report, "slow", 300..=1000);
    assert_eq!(status(&server), (200, "degraded".into()));
    peer.delay(1300);
    let (report, _) = becomes(&server, "api", "unhealthy");
    tells_slowness(&report, "too slow", 1300..=2000);
    peer.delay(0);
    becomes(&server, "api", "healthy");
}

/// A report's words for a slowness of so many milliseconds.
fn tells_slowness(report: &Value, word: &str, range: RangeInclusive<u64>) {
    let told = report["message"].as_str().unwrap().strip_prefix(word);
    let took = told.and_then(|told| told.strip_prefix(": answered after ")?.strip_suffix(" ms"));
    let took = took.and_then(|took| took.parse().ok());
    assert!(took.is_some_and(|took| range.contains(&took)), "{report}");
}

#[test]
fn whatever_answers_wrongly_is_unhealthy_and_told_why() {
    for (kind, answer, told) in [
        ("http", "HTTP/1.1 503 No\r\n\r\n", "rejected: status 503"),
        ("http", "220 mail.test ESMTP\r\n", "answered, but not as HTTP"),
        ("redis", "HTTP/1.1 400 Bad Request\r\n\r\n", "answered, but not as Redis"),
        ("postgres", "HTTP/1.1 400 Bad Request\r\n\r\n", "answered, but not as PostgreSQL"),
        ("http", "HTTP/1.1 2", "closed without an answer"),
    ] {
        let peer = Peer::start(Some(answer));
        let url = format!("{kind}://127.0.0.1:{}/", peer.port);
        let server = Server::start(&[
            ("DEPENDENCIES__PEER__URL", &url),
            ("DEPENDENCIES__PEER__GRACE", "0s"),
        ]);
        let (report, _) = becomes(&server, "peer", "unhealthy");
        assert_eq!(report["message"], told, "{kind} {answer:?}");
    }
}

#[test]
fn names_are_looked_up_and_those_that_are_not_there_are_told() {
    let peer = Peer::start(Some(OK));
    let here = format!("http://localhost:{}/", peer.port);
    let server = Server::start(&[
        ("DEPENDENCIES__HERE__URL", &here),
        ("DEPENDENCIES__NOWHERE__URL", "tcp://no-such-host.invalid:80"),
        ("DEPENDENCIES__NOWHERE__CRITICALITY", "optional"),
        ("DEPENDENCIES__NOWHERE__GRACE", "0s"),
    ]);
    becomes(&server, "here", "healthy");
    let (report, _) = becomes(&server, "nowhere", "unhealthy");
    let told = report["message"].as_str().unwrap();
    assert!(told.contains("cannot be resolved") || told.contains("no answer"), "{told}");
    assert_eq!(status(&server), (200, "healthy".into()), "an optional one is only noted");
}

#[test]
fn a_plain_tcp_dependency_is_up_while_it_accepts() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    let server = Server::start(&[("DEPENDENCIES__PORT__URL", &url)]);
    becomes(&server, "port", "healthy");
    assert!(
        (server.metric("dependency_up{dependency=\"port\",criticality=\"critical\"}") - 1.0).abs()
            < 0.1
    );
    drop(listener);
    becomes(&server, "port", "unhealthy");
    assert!(server.metric("dependency_up{dependency=\"port\",criticality=\"critical\"}") < 0.1);
    assert!(server.metric("health_status{status=\"unhealthy\"}") > 0.9);
    assert!(server.metric("dependency_check_duration_seconds_count{dependency=\"port\"}") > 1.0);
}

#[test]
fn a_thousand_who_ask_at_once_cause_no_check() {
    let peer = Peer::start(Some(OK));
    peer.delay(400);
    let url = format!("http://127.0.0.1:{}/", peer.port);
    let server = Arc::new(Server::start(&[("DEPENDENCIES__API__URL", &url)]));
    becomes(&server, "api", "degraded");
    let before = peer.behaviour.total.load(SeqCst);
    let began = Instant::now();
    let askers: Vec<_> = (0..1000)
        .map(|_| {
            let server = Arc::clone(&server);
            let asker = thread::Builder::new().stack_size(128 * 1024);
            let ask = move || assert_eq!(server.get("/health/ready").status, 200);
            asker.spawn(ask).unwrap()
        })
        .collect();
    for asker in askers {
        asker.join().unwrap();
    }
    let checks = peer.behaviour.total.load(SeqCst) - before;
    let possible = began.elapsed().as_secs() / 5 + 1;
    assert!(checks as u64 <= possible, "{checks} checks in {:?}", began.elapsed());
    assert_eq!(peer.behaviour.most_open.load(SeqCst), 1, "one check at a time");
}

#[test]
fn failures_are_retried_with_growing_waits_up_to_the_cap() {
    let peer = Peer::start(None);
    peer.behaviour.is_rude.store(true, SeqCst);
    let url = format!("http://127.0.0.1:{}/", peer.port);
    let server = Server::start(&[("DEPENDENCIES__API__URL", &url), ("HEALTH__RETRY_CAP", "2s")]);
    let mut seen = Vec::new();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(9) {
        let total = peer.behaviour.total.load(SeqCst);
        if total > seen.len() {
            seen.push(began.elapsed());
        }
        thread::sleep(Duration::from_millis(5));
    }
    // 0, 1, 3, 5, 7, 9 s, each wait up to a fifth shorter. What a busy machine may add or take, as it
    // sees one late, is too little to be taken for waits that do not grow or have no cap.
    assert!((5..=7).contains(&seen.len()), "{seen:?}");
    for (pair, longest) in seen.windows(2).zip([1000, 2000, 2000, 2000]) {
        let wait = pair[1].abs_diff(pair[0]).as_millis();
        assert!(
            (longest * 8 / 10 - 200..longest + 800).contains(&wait),
            "{wait} of {longest}: {seen:?}"
        );
    }
    assert_eq!(server.get("/health").status, 200);
}
