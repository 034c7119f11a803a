//! The configuration as operators meet it: what is over what, what a mistake says, and that nothing
//! starts with one.

use std::time::Duration;

use super::support::peers::{Folder, free_port};
use super::support::{PATIENCE, Server, run, run_in_time};

fn config(arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
    let output = run(&[&["config"], arguments].concat(), environment);
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn each_tier_is_over_the_one_before_key_by_key() {
    let folder = Folder::new();
    let file = folder.file(
        "pcf.toml",
        "revision = \"file\"\n[server]\nport = 1001\nrequest_timeout = \"7s\"\nmax_connections = 5\n",
    );
    let environment =
        [("CONFIG_FILE", file.as_str()), ("PORT", "1002"), ("REVISION", "environment")];
    let (status, text) = config(&["--port", "1003"], &environment);
    assert_eq!(status, 0, "{text}");
    let line =
        |key: &str| text.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
    for (key, value, origin) in [
        ("server.port", "1003", "# flag --server.port".to_owned()),
        ("revision", "\"environment\"", "# environment REVISION".to_owned()),
        ("server.request_timeout", "\"7s\"", format!("# file {file} line 4")),
        ("server.max_connections", "5", format!("# file {file} line 5")),
        ("server.drain_delay", "\"5s\"", "# default".to_owned()),
    ] {
        assert!(line(key).starts_with(&format!("{key} = {value} ")), "{}", line(key));
        assert!(line(key).ends_with(&origin), "{}", line(key));
    }
    // What it prints is a file that it reads.
    let printed = folder.file("printed.toml", &text);
    let (status, again) = config(&["--config", &printed], &[]);
    assert_eq!(status, 0, "{again}");
    assert!(again.contains("server.port = 1003"), "{again}");
    assert_eq!(config(&["--check"], &environment), (0, "the configuration is valid\n".to_owned()));
}

#[test]
fn every_mistake_is_told_at_once_and_nothing_starts() {
    let folder = Folder::new();
    let port = free_port();
    let file = folder
        .file("pcf.toml", &format!("prot = 1\n[server]\nport = {port}\nmax_uri_bytes = true\n"));
    let termination = folder.file("termination-log", "");
    let environment = [
        ("CONFIG_FILE", file.as_str()),
        ("TERMINATION_LOG", termination.as_str()),
        ("LOG_FORMAT", "json"),
        ("SERVER__DRAIN_DELAY", "soon"),
        ("SERVER__REQUEST_TIMEOUT", "1ms"),
        ("SERVER__NOPE", "1"),
        ("DATABASE_URL", "file:/no/such/file"),
        ("DEPENDENCIES__CACHE__CRITICALITY", "very"),
        ("DEPENDENCIES__Mail__URL", "tcp://mail:25"),
    ];
    let output = run(&["--log.levle=debug"], &environment);
    assert_eq!(output.status.code(), Some(2));
    let line: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(line["level"], "ERROR");
    let told = line["message"].as_str().unwrap();
    for part in [
        "10 mistakes in the configuration",
        &format!("prot (file {file} line 1): no such setting; did you mean server.port?"),
        &format!(
            "server.max_uri_bytes (file {file} line 4): expected a string or a whole decimal number, not a boolean"
        ),
        "server.drain_delay = \"soon\" (environment SERVER__DRAIN_DELAY): expected a duration",
        "server.request_timeout = \"1ms\" (environment SERVER__REQUEST_TIMEOUT): expected a duration such as \
         500ms, 5s or 2m, from 100ms to 1h",
        "SERVER__NOPE (environment SERVER__NOPE): no such setting; expected one of server.host",
        "log.levle (flag --log.levle): no such setting; did you mean log.level?",
        "database_url = <redacted> (environment DATABASE_URL): cannot read /no/such/file: No such file",
        "dependencies.cache.criticality = \"very\" (environment DEPENDENCIES__CACHE__CRITICALITY): \
         expected critical, important or optional",
        "dependencies.cache.url: is not set; set DEPENDENCIES__CACHE__URL or --dependencies.cache.url: ",
        "DEPENDENCIES__Mail__URL (environment DEPENDENCIES__Mail__URL): variables are in upper case; \
         expected DEPENDENCIES__MAIL__URL",
    ] {
        assert!(told.contains(part), "{part:?} is not in:\n{told}");
    }
    assert_eq!(std::fs::read_to_string(&termination).unwrap(), told);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    let (status, text) = config(&["--check"], &environment);
    assert_eq!(status, 2);
    assert!(text.contains("mistakes in the configuration"), "{text}");
}

#[test]
fn what_looks_like_a_setting_and_is_none_is_told() {
    let server = Server::start(&[
        ("SERVER_WORKERS", "3"),
        ("LOG_LEVEL", "debug"),
        // What Kubernetes injects for a Service that is called server.
        ("SERVER_PORT", "tcp://10.0.0.1:80"),
        ("SERVER_SERVICE_PORT", "80"),
    ]);
    let log = server.log();
    let warnings = log.iter().filter(|line| line["target"] == "pcf_api::config");
    let told: Vec<&str> = warnings.map(|line| line["message"].as_str().unwrap()).collect();
    let expected = [
        "LOG_LEVEL has no effect; the variable is RUST_LOG or LOG__LEVEL",
        "SERVER_WORKERS has no effect; the variable is SERVER__WORKERS",
    ];
    assert_eq!(told, expected);
    let (status, text) = config(&[], &[("SERVER_WORKERS", "3")]);
    assert_eq!((status, text.contains("# SERVER_WORKERS has no effect")), (0, true), "{text}");

    let (status, told) = config(&["--check"], &[("RUST_LOG", "pcf-api=debug")]);
    assert_eq!(status, 2);
    let reason = "(environment RUST_LOG): pcf-api matches nothing; expected pcf_api=debug";
    assert!(told.contains(reason), "{told}");
}

#[test]
fn a_byte_order_mark_changes_nothing() {
    let folder = Folder::new();
    let port = free_port().to_string();
    let url = folder.file("url", &format!("\u{feff}tcp://127.0.0.1:{port}\n"));
    let file = folder.file("pcf.toml", "\u{feff}[server]\nport = 1001\n");
    let environment = [("CONFIG_FILE", file.as_str()), ("DATABASE_URL", &format!("file:{url}"))];
    let (status, text) = config(&[], &environment);
    assert_eq!((status, text.contains("server.port = 1001 ")), (0, true), "{text}");
}

/// A start that hangs is told by nobody: its pod is neither ready nor ended.
#[test]
#[cfg(unix)]
fn a_file_that_never_answers_is_told_with_its_path() {
    use std::process::Command;

    let folder = Folder::new();
    let pipe = folder.0.join("pipe").display().to_string();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (name, value, path) in [
        ("CONFIG_FILE", pipe.clone(), pipe.as_str()),
        ("DATABASE_URL", format!("file:{pipe}"), &pipe),
        // By its kind a regular file; it ends when the kernel has no more to tell, which is never.
        ("DATABASE_URL", "file:/proc/kmsg".to_owned(), "/proc/kmsg"),
    ] {
        let output = run_in_time(&[], &[(name, &value)], Duration::from_secs(20));
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(path), "{told}");
    }
}

#[test]
fn a_usage_mistake_is_2_and_says_where_help_is() {
    for arguments in [&["sevre"][..], &["--nope"], &["config", "--live"], &["--port"]] {
        let output = run(arguments, &[("LOG_FORMAT", "pretty")]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(told.contains("see pcf-api --help"), "{arguments:?}: {told}");
    }
    for (argument, part) in
        [("--version", "pcf-api 0."), ("--help", "--server.port (SERVER__PORT or PORT) [8080]")]
    {
        let output = run(&[argument], &[]);
        let told = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(told.contains(part), "{told}");
    }
}

/// Neither the log nor what `kubectl describe pod` shows is a place for a password.
#[test]
fn a_usage_mistake_shows_no_password() {
    let folder = Folder::new();
    let url = "postgres://app:hunter2@db/app";
    for arguments in [
        &[url][..],
        &["serve", url],
        &["--database_url", "postgres://app:un", "hunter2@db/app"],
        &["--postgres://app:hunter2@db.example/app?x=y"],
        &["healthcheck", "--url", "http://me:hunter2@127.0.0.1/"],
        &["healthcheck", "--timeout", url],
    ] {
        let termination = folder.file("termination-log", "");
        let output = run(arguments, &[("TERMINATION_LOG", &termination)]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!told.is_empty() && !told.contains("hunter2"), "{arguments:?}: {told}");
        let reason = std::fs::read_to_string(&termination).unwrap();
        assert_eq!(reason.is_empty(), arguments[0] == "healthcheck", "{arguments:?}: {reason}");
        assert!(!reason.contains("hunter2"), "{arguments:?}: {reason}");
    }
}

#[test]
fn the_reason_of_an_exit_is_left_where_kubernetes_looks_for_it() {
    let folder = Folder::new();
    let path = folder.file("termination-log", "of the last run");
    let server = Server::start(&[("TERMINATION_LOG", &path)]);
    assert_eq!(server.stop(), 0);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "stopped by SIGTERM: drained");

    // It is never made: the file is the kubelet's.
    let nowhere = folder.0.join("nowhere").display().to_string();
    assert_eq!(Server::start(&[("TERMINATION_LOG", &nowhere)]).stop(), 0);
    assert!(!std::path::Path::new(&nowhere).exists());

    let taken = Server::start(&[("TERMINATION_LOG", &path)]);
    let port = taken.port.to_string();
    let environment =
        [("PORT", port.as_str()), ("SERVER__HOST", "127.0.0.1"), ("TERMINATION_LOG", &path)];
    assert_eq!(run(&[], &environment).status.code(), Some(1));
    let reason = std::fs::read_to_string(&path).unwrap();
    assert!(reason.starts_with("cannot listen on 127.0.0.1"), "{reason}");
}

#[test]
fn the_default_listens_on_every_address_with_as_many_workers_as_cpus() {
    let server = Server::start(&[("SERVER__HOST", "0.0.0.0")]);
    let (line, _) = server.log_line("listening", PATIENCE, |l| l["message"] == "listening");
    let cpus = std::thread::available_parallelism().unwrap().get();
    assert_eq!(line["workers"].as_u64(), Some(cpus as u64));
    assert!(
        ["CPU affinity", "cgroup CPU quota", "machine"]
            .contains(&line["workers_from"].as_str().unwrap())
    );
    let fixed = Server::start(&[("SERVER__WORKERS", "3")]);
    let (line, _) = fixed.log_line("listening", PATIENCE, |l| l["message"] == "listening");
    assert_eq!((&line["workers"], &line["workers_from"]), (&3.into(), &"setting".into()));
}

#[test]
#[cfg(not(feature = "otlp"))]
fn a_collector_that_this_build_cannot_ask_is_one_warning() {
    let server = Server::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")]);
    let is_it = |line: &serde_json::Value| line["level"] == "WARN";
    let (line, _) = server.log_line("the warning", PATIENCE, is_it);
    let told =
        "OTEL_EXPORTER_OTLP_ENDPOINT has no effect: this binary was built without the feature otlp";
    assert_eq!(line["message"], told);
    assert_eq!(server.log().iter().filter(|line| is_it(line)).count(), 1);
}
