//! What the service depends on in earnest: PostgreSQL and Redis, on free ports.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use super::find_tool;
use super::peers::{Folder, Process};

/// A real Redis with these options. What it logs is in the file `redis.log` of the folder.
pub struct Redis {
    process: Process,
    folder: Folder,
}

impl Redis {
    pub fn start(port: u16, options: &[&str]) -> Self {
        let folder = Folder::new();
        let process = Process::spawn(
            Command::new(find_tool("redis-server").unwrap())
                .args(["--save", "", "--appendonly", "no", "--logfile", "redis.log", "--port"])
                .arg(port.to_string())
                .args(options)
                .current_dir(&folder.0),
        );
        Self { process, folder }
    }

    /// One that wants this password.
    pub fn with_password(port: u16, password: &str) -> Self {
        Self::start(port, &["--bind", "127.0.0.1", "--requirepass", password])
    }

    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// What the server has written into its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.0.join("redis.log")).unwrap_or_default()
    }
}

/// A real PostgreSQL, in a folder of its own. PostgreSQL refuses to run as root, so root runs it as
/// the user that Debian's package made.
pub struct Postgres {
    folder: Folder,
    port: u16,
    options: &'static str,
}

impl Postgres {
    /// One that trusts everyone, not started.
    pub fn new(port: u16) -> Self {
        let postgres = Self { folder: Folder::new(), port, options: "" };
        if is_root() {
            let owner = Command::new("chown").arg("postgres").arg(&postgres.folder.0).status();
            assert!(owner.unwrap().success(), "root needs the user postgres of Debian's package");
        }
        postgres
            .run("initdb", &["--auth=trust", "--no-sync", "--username=app", "--pgdata", "DATA"]);
        postgres
    }

    /// One that can also encrypt, and asks for certificates where that is wanted.
    pub fn with_tls(port: u16) -> Self {
        let mut postgres = Self::new(port);
        postgres.run(
            "openssl",
            &[
                ["req", "-new", "-x509", "-nodes", "-subj", "/CN=localhost"].as_slice(),
                &["-keyout", "data/server.key", "-out", "data/server.crt"],
            ]
            .concat(),
        );
        postgres.options = "-c ssl=on -c ssl_ca_file=server.crt";
        postgres
    }

    /// One that can encrypt, with the certificate and the key in these files.
    #[cfg(feature = "tls")]
    pub fn with_certificate(port: u16, certificate: &str, key: &str) -> Self {
        let mut postgres = Self::new(port);
        for (from, to) in [(certificate, "data/server.crt"), (key, "data/server.key")] {
            postgres.write(to, &std::fs::read_to_string(from).unwrap());
            let path = postgres.folder.0.join(to);
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            if is_root() {
                let owner = Command::new("chown").arg("postgres").arg(&path).status();
                assert!(owner.unwrap().success(), "{}", path.display());
            }
        }
        postgres.options = "-c ssl=on";
        postgres
    }

    pub fn start(&self) {
        self.start_with(&["--wait"], "");
    }

    /// Starts as a standby that takes no connections: it recovers until it is promoted.
    pub fn start_as_standby(&self) {
        self.write("data/standby.signal", "");
        self.start_with(&["--no-wait"], "-c hot_standby=off");
    }

    pub fn promote(&self) {
        self.run("pg_ctl", &["promote", "--wait", "--pgdata", "DATA"]);
    }

    fn start_with(&self, arguments: &[&str], more: &str) {
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c fsync=off -c unix_socket_directories={} {} {more}",
            self.port,
            self.folder.0.display(),
            self.options,
        );
        let log = self.folder.0.join("log").display().to_string();
        let start = ["start", "--pgdata", "DATA", "--options", &options, "--log", &log];
        self.run("pg_ctl", &[&start, arguments].concat());
    }

    pub fn stop(&self, mode: &str) {
        let wait = if mode == "smart" { "--no-wait" } else { "--wait" };
        self.run("pg_ctl", &["stop", wait, "--mode", mode, "--pgdata", "DATA"]);
    }

    /// From its next start on, lets in over the network whom these lines of pg_hba.conf let in.
    pub fn allow(&self, lines: &str) {
        self.write("data/pg_hba.conf", &format!("local all all trust\n{lines}"));
    }

    pub fn sql(&self, commands: &str) {
        let (folder, port) = (self.folder.0.display().to_string(), self.port.to_string());
        let place = ["-h", &folder, "-p", &port, "-U", "app", "-d", "postgres"];
        self.run("psql", &[place.as_slice(), &["-c", commands]].concat());
    }

    /// What the server has written into its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.0.join("log")).unwrap()
    }

    /// Freezes or thaws the whole server: it then accepts (the kernel does) and never answers.
    pub fn signal_all(&self, name: &str) {
        let pid = std::fs::read_to_string(self.folder.0.join("data/postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap().to_owned();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// A file that the server may read, which root's may not be.
    fn write(&self, name: &str, content: &str) {
        let path = self.folder.0.join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
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
