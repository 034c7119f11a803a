//! A whole service in the process of a test.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use tokio::sync::Notify;

use super::client::{self, Answer};
use crate::config::Config;
use crate::serve::{self, Ended, Outside};
use crate::server::{End, Signals};
use crate::service::Service;
use crate::settings::Sources;
use crate::telemetry;

/// A service that serves, until it is stopped or dropped.
#[derive(Debug)]
pub struct TestServer {
    address: SocketAddr,
    stop: Arc<Notify>,
    is_told: AtomicBool,
    thread: Option<JoinHandle<Result<(), String>>>,
}

/// Starts a service with these variables as its whole environment, on a port of its own of the
/// loopback, without a drain delay, and patient with a busy machine. Metrics of one's own are those of
/// the process: services that run at once share them. Log lines go to standard error, in the format and at the level of
/// the first service of the process.
///
/// # Errors
///
/// In words: what is wrong with the configuration, or why it could not start.
pub fn serve(service: Service, environment: &[(&str, &str)]) -> Result<TestServer, String> {
    let table = service.about.table()?;
    let defaults = [
        ("SERVER__HOST", "127.0.0.1"),
        ("SERVER__PORT", "0"),
        ("SERVER__DRAIN_DELAY", "0s"),
        // A machine that is busy with other tests is no overload.
        ("SERVER__MAX_QUEUE_TIME", "20s"),
    ];
    let environment = defaults.iter().chain(environment);
    let environment = environment.map(|(name, value)| (OsString::from(name), value.into()));
    let sources = Sources::gather(&table, None, environment, []);
    let config = Config::load(&sources).map_err(|error| error.to_string())?;
    let stop = Arc::new(Notify::new());
    let word = Arc::clone(&stop);
    let (listening, address) = mpsc::sync_channel(1);
    let thread = thread::spawn(move || {
        let log = telemetry::start(&config.log, None);
        let signals = Box::new(|| Ok(Signals::Word(word)));
        let listening = Box::new(move |address| {
            let _ = listening.send(address);
        });
        let outside = Outside { signals, listening };
        let ended = serve::serve(service, config, Arc::new(sources), &log, None, outside);
        log.flush(telemetry::FLUSH_TIMEOUT);
        match ended.map_err(|error| error.to_string())? {
            Ended::Served { end: End::Drained { .. }, is_whole: true } => Ok(()),
            ended => Err(format!("it did not end in good order: {ended:?}")),
        }
    });
    match address.recv() {
        Ok(address) => {
            Ok(TestServer { address, stop, is_told: AtomicBool::new(false), thread: Some(thread) })
        }
        Err(_) => match thread.join() {
            Ok(Err(reason)) => Err(reason),
            _ => Err("it ended before it listened".to_owned()),
        },
    }
}

impl TestServer {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The answer to a GET.
    pub fn get(&self, target: &str) -> io::Result<Answer> {
        self.ask("GET", target, &[], b"")
    }

    /// The answer to a request over HTTP/1.1, on a connection of its own.
    pub fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        client::ask(self.address, method, target, headers, body)
    }

    /// Tells it to stop, as SIGTERM does, and goes on at once. A second call does nothing.
    pub fn terminate(&self) {
        if !self.is_told.swap(true, SeqCst) {
            self.stop.notify_one();
        }
    }

    /// Stops it, and waits for its end.
    ///
    /// # Errors
    ///
    /// In words, where the end was not in good order: a request, a task or a stop was cut.
    pub fn stop(mut self) -> Result<(), String> {
        self.terminate();
        let ended = self.thread.take().map(JoinHandle::join);
        ended.unwrap_or(Ok(Ok(()))).unwrap_or_else(|_| Err("it panicked".to_owned()))
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // Without a thread it has ended; else a second word ends it at once.
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
