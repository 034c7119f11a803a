//! TLS, with real peers: curl, openssl, PostgreSQL, Redis. Certificates are made by openssl in the test.

mod certificates;
mod client;
mod configuration;
mod dependencies;
mod drain;
mod floods;
mod handshakes;
mod healthcheck;
mod mutual;
mod renewal;

use std::process::Command;

use super::support::{PATIENCE, Server};
use certificates::Authority;

/// A server that speaks TLS, its issuer, and the settings that make it so.
fn encrypted(more: &[(&str, &str)]) -> (Server, Authority) {
    let authority = Authority::new("issuer");
    let pair = authority.issue("server", "/CN=server", "DNS:localhost,IP:127.0.0.1", 30);
    let settings =
        [("SERVER__TLS_CERTIFICATE", pair.certificate.as_str()), ("SERVER__TLS_KEY", &pair.key)];
    (Server::faulty(&[&settings, more].concat()), authority)
}

/// The port that its settings leave to it for those who watch.
fn management_port(server: &Server) -> u16 {
    let (line, _) = server.log_line("listening", PATIENCE, |line| line["message"] == "listening");
    line["management"].as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap()
}

/// What a command says on both of its outputs, and whether it was content.
fn told(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// curl, which trusts this issuer.
fn curl(authority: &Authority, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new("curl");
    told(
        command
            .args(["-sS", "--max-time", "20", "--cacert", &authority.certificate])
            .args(arguments),
    )
}
