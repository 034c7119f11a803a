//! The program: configuration → telemetry → server → signals → drain under a timeout → exit status.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use crate::cli::{self, Cli, Command};
use crate::config::{self, Config};
use crate::healthcheck;
use crate::otlp::{self, Spans};
use crate::router::Routes;
use crate::serve::{Ended, Outside, ServeError, serve};
use crate::server::{End, Signals};
use crate::service::{Builder, Service};
use crate::settings::{Reader, Sources, Table};
use crate::telemetry::{self, LogConfig, Writer};

/// A mistake in the command line or the configuration.
const USAGE: u8 = 2;

/// Most bytes of a termination message: Kubernetes keeps no more.
const MAX_REASON: usize = 4096;

impl<S: Send + Sync + 'static> Builder<S> {
    /// Runs the service with no routes but those that every service has.
    pub fn run(self) -> ExitCode {
        self.routes(|_| Routes::new()).run()
    }
}

impl Service {
    /// Runs what the command line says, and returns the exit status: this is all that `main` does.
    pub fn run(self) -> ExitCode {
        self.run_with(std::env::args_os().skip(1))
    }

    /// The same with these arguments, the program's name left out.
    pub fn run_with(self, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
        let identity = self.about.identity;
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        let is_server = !arguments.iter().any(|word| word == "healthcheck" || word == "config");
        let table = match self.about.table() {
            Ok(table) => table,
            Err(reason) => return fail(&bare_sources(&Table::empty()), is_server, &reason),
        };
        let cli = match Cli::parse(&table, arguments) {
            Ok(cli) => cli,
            Err(error) => {
                let reason = format!("{error}; see {} --help", identity.name);
                return fail(&bare_sources(&table), is_server, &reason);
            }
        };
        match &cli.command {
            Command::Serve => run_server(self, cli.sources(&table)),
            Command::Healthcheck(options) => {
                healthcheck::run(identity, &cli.sources(&table), options)
            }
            Command::Config { is_check } => show_config(&cli.sources(&table), *is_check),
            Command::Help => print(&cli::help(identity, &table)),
            Command::Version => print(&cli::version(identity)),
        }
    }
}

/// The environment alone, for what is logged of a wrong command line.
fn bare_sources(table: &Table) -> Sources {
    Sources::gather(table, None, std::env::vars_os(), [])
}

fn run_server(mut service: Service, sources: Sources) -> ExitCode {
    let config = match Config::load(&sources) {
        Ok(config) => config,
        Err(error) => return fail(&sources, true, &error.to_string()),
    };
    let place = [&config.pod_name, &config.node_name].map(Option::as_deref);
    let spans = match Spans::start(config.otlp.as_ref(), service.about.identity, place) {
        Ok(spans) => spans,
        Err(error) => {
            let log = start_log(&config.log, None, &sources);
            return end(&sources, &log, tell_failure(format!("spans cannot be sent: {error}")));
        }
    };
    service.about.metrics.extend(spans.iter().flat_map(|_| otlp::METRICS));
    let log = start_log(&config.log, spans.as_ref(), &sources);
    if let Some(spans) = &spans {
        spans.tell();
    }
    let sources = Arc::new(sources);
    let outside = Outside { signals: Box::new(Signals::of_process), listening: Box::new(|_| {}) };
    let ended = serve(service, config, Arc::clone(&sources), &log, spans.clone(), outside);
    if let Some(spans) = spans {
        spans.end();
    }
    end(&sources, &log, tell(ended))
}

fn start_log(config: &LogConfig, spans: Option<&Spans>, sources: &Sources) -> Writer {
    let log = telemetry::start(config, spans);
    for warning in sources.warnings().into_iter().chain(otlp::warning()) {
        tracing::warn!(target: "pcf_api::config", "{warning}");
    }
    log
}

/// Leaves the reason, and waits until the log has it.
fn end(sources: &Sources, log: &Writer, (reason, code): (String, ExitCode)) -> ExitCode {
    write_termination_log(sources, &reason);
    log.flush(telemetry::FLUSH_TIMEOUT);
    code
}

fn tell_failure(reason: String) -> (String, ExitCode) {
    tracing::error!("{reason}");
    (reason, ExitCode::FAILURE)
}

/// The last log line: why the server ended. A request that was cut makes the end a failure, as does
/// what ran beside the routes.
fn tell(ended: Result<Ended, ServeError>) -> (String, ExitCode) {
    let (reason, is_clean) = match ended {
        Ok(Ended::Early { signal }) => (format!("stopped by {signal} before it had started"), true),
        Ok(Ended::Served { end, is_whole }) => {
            let (reason, is_clean) = tell_end(&end);
            if is_whole {
                (reason, is_clean)
            } else {
                (format!("{reason}; what ran beside the routes was cut"), false)
            }
        }
        Err(error) => return tell_failure(error.to_string()),
    };
    if is_clean {
        tracing::info!("{reason}");
        (reason, ExitCode::SUCCESS)
    } else {
        tell_failure(reason)
    }
}

fn tell_end(end: &End) -> (String, bool) {
    match end {
        End::Drained { signal } => (format!("stopped by {signal}: drained"), true),
        End::Cut { signal, connections, requests } => (
            format!(
                "stopped by {signal}: the drain timeout cut {connections} connections, \
                 {requests} of them with a request in flight"
            ),
            *requests == 0,
        ),
        End::Hurried { signal, connections, requests } => (
            format!(
                "stopped at once by a second signal, {signal}: cut {connections} connections, \
                 {requests} of them with a request in flight"
            ),
            false,
        ),
    }
}

/// Ends before anything has begun. Only a server leaves its reason: what someone runs beside it in
/// the same container must not speak for it.
fn fail(sources: &Sources, is_server: bool, reason: &str) -> ExitCode {
    let log = start_log(&LogConfig::read_what_is_right(Reader(sources)), None, sources);
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
