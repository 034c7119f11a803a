//! Dependencies that come, go, hang, crawl and refuse, and a service that lives through all of it.
//! What is asserted is what readiness reports, read from the cached result.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::health::{NOTICED, answers, becomes, status, tells};
use super::support::peers::{Folder, Peer};
use super::support::{Server, eventually};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

#[test]
fn a_url_s_file_that_is_gone_is_told_once_with_the_dependency_s_name_and_so_is_its_return() {
    const GONE: &str = "a dependency's URL cannot be read; the last one stays in use";
    const BACK: &str = "a dependency's URL can be read again";
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
    let told = |messages: &[&str]| {
        let log = server.log().into_iter();
        log.filter(|line| messages.iter().any(|m| line["message"] == *m)).collect::<Vec<_>>()
    };
    // A read that takes a busy machine more than 50 ms is told likewise, and so is its end: each once.
    let told_in_turns = || {
        let lines = told(&[GONE, BACK]);
        let turns = [GONE, BACK].iter().cycle();
        let is_in_turns = lines.iter().zip(turns).all(|(line, turn)| line["message"] == *turn);
        assert!(is_in_turns, "{lines:?}");
        lines
    };
    // That is after it was read for the first time.
    tells(&server, "cache", "connection refused");
    std::fs::remove_file(&file).unwrap();
    checks(4);
    let before = told_in_turns();
    let gone = before.last().unwrap();
    assert_eq!((&gone["message"], &gone["level"]), (&GONE.into(), &"WARN".into()));
    assert_eq!(gone["dependency"], "cache");

    folder.file("url", "tcp://127.0.0.1:2");
    checks(3);
    let after = told_in_turns();
    let changed = told(&["a dependency's URL has changed; the new one is in use"]);
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert!(after.len() > before.len(), "its return is told: {after:?}");
    assert_eq!(after[before.len()]["dependency"], "cache");
    assert_eq!(changed[0]["dependency"], "cache");
}

#[test]
#[cfg(target_os = "linux")]
fn a_url_s_file_that_hangs_does_not_make_its_dependency_unhealthy() {
    use std::process::Command;

    use super::support::has_tool;
    use super::support::health::has_answered;
    use super::support::peers::Process;

    if !has_tool("python3") {
        return;
    }
    let peer = Peer::start(Some(OK));
    let folder = Folder::new();
    let file = folder.file("url", &format!("http://127.0.0.1:{}/", peer.port));
    let server = Server::start(&[("DEPENDENCIES__API__URL", &format!("file:{file}"))]);
    answers(&server, "api");
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
        // Its read takes a part of the time in which an answer counts as healthy, and no more.
        assert!(has_answered(&server.health()["services"]["api"]), "{}", server.health());
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
    answers(&server, "api");
}

#[test]
fn a_slow_dependency_is_degraded_and_then_unhealthy() {
    let peer = Peer::start(Some(OK));
    let url = format!("http://127.0.0.1:{}/status?x=1", peer.port);
    let server = Server::start(&[
        ("DEPENDENCIES__API__URL", &url),
        ("DEPENDENCIES__API__GRACE", "0s"),
        ("DEPENDENCIES__API__TIMEOUT", "5s"),
    ]);
    for (delay, least) in [(300, 300.0), (1300, 1300.0)] {
        peer.delay(delay);
        let (health, _) = eventually("a slow answer", NOTICED, || {
            let health = server.health();
            let latency = health["services"]["api"]["latency_ms"].as_f64();
            let is_slow = latency.is_some_and(|latency| latency >= least);
            if is_slow { Ok(health) } else { Err(health.to_string()) }
        });
        let state = tells_slowness(&health["services"]["api"]);
        assert_eq!(health["status"], state, "the service is as its critical dependency");
        assert!(delay < 1000 || state == "unhealthy", "{health}");
    }
    peer.delay(0);
    answers(&server, "api");
}

/// What an answer that came late makes of its dependency: state and words have to follow from the
/// latency that is told with them.
fn tells_slowness(report: &Value) -> &'static str {
    let latency = report["latency_ms"].as_f64().unwrap();
    let (state, word) =
        if latency <= 1000.0 { ("degraded", "slow") } else { ("unhealthy", "too slow") };
    assert_eq!(report["status"], state, "{report}");
    let told = report["message"].as_str().unwrap().strip_prefix(word);
    let took = told.and_then(|told| told.strip_prefix(": answered after ")?.strip_suffix(" ms"));
    let took: f64 = took.unwrap_or_else(|| panic!("{report}")).parse().unwrap();
    assert!((took - latency).abs() <= 1.0, "{report}");
    state
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
        // A check that takes too long on a busy machine tells something else.
        let report = tells(&server, "peer", told);
        assert_eq!(report["status"], "unhealthy", "{kind} {answer:?}");
    }
}

#[test]
fn names_are_looked_up_and_those_that_are_not_there_are_told() {
    let peer = Peer::start(Some(OK));
    let here = format!("http://localhost:{}/", peer.port);
    let server = Server::start(&[
        ("DEPENDENCIES__HERE__URL", &here),
        ("DEPENDENCIES__HERE__CRITICALITY", "optional"),
        ("DEPENDENCIES__NOWHERE__URL", "tcp://no-such-host.invalid:80"),
        ("DEPENDENCIES__NOWHERE__CRITICALITY", "optional"),
        ("DEPENDENCIES__NOWHERE__GRACE", "0s"),
    ]);
    answers(&server, "here");
    let report = becomes(&server, "nowhere", "unhealthy");
    let told = report["message"].as_str().unwrap();
    assert!(told.contains("cannot be resolved") || told.contains("no answer"), "{told}");
    assert_eq!(status(&server), (200, "healthy".into()), "optional ones are only noted");
}

#[test]
fn a_plain_tcp_dependency_is_up_while_it_accepts() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    let server = Server::start(&[("DEPENDENCIES__PORT__URL", &url)]);
    answers(&server, "port");
    // Not where a busy machine took a second for it; the next answer may be in time.
    eventually("up", NOTICED, || {
        let up = server.metric("dependency_up{dependency=\"port\",criticality=\"critical\"}");
        if up > 0.9 { Ok(()) } else { Err(up.to_string()) }
    });
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
    eventually("the first check", NOTICED, || {
        let report = server.health()["services"]["api"].clone();
        if report["last_check"].is_null() { Err(report.to_string()) } else { Ok(()) }
    });
    let before = peer.behaviour.total.load(SeqCst);
    let began = Instant::now();
    let askers: Vec<_> = (0..1000)
        .map(|_| {
            let server = Arc::clone(&server);
            let asker = thread::Builder::new().stack_size(128 * 1024);
            let ask = move || assert!(server.get("/health/ready").status >= 200);
            asker.spawn(ask).unwrap()
        })
        .collect();
    for asker in askers {
        asker.join().unwrap();
    }
    let checks = peer.behaviour.total.load(SeqCst) - before;
    // One every 5 s; every 800 ms where the machine is so slow that they fail.
    let possible = began.elapsed().as_millis() / 800 + 1;
    assert!(checks as u128 <= possible, "{checks} checks in {:?}", began.elapsed());
    assert_eq!(peer.behaviour.most_open.load(SeqCst), 1, "one check at a time");
}

#[test]
fn failures_are_retried_with_growing_waits_up_to_the_cap() {
    let peer = Peer::start(None);
    peer.behaviour.is_rude.store(true, SeqCst);
    let url = format!("http://127.0.0.1:{}/", peer.port);
    let began = Instant::now();
    let server = Server::start(&[("DEPENDENCIES__API__URL", &url), ("HEALTH__RETRY_CAP", "2s")]);
    // After 0, 1, 3, 5, 7, 9, 11 s, each wait up to a fifth shorter. A busy machine only adds to that.
    for (count, earliest) in [0, 800, 2400, 4000, 5600, 7200, 8800].into_iter().enumerate() {
        let ((), took) = eventually("the next try", NOTICED, || {
            let total = peer.behaviour.total.load(SeqCst);
            if total > count { Ok(()) } else { Err(total.to_string()) }
        });
        let since = began.elapsed().as_millis();
        assert!(since >= earliest, "try {count} after {since} ms");
        // Without a cap the last wait alone would take 26 s at least.
        assert!(took < Duration::from_secs(20), "try {count} came {took:?} after the one before");
    }
    assert_eq!(server.get("/health").status, 200);
}

#[test]
#[cfg(target_os = "linux")]
fn interim_answers_without_an_end_cost_no_cpu_and_no_one_s_latency() {
    use super::support::cpu_time;
    use super::support::peers::EndlessPeer;

    let rude: Vec<EndlessPeer> = (0..8).map(|_| EndlessPeer::start()).collect();
    let pairs: Vec<_> = (0..8)
        .map(|n| {
            (format!("DEPENDENCIES__RUDE{n}__URL"), format!("http://127.0.0.1:{}/", rude[n].port))
        })
        .collect();
    let honest = Peer::start(Some(OK));
    let honest_url = format!("http://127.0.0.1:{}/", honest.port);
    let mut environment: Vec<_> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    environment.push(("DEPENDENCIES__HONEST__URL", &honest_url));
    environment.push(("HEALTH__RETRY_CAP", "1s"));
    let server = Server::start(&environment);
    for n in 0..8 {
        tells(&server, &format!("rude{n}"), "rejected: interim answers without an end");
    }
    answers(&server, "honest");
    let failures = || {
        let services = server.health()["services"].take();
        let of = |n: usize| services[format!("rude{n}")]["consecutive_failures"].as_u64().unwrap();
        (0..8).map(of).collect::<Vec<_>>()
    };
    let first = failures();
    let before = cpu_time(server.pid());
    eventually("three more checks of each", NOTICED, || {
        // Not often: each look costs the server time too.
        thread::sleep(Duration::from_millis(100));
        let now = failures();
        let is_done = now.iter().zip(&first).all(|(now, first)| now - first >= 3);
        if is_done { Ok(()) } else { Err(format!("{first:?} {now:?}")) }
    });
    // Read to the end of its timeout, each would keep a CPU for two seconds.
    let spent = cpu_time(server.pid()).saturating_sub(before);
    assert!(spent < Duration::from_secs(2), "{spent:?} for three rounds of eight checks");
}
