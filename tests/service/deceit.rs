//! The words of clients and dependencies, wherever they are shown: they forge no line, steer no
//! terminal, and turn no text around.

use std::fs::File;
use std::process::Command;

use super::support::health::tells;
use super::support::peers::{Folder, Peer, Process};
use super::support::{Client, PATIENCE, Server, binary, eventually, run};

/// A line end, an escape that clears the screen, DEL, a C1 control (CSI), a line separator, and a mark
/// that turns the direction of writing.
const DECEIT: &str = "a\nERROR forged: \u{1b}[2J\u{7f}\u{9b}2J\u{2028}\u{202e}z";

/// The same as part of a path.
fn encoded() -> String {
    DECEIT.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// What must not be in anything that is shown; a line's own end may.
fn deceptive(text: &str) -> Option<char> {
    text.chars().find(|c| (c.is_control() && *c != '\n') || "\u{2028}\u{2029}\u{202e}".contains(*c))
}

#[test]
fn a_client_forges_no_line_and_steers_no_terminal() {
    for format in ["pretty", "json"] {
        let folder = Folder::new();
        let path = folder.file("log", "");
        let mut command = Command::new(binary("faults"));
        command
            .env_clear()
            .envs([("PORT", "0"), ("SERVER__HOST", "127.0.0.1")])
            .envs([("LOG_FORMAT", format), ("LOG_TIMESTAMP_FORMAT", "none")]);
        let _server = Process::spawn_logging(&mut command, File::create(&path).unwrap().into());
        let (port, _) = eventually("listening", PATIENCE, || {
            let log = std::fs::read_to_string(&path).unwrap();
            let port = log.split_once("127.0.0.1:").and_then(|(_, rest)| {
                let (port, _) = rest.split_once(|c: char| !c.is_ascii_digit())?;
                port.parse::<u16>().ok()
            });
            port.ok_or(log)
        });
        for (how, status) in [("message", 204), ("field", 204), ("cause", 500), ("panic", 500)] {
            let path = format!("/say/{how}/{}", encoded());
            assert_eq!(Client::connect(port).get(&path).status, status, "{how}");
        }
        let (log, _) = eventually("all lines", PATIENCE, || {
            let log = std::fs::read_to_string(&path).unwrap();
            let is_whole = log.matches("/say/{how}/{text}").count() == 4;
            if is_whole { Ok(log) } else { Err(log) }
        });
        assert_eq!(deceptive(&log), None, "{format}: {log:?}");
        assert_eq!(log.matches("forged").count(), 4, "{format}: {log}");
        let begin = if format == "json" { "{\"level\":\"" } else { "" };
        for line in log.lines() {
            let is_own = line.starts_with(begin) && !line.starts_with("ERROR forged");
            assert!(is_own, "{format}: {line:?}");
        }
    }
}

#[test]
fn a_dependency_s_words_are_shown_without_what_deceives() {
    let body = format!("SFATAL\0C57P03\0M{DECEIT}\0\0");
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    let mut answer = vec![b'E'];
    answer.extend_from_slice(&length);
    answer.extend_from_slice(body.as_bytes());
    let peer = Peer::start(Some(&String::from_utf8(answer).unwrap()));
    let url = format!("postgres://127.0.0.1:{}/", peer.port);
    let server = Server::start(&[
        ("DEPENDENCIES__DB__URL", url.as_str()),
        ("DEPENDENCIES__DB__GRACE", "0s"),
    ]);
    // A check that takes too long on a busy machine tells something else.
    let told = "rejected: aERROR forged: [2J2Jz";
    tells(&server, "db", told);
    let output = run(&["healthcheck"], &[("PORT", &server.port.to_string())]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(shown, format!("unhealthy: db unhealthy ({told})\n"));
}
