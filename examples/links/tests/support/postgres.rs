//! A PostgreSQL of the test's own. It refuses to run as root, so root runs it as the user that
//! Debian's package made.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use super::{Folder, find_tool, has_tools};

pub struct Postgres {
    folder: Folder,
    pub port: u16,
}

impl Postgres {
    /// One that asks for passwords as they are, for a debug build takes long over their hash, and so over
    /// each connection; none where PostgreSQL is not installed.
    pub fn start() -> Option<Self> {
        if !has_tools(&["initdb", "pg_ctl", "psql"]) {
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let postgres = Self { folder: Folder::new(), port };
        if is_root() {
            let owner = Command::new("chown").arg("postgres").arg(&postgres.folder.0).status();
            assert!(owner.unwrap().success(), "root needs the user postgres of Debian's package");
        }
        let (data, log) = (postgres.folder.path("data"), postgres.folder.path("log"));
        let init = ["--auth-local=trust", "--auth-host=password", "--username=admin", "--pgdata"];
        postgres.run("initdb", &[init.as_slice(), &[data.as_str(), "--no-sync"]].concat());
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c fsync=off -c unix_socket_directories={}",
            postgres.folder.0.display()
        );
        let start = ["start", "--wait", "--pgdata", &data, "--options", &options, "--log", &log];
        postgres.run("pg_ctl", &start);
        postgres.sql("CREATE ROLE links LOGIN PASSWORD 'first'");
        postgres.sql("CREATE DATABASE links OWNER links");
        Some(postgres)
    }

    /// The URL with this password.
    pub fn url(&self, password: &str) -> String {
        format!("postgres://links:{password}@127.0.0.1:{}/links", self.port)
    }

    /// Runs a statement as the administrator.
    pub fn sql(&self, statement: &str) {
        let (host, port) = (self.folder.0.display().to_string(), self.port.to_string());
        let place = ["-h", &host, "-p", &port, "-U", "admin", "-d", "postgres", "-qAt", "-c"];
        self.run("psql", &[place.as_slice(), &[statement]].concat());
    }

    /// Ends all connections of the service, as a restart of the database would.
    pub fn end_connections(&self) {
        self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'links'");
    }

    fn run(&self, tool: &str, arguments: &[&str]) {
        let tool = find_tool(tool).unwrap();
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(tool);
            command
        } else {
            Command::new(tool)
        };
        command.args(arguments).current_dir(&self.folder.0).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        assert!(command.status().unwrap().success(), "{command:?}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.folder.path("data");
        // One that has not started has failed its test already.
        if std::path::Path::new(&data).join("postmaster.pid").exists() {
            self.run("pg_ctl", &["stop", "--mode", "immediate", "--pgdata", &data]);
        }
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
