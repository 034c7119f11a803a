//! What the tests need beside the service: a PostgreSQL, a target that speaks TLS, a client that
//! keeps its connection.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "each test uses a part, and may stop where it fails"
)]

pub mod client;
pub mod postgres;
pub mod target;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// The key of the services under test.
pub const KEY: &str = "key-of-the-test";

/// The header field with it.
pub const WITH_KEY: (&str, &str) = ("authorization", "Bearer key-of-the-test");

/// A folder that is gone after the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("links-test-{}-{}", std::process::id(), COUNT.fetch_add(1, SeqCst));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The path of a tool, also where Debian keeps PostgreSQL's.
pub fn find_tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let postgres = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let postgres = postgres.filter_map(|version| Some(version.ok()?.path().join("bin")));
    postgres
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|file| Path::new(file).is_file())
}

/// Whether these tools are here. Where one is not, a test says so and passes; with `CI=true` it fails.
pub fn has_tools(names: &[&str]) -> bool {
    let missing: Vec<_> = names.iter().filter(|name| find_tool(name).is_none()).collect();
    assert!(missing.is_empty() || std::env::var_os("CI").is_none(), "{missing:?}: not here, in CI");
    if !missing.is_empty() {
        eprintln!("skipped: {missing:?} is not installed");
    }
    missing.is_empty()
}
