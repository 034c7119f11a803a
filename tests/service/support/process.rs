//! The server as a process: started with an environment of its own, its log lines kept, ended at
//! the end of the test whatever happens.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use super::client::{Client, Response};
use super::{PATIENCE, eventually};

/// The service's own binary, or with the routes of `examples/faults.rs`.
pub fn binary(name: &str) -> PathBuf {
    let own = PathBuf::from(env!("CARGO_BIN_EXE_pcf-api"));
    if name == "pcf-api" {
        return own;
    }
    let path = own.with_file_name("examples").join(name);
    // `cargo test` builds examples, `cargo test --test service` does not.
    let built = path.metadata().and_then(|file| file.modified()).ok();
    let source = ["src", &format!("examples/{name}.rs")];
    let source = source.map(|path| newest(&Path::new(MANIFEST).join(path)));
    let is_fresh = built >= source.into_iter().max().flatten();
    assert!(
        is_fresh,
        "{} is missing or stale; build it with: cargo build --examples",
        path.display()
    );
    path
}

const MANIFEST: &str = env!("CARGO_MANIFEST_DIR");

/// When a file of a folder was last changed; pages are not part of the binary.
fn newest(path: &Path) -> Option<SystemTime> {
    if path.extension().is_some_and(|extension| extension == "md") {
        return None;
    }
    if path.is_dir() {
        let entries = std::fs::read_dir(path).ok()?.flatten();
        return entries.filter_map(|entry| newest(&entry.path())).max();
    }
    path.metadata().ok()?.modified().ok()
}

fn metric(client: &mut Client, sample: &str) -> f64 {
    let scrape = client.get("/metrics").text();
    let line = scrape.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {sample} in:\n{scrape}")).parse().unwrap()
}

/// Runs a command of the binary to its end.
pub fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(binary("pcf-api"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The same where it might never end.
pub fn run_in_time(arguments: &[&str], environment: &[(&str, &str)], within: Duration) -> Output {
    let mut child = Command::new(binary("pcf-api"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > within {
            child.kill().unwrap();
            panic!("it has not ended within {within:?}: {:?}", child.wait_with_output());
        }
        thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap()
}

/// A running server.
pub struct Server {
    child: Child,
    pub port: u16,
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Server {
    /// The service with its own routes.
    pub fn start(environment: &[(&str, &str)]) -> Self {
        Self::launch(Command::new(binary("pcf-api")), environment)
    }

    /// The service with the routes of `examples/faults.rs`.
    pub fn faulty(environment: &[(&str, &str)]) -> Self {
        Self::launch(Command::new(binary("faults")), environment)
    }

    /// Any command that ends in the service.
    pub fn launch(mut command: Command, environment: &[(&str, &str)]) -> Self {
        command
            .env_clear()
            .env("PORT", "0")
            .env("SERVER__HOST", "127.0.0.1")
            .env("LOG_FORMAT", "json")
            .env("SERVER__DRAIN_DELAY", "0s")
            // A machine that is busy with other tests is no overload.
            .env("SERVER__MAX_QUEUE_TIME", "20s")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let output = BufReader::new(child.stderr.take().unwrap());
        let kept = Arc::clone(&lines);
        let reader = thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                kept.lock().unwrap().push(line);
            }
        });
        let mut server = Self { child, port: 0, lines, reader: Some(reader) };
        let (line, _) =
            server.log_line("listening", PATIENCE, |line| line["message"] == "listening");
        let address = line["address"].as_str().unwrap();
        server.port = address.rsplit_once(':').unwrap().1.parse().unwrap();
        server
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A new connection.
    pub fn connect(&self) -> Client {
        Client::connect(self.port)
    }

    /// One GET on a connection of its own.
    pub fn get(&self, path: &str) -> Response {
        self.connect().get(path)
    }

    /// What readiness reports.
    pub fn health(&self) -> Value {
        self.get("/health/ready").json()
    }

    /// The value of one sample of a scrape.
    pub fn metric(&self, sample: &str) -> f64 {
        metric(&mut self.connect(), sample)
    }

    /// Waits until so many requests are worked on, the scrape apart.
    ///
    /// A client has an answer a moment before its request is over. So all scrapes are on one connection,
    /// where none begins before the last one is over, and for those of others it looks twice.
    pub fn wait_in_flight(&self, count: u32) {
        let mut scraper = self.connect();
        let mut look = || metric(&mut scraper, "http_requests_in_flight") - 1.0;
        let is_it = |found: f64| (found - f64::from(count)).abs() < 0.1;
        eventually("requests in flight", PATIENCE, || {
            let found = look();
            if is_it(found) && is_it(look()) {
                return Ok(());
            }
            Err(format!("{found}, not {count}"))
        });
    }

    /// Every line that was logged so far, as it is.
    pub fn raw_lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Every line that was logged so far.
    pub fn log(&self) -> Vec<Value> {
        let parse = |line: &String| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))
        };
        self.raw_lines().iter().map(parse).collect()
    }

    /// Waits for a log line.
    pub fn log_line(
        &self,
        what: &str,
        within: Duration,
        is_it: impl Fn(&Value) -> bool,
    ) -> (Value, Duration) {
        eventually(&format!("the log line {what:?}"), within, || {
            self.log().into_iter().find(&is_it).ok_or_else(|| self.raw_lines().join("\n"))
        })
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Waits for the end of the process; its status and how long it took.
    pub fn wait(&mut self, within: Duration) -> (ExitStatus, Duration) {
        let began = Instant::now();
        let log = Arc::clone(&self.lines);
        let (ended, _) =
            eventually("the end of the server", within, || match self.child.try_wait().unwrap() {
                Some(status) => Ok((status, began.elapsed())),
                None => Err(log.lock().unwrap().join("\n")),
            });
        // The last lines may still be in the pipe.
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        ended
    }

    /// Ends the server as Kubernetes would, and returns its exit status.
    pub fn stop(mut self) -> i32 {
        self.signal("TERM");
        self.wait(PATIENCE).0.code().unwrap_or(-1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
