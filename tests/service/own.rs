//! A service of one's own: `examples/own.rs`, which is another crate's as far as names go.

use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::support::{PATIENCE, Server, binary, eventually};

const MUST: (&str, &str) = ("OWN__MUST", "7");

fn own(environment: &[(&str, &str)]) -> Server {
    let mut all = vec![MUST];
    all.extend(environment);
    Server::launch(Command::new(binary("own")), &all)
}

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(binary("own"));
    command.args(arguments).env_clear().env("LOG_FORMAT", "json").stdin(Stdio::null());
    command.envs(environment.iter().copied()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn its_name_and_version_are_everywhere() {
    let version = run(&["--version"], &[]);
    assert!(text(&version.stdout).starts_with("shop 9.8.7 ("), "{version:?}");
    let help = text(&run(&["--help"], &[]).stdout);
    assert!(help.starts_with("shop 9.8.7: A shop for tests\n\nshop [serve] "), "{help}");
    assert!(!help.contains("pcf-api"), "{help}");
    let wrong = text(&run(&["sevre"], &[]).stderr);
    assert!(wrong.contains("see shop --help"), "{wrong}");
    let away = run(&["healthcheck", "--url", "http://127.0.0.1:1/"], &[]);
    assert!(text(&away.stderr).starts_with("shop healthcheck: "), "{away:?}");
    let server = own(&[]);
    for path in ["/version", "/"] {
        let json = server.get(path).json();
        assert_eq!((&json["name"], &json["version"]), (&"shop".into(), &"9.8.7".into()), "{path}");
    }
    assert_eq!(server.health()["version"], "9.8.7");
    let scrape = server.get("/metrics").text();
    let info = "service_build_info{service=\"shop\",version=\"9.8.7\",target=";
    assert!(scrape.contains(info), "{scrape}");
    let (listening, _) =
        server.log_line("listening", PATIENCE, |line| line["message"] == "listening");
    assert_eq!((&listening["service"], &listening["version"]), (&"shop".into(), &"9.8.7".into()));
}

#[test]
fn its_settings_are_rows_of_the_one_table() {
    let help = text(&run(&["--help"], &[]).stdout);
    assert!(help.contains("--own.least (OWN__LEAST) [3]\n      A number in a range."), "{help}");
    let config = run(&["config"], &[MUST, ("OWN__LEAST", "4"), ("OWN__KEY", "hunter2")]);
    let told = text(&config.stdout);
    assert!(told.contains("own.least = 4 ") && told.contains("# environment OWN__LEAST"), "{told}");
    assert!(told.contains("own.key = \"<redacted>\"") && !told.contains("hunter2"), "{told}");
    let wrong = run(&[], &[("OWN__LEAST", "10"), ("OWN__LAEST", "1"), ("SERVER__PORT", "x")]);
    assert_eq!(wrong.status.code(), Some(2));
    let told = text(&wrong.stderr);
    for part in [
        "4 mistakes",
        "own.least = \\\"10\\\" (environment OWN__LEAST): expected a whole number, from 1 to 9",
        "OWN__LAEST (environment OWN__LAEST): no such setting; did you mean OWN__LEAST?",
        "own.must: is not set; set OWN__MUST or --own.must: ",
        "server.port = ",
    ] {
        assert!(told.contains(part), "{part:?} is not in {told}");
    }
    let server = own(&[("OWN__LEAST", "5")]);
    assert_eq!(server.get("/state").text(), "[5,false]");
}

#[test]
fn its_start_and_routes_are_for_serve_alone() {
    let fails = [MUST, ("OWN__START", "panic")];
    for arguments in [&["config", "--check"][..], &["--version"], &["--help"]] {
        let ended = run(arguments, &fails);
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    }
    let ended = run(&["healthcheck", "--url", "http://127.0.0.1:1/"], &fails);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
}

#[test]
fn a_start_that_fails_says_why_and_binds_no_port() {
    for (how, reason) in [
        ("fail", "the start failed: the shop cannot open: invalid digit found in string"),
        ("panic", "the start panicked; the line before says where"),
    ] {
        let path = std::env::temp_dir().join(format!("own-{how}-{}", std::process::id()));
        std::fs::write(&path, "").unwrap();
        let left = ("TERMINATION_LOG", path.to_str().unwrap());
        let ended = run(&[], &[MUST, ("OWN__START", how), ("PORT", "0"), left]);
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        let told = text(&ended.stderr);
        assert!(told.lines().last().unwrap().contains(reason), "{told}");
        assert!(!told.contains("listening"), "{told}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), reason);
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_start_that_hangs_ends_by_a_signal() {
    let mut child = Command::new(binary("own"))
        .env_clear()
        .envs([MUST, ("OWN__START", "hang"), ("PORT", "0"), ("LOG_FORMAT", "json")])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It has no line before that: once its signals are taken over it is known to wait.
    let status = format!("/proc/{}/status", child.id());
    eventually("that SIGTERM is caught", PATIENCE, || {
        let status = std::fs::read_to_string(&status).map_err(|error| error.to_string())?;
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0");
        let caught = u64::from_str_radix(caught.trim(), 16).unwrap_or(0);
        if caught & (1 << 14) != 0 { Ok(()) } else { Err(status) }
    });
    Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status().unwrap();
    let ended = eventually("the end", PATIENCE, || match child.try_wait().unwrap() {
        Some(status) => Ok(status),
        None => Err("it runs".to_owned()),
    });
    assert_eq!(ended.0.code(), Some(0));
    let told = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert!(told.contains("stopped by SIGTERM before it had started"), "{told}");
}

#[test]
fn its_metrics_are_scraped_with_closed_labels() {
    let server = own(&[]);
    for kind in ["big", "big", "hunter2", "small"] {
        assert_eq!(server.get(&format!("/seen/{kind}")).status, 204);
    }
    for (sample, value) in [
        ("own_seen_total{kind=\"big\"}", 2.0),
        ("own_seen_total{kind=\"other\"}", 1.0),
        ("own_sizes_bucket{le=\"10\"}", 4.0),
        ("own_sizes_bucket{le=\"1\"}", 0.0),
        ("own_sizes_sum", 20.0),
    ] {
        assert!((server.metric(sample) - value).abs() < 1e-9, "{sample}");
    }
    assert!(!server.get("/metrics").text().contains("hunter2"));
}

#[test]
fn its_check_is_one_of_the_dependencies() {
    let server = own(&[]);
    let pool = |is: &'static str| {
        eventually(&format!("a pool that is {is}"), PATIENCE, || {
            let health = server.health();
            let pool = health["services"]["pool"].clone();
            if pool["status"] == is { Ok((health, pool)) } else { Err(health.to_string()) }
        })
        .0
    };
    let (health, found) = pool("healthy");
    assert_eq!(
        (&health["status"], &found["criticality"]),
        (&"healthy".into(), &"important".into())
    );
    server.get("/well/false");
    let (health, found) = pool("unhealthy");
    assert_eq!(
        (&health["status"], &found["message"]),
        (&"degraded".into(), &"no connection".into())
    );
    let up = "dependency_up{dependency=\"pool\",criticality=\"important\"}";
    assert!(server.metric(up).abs() < 1e-9);
    server.get("/well/true");
    pool("healthy");
}

#[test]
fn its_secret_is_read_again_when_its_file_changes() {
    let path = std::env::temp_dir().join(format!("own-key-{}", std::process::id()));
    std::fs::write(&path, "hunter2").unwrap();
    let server = own(&[("OWN__KEY", &format!("file:{}", path.display()))]);
    assert_eq!(server.get("/key").text(), "7");
    std::fs::write(&path, "hunter2 the second\n").unwrap();
    eventually("the new key", PATIENCE, || match server.get("/key").text().as_str() {
        "18" => Ok(()),
        other => Err(other.to_owned()),
    });
    assert!(!server.raw_lines().join("").contains("hunter2"), "no line shows it");
    std::fs::remove_file(path).unwrap();
    assert_eq!(own(&[]).get("/key").error(), (410, "GONE".to_owned()));
}

#[test]
fn its_errors_have_any_status_and_show_nothing_internal() {
    let server = own(&[]);
    for (kind, status, code) in [
        ("credit", 402, "OUT_OF_CREDIT"),
        ("legal", 451, "UNAVAILABLE_FOR_LEGAL_REASONS"),
        ("x", 502, "BAD_GATEWAY"),
    ] {
        let response = server.get(&format!("/error/{kind}"));
        assert_eq!(response.error(), (status, code.to_owned()));
        assert!(!response.text().contains("hunter2"), "{response:?}");
    }
    let legal = server.get("/error/legal").json();
    assert_eq!(legal["error"]["message"], "a court has said no");
    eventually("the cause in the log", PATIENCE, || {
        let told = server.raw_lines().join("\n");
        if told.contains("hunter2: invalid digit found in string") { Ok(()) } else { Err(told) }
    });
    assert!(server.get("/metrics").text().contains("route=\"/error/{kind}\",status=\"402\"} 1"));
}

#[test]
fn a_route_has_limits_of_its_own() {
    let server = own(&[("SERVER__MAX_BODY_BYTES", "1KiB")]);
    let post =
        |path: &str, size: usize| server.connect().post(path, "text/plain", &vec![b'x'; size]);
    assert_eq!(post("/upload", 2 << 20).text(), (2 << 20).to_string());
    assert_eq!(post("/upload", (2 << 20) + 1).error().0, 413);
    assert_eq!(post("/api/echo", 1025).error().0, 413);
    let began = Instant::now();
    assert_eq!(server.get("/slow").error(), (504, "TIMEOUT".to_owned()));
    assert!(began.elapsed() < Duration::from_secs(8));
    assert_eq!((server.get("/quiet").status, server.get("/state").status), (200, 200));
    let (_, _) = server.log_line("the line of /state", PATIENCE, |line| line["route"] == "/state");
    assert!(server.log().iter().all(|line| line["route"] != "/quiet"), "DEBUG is not written");
}

#[test]
fn a_layer_is_around_all_of_its_group_and_nothing_else() {
    let server = own(&[("OWN__LEAST", "8")]);
    let mut client = server.connect();
    for (method, path, status) in [
        ("GET", "/api", 200),
        ("HEAD", "/api", 200),
        ("GET", "/api/error/credit", 402),
        ("DELETE", "/api", 405),
        ("OPTIONS", "/api", 204),
    ] {
        let response = client.request(method, path);
        assert_eq!((response.status, response.header("x-stamp")), (status, Some("8")), "{path}");
        assert!(response.header("x-request-id").is_some(), "{path}");
    }
    let refused = client.request("DELETE", "/api");
    assert_eq!(refused.header("allow"), Some("GET, HEAD, OPTIONS"));
    assert_eq!(refused.error(), (405, "METHOD_NOT_ALLOWED".to_owned()));
    for path in ["/state", "/api/nothing"] {
        assert_eq!(client.get(path).header("x-stamp"), None, "{path}");
    }
    assert_eq!(server.connect().post("/api/echo", "text/plain", b"abc").text(), "abc");
    let scrape = server.get("/metrics").text();
    assert!(scrape.contains("route=\"/api/error/{kind}\",status=\"402\"} 1"), "{scrape}");
}

#[test]
fn a_service_is_mounted_with_all_that_routes_have() {
    let server = own(&[]);
    let mut client = server.connect();
    for (method, path, told) in [
        ("GET", "/mounted", "below GET /"),
        ("GET", "/mounted/?a=b", "below GET /?a=b"),
        ("BREW", "/mounted/a/b?c", "below BREW /a/b?c"),
        ("POST", "/whole/a.B/C", "whole POST /whole/a.B/C"),
    ] {
        let response = client.request(method, path);
        assert_eq!((response.status, response.text().as_str()), (200, told));
        assert!(response.header("traceparent").is_some());
    }
    let broken = client.get("/mounted/broken");
    assert_eq!(broken.error(), (500, "INTERNAL_ERROR".to_owned()));
    assert!(!broken.text().contains("hunter2"));
    for sample in [
        "http_requests_total{method=\"other\",route=\"/mounted/{*rest}\",status=\"200\"}",
        "http_requests_total{method=\"POST\",route=\"/whole/{*path}\",status=\"200\"}",
    ] {
        assert!((server.metric(sample) - 1.0).abs() < 1e-9, "{sample}");
    }
}

#[test]
fn a_task_that_fails_is_begun_again_and_the_end_is_in_order() {
    let mut server = own(&[("SERVER__DRAIN_DELAY", "1s")]);
    server.log_line("the second beat", PATIENCE, |line| line["beat"] == 1);
    let failed = server.log().into_iter().find(|line| line["task"] == "beat").unwrap();
    assert_eq!(
        (&failed["level"], &failed["error"]),
        (&"ERROR".into(), &"the first one fails".into())
    );
    let mut events = server.connect();
    events.send("GET /events HTTP/1.1\r\nHost: test\r\n\r\n");
    server.wait_in_flight(1);
    server.signal("TERM");
    let (status, took) = server.wait(PATIENCE);
    assert_eq!(status.code(), Some(0), "a stream that learns of the drain holds nothing");
    assert!(took < Duration::from_secs(10), "{took:?}");
    let rest = text(&events.rest_until_close());
    assert!(rest.contains("data: first") && rest.ends_with("0\r\n\r\n"), "whole: {rest}");
    let messages: Vec<String> = server
        .log()
        .iter()
        .filter_map(|line| line["message"].as_str().map(str::to_owned))
        .filter(|message| {
            ["no more beats", "closed"].contains(&message.as_str())
                || message.starts_with("stopped")
        })
        .collect();
    assert_eq!(messages, ["no more beats", "closed", "stopped by SIGTERM: drained"]);
}

#[test]
fn what_hangs_at_the_end_is_cut_and_told() {
    let mut server = own(&[("OWN__STOP", "hang"), ("SERVER__DRAIN_TIMEOUT", "1s")]);
    server.signal("TERM");
    let (status, _) = server.wait(PATIENCE);
    assert_eq!(status.code(), Some(1));
    let last = server.log().last().unwrap()["message"].as_str().unwrap().to_owned();
    assert_eq!(last, "stopped by SIGTERM: drained; what ran beside the routes was cut");
}

/// What a pool spawns must go on while a handler holds its thread.
#[test]
fn a_blocked_handler_stops_nobody_else_s_pool() {
    let server = own(&[("SERVER__WORKERS", "2")]);
    assert_eq!(server.get("/ask").text(), "42");
    let mut blocked = server.connect();
    // Far longer than a busy machine needs for what follows.
    blocked.send("GET /block/10000 HTTP/1.1\r\nHost: test\r\n\r\n");
    server.wait_in_flight(1);
    let askers: Vec<_> = (0..8)
        .map(|_| {
            let port = server.port;
            thread::spawn(move || super::support::Client::connect(port).get("/ask").text())
        })
        .collect();
    for asker in askers {
        assert_eq!(asker.join().unwrap(), "42");
    }
    // All of them, and the one that blocks is not done: none has waited for it.
    assert!(server.metric("http_requests_in_flight") >= 2.0);
    assert_eq!(blocked.response().text(), "blocked");
}
