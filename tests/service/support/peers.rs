//! What the service depends on: real PostgreSQL and Redis on free ports, and plain servers that the
//! test can make slow, silent or rude.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::find_tool;

/// A port that nobody has.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// A folder that is gone after the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, SeqCst);
        let path =
            std::env::temp_dir().join(format!("pcf-api-test-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str, content: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A process that is ended with the test.
pub struct Process(Child);

impl Process {
    pub fn spawn(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    pub fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A real Redis, with a password.
pub fn redis(port: u16, password: &str) -> Process {
    Process::spawn(
        Command::new(find_tool("redis-server").unwrap())
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"])
            .arg(port.to_string())
            .args(["--requirepass", password]),
    )
}

/// A real PostgreSQL, in a folder of its own. PostgreSQL refuses to run as root, so root runs it as
/// the user that Debian's package made.
pub struct Postgres {
    folder: Folder,
    port: u16,
}

impl Postgres {
    pub fn new(port: u16) -> Self {
        let postgres = Self { folder: Folder::new(), port };
        if is_root() {
            let owner = Command::new("chown").arg("postgres").arg(&postgres.folder.0).status();
            assert!(owner.unwrap().success(), "root needs the user postgres of Debian's package");
        }
        postgres
            .run("initdb", &["--auth=trust", "--no-sync", "--username=app", "--pgdata", "DATA"]);
        postgres
    }

    pub fn start(&self) {
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c fsync=off -c unix_socket_directories={}",
            self.port,
            self.folder.0.display()
        );
        let log = self.folder.0.join("log").display().to_string();
        self.run(
            "pg_ctl",
            &["start", "--wait", "--pgdata", "DATA", "--options", &options, "--log", &log],
        );
    }

    pub fn stop(&self, mode: &str) {
        let wait = if mode == "smart" { "--no-wait" } else { "--wait" };
        self.run("pg_ctl", &["stop", wait, "--mode", mode, "--pgdata", "DATA"]);
    }

    /// Freezes or thaws the whole server: it then accepts (the kernel does) and never answers.
    pub fn signal_all(&self, name: &str) {
        let pid = std::fs::read_to_string(self.folder.0.join("data/postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap().to_owned();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    fn run(&self, tool: &str, arguments: &[&str]) {
        let data = self.folder.0.join("data").display().to_string();
        let tool = find_tool(tool).unwrap_or_else(|| panic!("{tool} is not installed"));
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(tool);
            command
        } else {
            Command::new(tool)
        };
        command.args(arguments.iter().map(|a| if *a == "DATA" { data.as_str() } else { a }));
        command.current_dir(&self.folder.0).stdout(Stdio::null()).stdin(Stdio::null());
        assert!(command.stderr(Stdio::null()).status().unwrap().success(), "{command:?}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.folder.0.join("data/postmaster.pid").exists() {
            self.signal_all("CONT");
            self.stop("immediate");
        }
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| {
        use std::os::unix::fs::MetadataExt;
        own.uid() == 0
    })
}

/// A server whose answers the test decides.
pub struct Peer {
    pub port: u16,
    pub behaviour: Arc<Behaviour>,
}

#[derive(Default)]
pub struct Behaviour {
    /// What is sent to who connects, after the first bytes of theirs; nothing: never an answer.
    pub answer: Mutex<Option<Vec<u8>>>,
    /// How long it waits before that.
    pub delay_ms: AtomicU64,
    /// Whether connections are closed at once.
    pub is_rude: AtomicBool,
    /// How many connections there are, were at most, and have been.
    pub open: AtomicUsize,
    pub most_open: AtomicUsize,
    pub total: AtomicUsize,
}

impl Peer {
    pub fn start(answer: Option<&str>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let behaviour = Arc::new(Behaviour::default());
        *behaviour.answer.lock().unwrap() = answer.map(|text| text.as_bytes().to_vec());
        let shared = Arc::clone(&behaviour);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let behaviour = Arc::clone(&shared);
                thread::spawn(move || behaviour.serve(stream));
            }
        });
        Self { port, behaviour }
    }

    pub fn delay(&self, ms: u64) {
        self.behaviour.delay_ms.store(ms, SeqCst);
    }
}

impl Behaviour {
    fn serve(&self, mut stream: TcpStream) {
        self.total.fetch_add(1, SeqCst);
        let open = self.open.fetch_add(1, SeqCst) + 1;
        self.most_open.fetch_max(open, SeqCst);
        if !self.is_rude.load(SeqCst) {
            let _ = stream.read(&mut [0; 4096]);
            thread::sleep(Duration::from_millis(self.delay_ms.load(SeqCst)));
            let answer = self.answer.lock().unwrap().clone();
            match answer {
                Some(answer) => drop(stream.write_all(&answer)),
                // Silent until the other side gives up.
                None => while matches!(stream.read(&mut [0; 4096]), Ok(count) if count > 0) {},
            }
        }
        drop(stream);
        self.open.fetch_sub(1, SeqCst);
    }
}
