//! The program: configuration → telemetry → server → signals → drain under a timeout → exit status.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write;
use std::process::ExitCode;

use crate::cli::{self, Cli, Command};
use crate::config::{self, Config, Sources};
use crate::healthcheck;
use crate::router::Routes;
use crate::server::{End, Server, ServerError};
use crate::telemetry;

/// A mistake in the command line or the configuration.
const USAGE: u8 = 2;

/// Most bytes of a termination message: Kubernetes keeps no more.
const MAX_REASON: usize = 4096;

/// Runs the program with these arguments (the program's name left out) and these routes, and
/// returns its exit status. This is all that `main` does; call it with routes of your own.
pub fn run(arguments: impl IntoIterator<Item = OsString>, routes: Routes) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let is_server = !arguments.iter().any(|word| word == "healthcheck" || word == "config");
    let cli = match Cli::parse(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let sources = Sources::gather(None, std::env::vars_os(), []);
            return fail(&sources, is_server, &error.to_string());
        }
    };
    match &cli.command {
        Command::Serve => serve(&cli.sources(), routes),
        Command::Healthcheck(options) => healthcheck::run(&cli.sources(), options),
        Command::Config { is_check } => show_config(&cli.sources(), *is_check),
        Command::Help => print(&cli::help()),
        Command::Version => print(&cli::version()),
    }
}

fn serve(sources: &Sources, routes: Routes) -> ExitCode {
    let config = match Config::load(sources) {
        Ok(config) => config,
        Err(error) => return fail(sources, true, &error.to_string()),
    };
    let log = telemetry::start(&config.log);
    let end = Server::bind(config, routes, log.clone()).and_then(Server::run);
    let (reason, code) = tell(end);
    write_termination_log(sources, &reason);
    log.flush(telemetry::FLUSH_TIMEOUT);
    code
}

/// The last log line: why the server ended. A request that was cut makes the end a failure.
fn tell(end: Result<End, ServerError>) -> (String, ExitCode) {
    let (reason, is_clean) = match end {
        Ok(End::Drained { signal }) => (format!("stopped by {signal}: drained"), true),
        Ok(End::Cut { signal, connections, requests }) => (
            format!(
                "stopped by {signal}: the drain timeout cut {connections} connections, \
                 {requests} of them with a request in flight"
            ),
            requests == 0,
        ),
        Ok(End::Hurried { signal, connections, requests }) => (
            format!(
                "stopped at once by a second signal, {signal}: cut {connections} connections, \
                 {requests} of them with a request in flight"
            ),
            false,
        ),
        Err(error) => (error.to_string(), false),
    };
    if is_clean {
        tracing::info!("{reason}");
        (reason, ExitCode::SUCCESS)
    } else {
        tracing::error!("{reason}");
        (reason, ExitCode::FAILURE)
    }
}

/// Ends before anything has begun. Only a server leaves its reason: what someone runs beside it in
/// the same container must not speak for it.
fn fail(sources: &Sources, is_server: bool, reason: &str) -> ExitCode {
    let log = telemetry::start(&Config::load_log(sources));
    tracing::error!("{reason}");
    if is_server {
        write_termination_log(sources, reason);
    }
    log.flush(telemetry::FLUSH_TIMEOUT);
    ExitCode::from(USAGE)
}

fn show_config(sources: &Sources, is_check: bool) -> ExitCode {
    match Config::load(sources) {
        Ok(_) if is_check => print("the configuration is valid\n"),
        Ok(_) => print(&config::effective(sources)),
        Err(error) => fail(sources, false, &error.to_string()),
    }
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody reads: there is no one to tell.
        Err(_) => ExitCode::FAILURE,
    }
}

/// Leaves the reason where `kubectl describe pod` shows it. The file is the kubelet's: it is not
/// made where it is not.
fn write_termination_log(sources: &Sources, reason: &str) {
    let Some(path) = Config::load_termination_log(sources) else {
        return;
    };
    let end =
        reason.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= MAX_REASON);
    let reason = reason.get(..end.last().unwrap_or(0)).unwrap_or_default();
    let written = OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(&path)
        .and_then(|mut file| file.write_all(reason.as_bytes()));
    if let Err(error) = written
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path, "the reason of the exit cannot be written");
    }
}
