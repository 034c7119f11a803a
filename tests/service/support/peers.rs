//! What tests need beside the service: folders, processes, and plain servers that the test can make
//! slow, silent or rude.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A port that nobody has. It is below those that the system gives to connections and listeners without one,
/// so none of them has it a moment later.
pub fn free_port() -> u16 {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    (0..COUNT)
        .map(|_| std::process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, SeqCst)))
        .map(|number| u16::try_from(FIRST + number % COUNT).unwrap())
        .find(is_free)
        .expect("a free port")
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
        Self::spawn_logging(command, Stdio::null())
    }

    /// One whose standard error goes there.
    pub fn spawn_logging(command: &mut Command, log: Stdio) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
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

/// A server that sends interim answers as long as anyone listens.
pub struct EndlessPeer {
    pub port: u16,
}

impl EndlessPeer {
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let hints = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100);
                thread::spawn(move || while stream.write_all(hints.as_bytes()).is_ok() {});
            }
        });
        Self { port }
    }
}
