//! Log lines: their form, what is never in them, and that they never make a request wait.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::peers::{Folder, free_port};
use super::support::{Client, PATIENCE, Server, binary, eventually, run};

/// What `Server::launch` gives the others too: a machine that is busy with other tests is no overload.
const PATIENT: (&str, &str) = ("SERVER__MAX_QUEUE_TIME", "20s");

#[test]
fn each_line_is_one_json_object_with_the_required_fields() {
    let server = Server::faulty(&[("RUST_LOG", "debug"), ("DATABASE_URL", "tcp://127.0.0.1:1")]);
    let mut client = server.connect();
    let client_port = client.stream.local_addr().unwrap().port();
    for path in
        ["/version?token=hunter2", "/panic", "/fail", "/hello/%0a%22", "/health", "/metrics"]
    {
        client.get(path);
    }
    drop(client);
    let (log, _) = eventually("an access line each", PATIENCE, || {
        let log = server.log();
        let count = log.iter().filter(|line| line["target"] == "access").count();
        if count >= 6 { Ok(log) } else { Err(count.to_string()) }
    });
    assert!(log.len() > 8, "{log:?}");
    for line in &log {
        let text = |key: &str| line[key].as_str().unwrap_or_else(|| panic!("no {key}: {line}"));
        let time = text("timestamp");
        assert!(time.len() == 24 && time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
        assert!(["ERROR", "WARN", "INFO", "DEBUG"].contains(&text("level")), "{line}");
        assert!(!text("target").is_empty() && !text("message").is_empty(), "{line}");
        if text("target") == "access" {
            assert_eq!((text("trace_id").len(), text("span_id").len()), (32, 16), "{line}");
            assert!(
                line["duration_ms"].is_f64() && line["bytes"].is_u64() && line["status"].is_u64()
            );
            assert!(text("method") == "GET" && text("route").starts_with('/'), "{line}");
        }
    }
    let access: Vec<_> = log.iter().filter(|line| line["target"] == "access").collect();
    assert_eq!(access.len(), 6, "one line per request");
    let quiet = access.iter().filter(|line| line["level"] == "DEBUG").count();
    assert_eq!(quiet, 2, "health and metrics, when well");
    let all = server.raw_lines().join("\n");
    assert!(!all.contains("token"), "no query string: {all}");
    let peer = format!("127.0.0.1:{client_port}");
    assert!(!all.contains(&peer), "no address: {all}");
}

#[test]
fn levels_and_times_are_as_asked() {
    let server =
        Server::start(&[("RUST_LOG", "info,access=off"), ("LOG_TIMESTAMP_FORMAT", "unix_ms")]);
    server.get("/version");
    server.get("/nope");
    server.signal("TERM");
    let (line, _) = server
        .log_line("the end", PATIENCE, |line| line["message"] == "stopped by SIGTERM: drained");
    assert!(line["timestamp"].as_u64().unwrap() > 1_700_000_000_000);
    assert!(server.log().iter().all(|line| line["target"] != "access"));

    let output =
        run(&["--server.workers=0"], &[("LOG_FORMAT", "pretty"), ("LOG_TIMESTAMP_FORMAT", "none")]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.starts_with("ERROR pcf_api::run: 1 mistake in the configuration\n  server.workers"),
        "{told}"
    );
}

/// Whoever asks for one module's lines still wants to know of panics and why the process ended.
#[test]
fn levels_of_modules_alone_leave_the_errors_of_all_others() {
    let server = Server::faulty(&[("RUST_LOG", "pcf_api::server=info")]);
    assert_eq!(server.get("/panic").status, 500);
    let (line, _) = server.log_line("the panic", PATIENCE, |line| line["target"] == "panic");
    assert_eq!(line["level"], "ERROR");
    assert!(server.log().iter().all(|line| line["target"] != "access"), "{:?}", server.log());

    let output = run(&["--server.workers=0"], &[("RUST_LOG", "my_module=debug")]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("1 mistake in the configuration"), "{told}");
}

/// A secret in each place that may hold one is nowhere to be seen.
#[test]
fn no_secret_is_ever_shown() {
    const SECRET: &str = "hunter2";
    let folder = Folder::new();
    let file = folder.file("url", &format!("redis://:{SECRET}@127.0.0.1:{}/", free_port()));
    let postgres = format!("postgres://app:{SECRET}@127.0.0.1:{}/app", free_port());
    let file_url = format!("file:{file}");
    let environment = [
        ("RUST_LOG", "trace"),
        ("DATABASE_URL", postgres.as_str()),
        ("DEPENDENCIES__CACHE__URL", file_url.as_str()),
        ("DEPENDENCIES__OTHER__URL", postgres.as_str()),
        ("DEPENDENCIES__OTHER__GRACE", "0s"),
    ];
    let server = Server::faulty(&environment);
    eventually("all were checked", PATIENCE, || {
        let services = server.health()["services"].clone();
        let is_done =
            services.as_object().unwrap().values().all(|s| s["consecutive_failures"] != 0);
        if is_done { Ok(()) } else { Err(services.to_string()) }
    });
    let mut shown = String::new();
    for path in ["/", "/version", "/health/ready", "/metrics", "/nope", "/panic", "/never"] {
        if path != "/never" {
            shown += &server.get(path).text();
        }
    }
    folder.file("url", &format!("nonsense {SECRET}"));
    server.log_line("that it is not used", PATIENCE, |line| {
        line["message"] == "a dependency's URL cannot be read; the last one stays in use"
    });
    shown += &server.raw_lines().join("\n");
    folder.file("url", &format!("redis://:{SECRET}@127.0.0.1:1/"));
    for arguments in [&["config"][..], &["--help"], &["config", "--check"], &["healthcheck"]] {
        let output = run(arguments, &environment[1..]);
        shown += &String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    }
    let flag = format!("--database_url=mysql://app:{SECRET}@db");
    let output = run(&[&flag], &[("DEPENDENCIES__CACHE__URL", &format!("ftp://{SECRET}"))]);
    assert_eq!(output.status.code(), Some(2));
    shown += &String::from_utf8(output.stderr).unwrap();
    assert!(shown.contains("<redacted>") && shown.contains(&file), "{shown}");
    assert!(!shown.contains(SECRET), "{shown}");
}

/// The reading end of a pipe is there, and nobody reads it.
#[test]
fn a_blocked_standard_error_does_not_stall_requests_and_drops_are_counted() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let port = free_port();
    let mut child = Command::new(binary("faults"))
        .env_clear()
        .envs([("PORT", port.to_string().as_str()), ("SERVER__HOST", "127.0.0.1")])
        .envs([("LOG_FORMAT", "json"), ("SERVER__DRAIN_DELAY", "0s"), PATIENT])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::from(OwnedFd::from(writer)))
        .spawn()
        .unwrap();
    let (mut client, _) = eventually("listening", PATIENCE, || {
        std::net::TcpStream::connect(("127.0.0.1", port)).map_err(|e| e.to_string())?;
        Ok(Client::connect(port))
    });
    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    // Far more than the pipe (64 KiB) and the buffer (1 MiB) hold.
    for _ in 0..200 {
        let asked = Instant::now();
        assert_eq!(client.get("/log/50").status, 204);
        slowest = slowest.max(asked.elapsed());
    }
    assert!(slowest < Duration::from_secs(10), "{slowest:?} of {:?}", began.elapsed());
    let dropped = |client: &mut Client| -> u64 {
        let scrape = client.get("/metrics").text();
        let dropped = scrape.lines().find_map(|line| line.strip_prefix("log_lines_dropped_total "));
        dropped.unwrap().parse().unwrap()
    };
    let count = dropped(&mut client);
    assert!(count > 1000, "{count}");

    // Once someone reads, all that was kept arrives whole, and the loss is told.
    let text = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&text);
    let reading = std::thread::spawn(move || {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = reader.read(&mut bytes) {
            kept.lock().unwrap().extend_from_slice(&bytes[..count]);
        }
    });
    eventually("the loss is told", PATIENCE, || {
        // Any line brings it along.
        assert_eq!(client.get("/version").status, 200);
        let text = String::from_utf8_lossy(&text.lock().unwrap()).into_owned();
        if text.contains("log lines were dropped") { Ok(()) } else { Err("not yet".to_owned()) }
    });
    let dropped = dropped(&mut client);
    let pid = child.id().to_string();
    assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    reading.join().unwrap();
    let text = String::from_utf8(text.lock().unwrap().clone()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let is_told =
        |line: &&Value| line["message"].as_str().unwrap().starts_with("log lines were dropped");
    let told = lines.iter().filter(is_told).map(|line| line["lines"].as_u64().unwrap());
    assert_eq!(told.sum::<u64>(), dropped);
    assert_eq!(lines.last().unwrap()["message"], "stopped by SIGTERM: drained");
}

#[test]
fn a_blocked_standard_error_does_not_keep_the_process_from_ending() {
    let (reader, writer) = std::io::pipe().unwrap();
    let port = free_port();
    let mut child = Command::new(binary("faults"))
        .env_clear()
        .envs([("PORT", port.to_string().as_str()), ("SERVER__HOST", "127.0.0.1")])
        .envs([("LOG_FORMAT", "json"), ("SERVER__DRAIN_DELAY", "0s"), PATIENT])
        .stderr(Stdio::from(OwnedFd::from(writer)))
        .spawn()
        .unwrap();
    let (mut client, _) = eventually("listening", PATIENCE, || {
        std::net::TcpStream::connect(("127.0.0.1", port)).map_err(|e| e.to_string())?;
        Ok(Client::connect(port))
    });
    for _ in 0..20 {
        client.get("/log/100");
    }
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let (status, _) = eventually("the end", PATIENCE, || {
        child.try_wait().unwrap().ok_or_else(|| "runs".to_owned())
    });
    assert_eq!(status.code(), Some(0));
    drop(reader);
}

#[test]
#[cfg(target_os = "linux")]
fn lines_that_cannot_be_written_make_no_more_of_them() {
    use super::support::peers::Process;

    let port = free_port();
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("exec {} 2>/dev/full", binary("pcf-api").display()));
    command.env_clear().env("PORT", port.to_string()).env("SERVER__DRAIN_DELAY", "0s");
    command.envs([PATIENT]);
    let server = Process::spawn(&mut command);
    eventually("listening", PATIENCE, || {
        std::net::TcpStream::connect(("127.0.0.1", port)).map_err(|e| e.to_string())
    });
    let dropped = || {
        let scrape = Client::connect(port).get("/metrics").text();
        let line = scrape.lines().find_map(|line| line.strip_prefix("log_lines_dropped_total "));
        line.unwrap().parse::<f64>().unwrap()
    };
    let before = dropped();
    for _ in 0..100 {
        Client::connect(port).get("/version");
    }
    eventually("the lines of the requests are lost", PATIENCE, || {
        let lines = dropped() - before;
        if lines >= 100.0 { Ok(()) } else { Err(lines.to_string()) }
    });
    std::thread::sleep(Duration::from_secs(1));
    let lines = dropped() - before;
    assert!(lines < 110.0, "and one that tells of it, not one for each that tells: {lines}");
    drop(server);
}

#[test]
fn a_handler_has_its_trace_before_there_is_a_future() {
    let server = Server::faulty(&[]);
    let response = server.get("/early");
    let (line, _) =
        server.log_line("of the handler", PATIENCE, |line| line["message"] == "before the future");
    assert_eq!(line["trace_id"].as_str(), response.header("x-request-id"));
}

#[test]
fn a_closed_standard_error_changes_nothing() {
    let port = free_port();
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("exec {} 2>&-", binary("pcf-api").display()));
    command.env_clear().env("PORT", port.to_string()).env("SERVER__DRAIN_DELAY", "0s");
    command.envs([PATIENT]);
    let mut child = command.stdout(File::create("/dev/null").unwrap()).spawn().unwrap();
    eventually("listening", PATIENCE, || {
        std::net::TcpStream::connect(("127.0.0.1", port)).map_err(|e| e.to_string())
    });
    for _ in 0..100 {
        assert_eq!(Client::connect(port).get("/version").status, 200);
    }
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
