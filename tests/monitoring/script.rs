//! `scripts/monitor.sh` starts both, shows every chart, and leaves nothing behind.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};

use super::sources;
use super::support::peers::free_port;
use super::support::{Client, binary, has_tool};

fn script() -> Command {
    let mut command = Command::new("scripts/monitor.sh");
    command.current_dir(super::ROOT).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn get(port: u16, path: &str) -> String {
    let mut client = Client::connect(port);
    client.send(format!("GET {path} HTTP/1.0\r\n\r\n"));
    let response = client.response();
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    response.text()
}

/// The running script, ended whatever happens to the test.
struct Running(Child);

impl Running {
    /// By SIGTERM, which the script takes as Ctrl-C: where the tests are a background job, SIGINT is
    /// ignored, and a shell cannot trap what was ignored when it began.
    fn end(&mut self) -> ExitStatus {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
        self.0.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            self.end();
        }
    }
}

#[test]
fn it_starts_both_shows_every_chart_and_ends_both() {
    if !has_tool("prometheus") || !has_tool("jq") {
        return;
    }
    let (own, prometheus) = (free_port(), free_port());
    let child = script()
        .arg("--binary")
        .arg(binary("pcf-api"))
        .args(["--port", &prometheus.to_string()])
        .env("PORT", own.to_string())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let told = BufReader::new(running.0.stdout.take().unwrap());
    let links: Vec<String> = told
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| Some(line[line.find("http://")?..].to_owned()))
        .take(4)
        .collect();
    assert_eq!(links.len(), 4, "{links:?}");

    for link in &links {
        let (address, path) = link.strip_prefix("http://").unwrap().split_once('/').unwrap();
        get(address.split_once(':').unwrap().1.parse().unwrap(), &format!("/{path}"));
    }
    let page = get(prometheus, "/consoles/index.html");
    let charts = page.split("/graph?").skip(1);
    let expressions: Vec<&str> = charts
        .flat_map(|chart| chart.split('"').next().unwrap().split("&amp;"))
        .filter_map(|parameter| parameter.split_once(".expr=").map(|(_, expression)| expression))
        .collect();
    assert_eq!(expressions.len(), sources::panels().len());
    for expression in expressions {
        get(prometheus, &format!("/api/v1/query?query={expression}"));
    }

    assert!(running.end().success());
    for port in [own, prometheus] {
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "{port} is still open");
    }
}

#[test]
fn bad_input_is_refused_and_nothing_is_started() {
    if !has_tool("prometheus") || !has_tool("jq") {
        return;
    }
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = taken.local_addr().unwrap().port().to_string();
    let free = free_port();
    for (arguments, status, told) in [
        (vec!["--port", "nine"], 2, "--port is no number"),
        (vec!["--port"], 2, "--port needs a value"),
        (vec!["--target", "localhost"], 2, "--target is not HOST:PORT"),
        (vec!["--what"], 2, "unknown argument"),
        (vec!["--port", &taken], 1, "is taken"),
        (vec!["--port", &free.to_string(), "--target", "127.0.0.1:1"], 1, "nothing listens on"),
        (vec!["--port", &free.to_string(), "--binary", "/nowhere"], 1, "not an executable"),
    ] {
        let output = script().args(&arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {error}");
        assert!(error.contains(told), "{arguments:?}: {error}");
    }
    assert!(TcpStream::connect(("127.0.0.1", free)).is_err());
}
