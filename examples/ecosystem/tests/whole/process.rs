//! The program itself: what it logs of mounted services, and its exit while their streams are open.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

fn ask(address: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut some = [0; 1024];
    assert!(stream.read(&mut some).unwrap() > 0);
    stream
}

#[test]
fn each_has_its_log_level_and_a_stream_does_not_hold_the_end() {
    let mut process = Command::new(env!("CARGO_BIN_EXE_ecosystem"))
        .env_clear()
        .envs([("SERVER__PORT", "0"), ("SERVER__HOST", "127.0.0.1"), ("LOG_FORMAT", "json")])
        .envs([("SERVER__DRAIN_DELAY", "0s"), ("SERVER__DRAIN_TIMEOUT", "20s")])
        // A machine that is busy with other tests is no overload.
        .env("SERVER__MAX_QUEUE_TIME", "20s")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap())
        .lines()
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let address = lines.find(|line| line["message"] == "listening").expect("that it listens");
    let address = address["address"].as_str().unwrap().to_owned();
    let _stream = ask(&address, "/notes/events");
    for path in ["/files/", "/files/none", "/notes"] {
        ask(&address, path);
    }
    let id = process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let rest: Vec<Value> = lines.collect();
    let seen = |route: &str, status: u64| {
        rest.iter().any(|line| line["route"] == route && line["status"] == status)
    };
    assert!(seen("/notes/{*rest}", 200), "{rest:#?}");
    assert!(seen("/files/{*rest}", 404), "a failure is told");
    assert!(!seen("/files/{*rest}", 200), "what browsers fetch is told at DEBUG only");
    assert!(process.wait().unwrap().success(), "{rest:#?}");
}
