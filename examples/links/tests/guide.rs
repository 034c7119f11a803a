//! docs/your-service.md, done as it says: each file is written, each command run, in order, in an
//! empty folder; what a command prints is what the page shows (`…` stands for whatever).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop where it fails"
)]

mod support;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::Folder;
use support::postgres::Postgres;

const OWN: &str = env!("CARGO_MANIFEST_DIR");

/// The URL of the page's database, for which the test's own stands in.
const DATABASE: &str = "postgres://links:secret@localhost:5432/links";

/// How long a first answer may take: the compiler comes first.
const PATIENCE: Duration = Duration::from_secs(600);

/// A block of the page: its language, the file that the line before names, and its lines.
struct Block {
    language: String,
    file: Option<String>,
    lines: Vec<String>,
}

fn blocks(page: &str) -> Vec<Block> {
    let (mut blocks, mut last, mut is_open) = (Vec::<Block>::new(), "", false);
    for line in page.lines() {
        if let Some(language) = line.strip_prefix("```") {
            is_open = !is_open;
            if is_open {
                // "`src/main.rs`:", or such a name at the beginning of a sentence that ends so.
                let file = last.strip_prefix('`').filter(|_| last.ends_with(':'));
                let file = file.and_then(|rest| rest.split('`').next()).map(str::to_owned);
                blocks.push(Block { language: language.to_owned(), file, lines: Vec::new() });
            }
            last = "";
        } else if is_open {
            blocks.last_mut().unwrap().lines.push(line.to_owned());
        } else if !line.is_empty() {
            last = line;
        }
    }
    blocks
}

/// The reader, in the folder where they are, with the server that they have started.
struct Reader {
    folder: PathBuf,
    port: u16,
    database: String,
    server: Option<Child>,
}

impl Reader {
    fn command(&self, text: &str) -> Command {
        let text = text
            .replace("localhost:8080", &format!("localhost:{}", self.port))
            .replace(DATABASE, &self.database);
        let mut command = Command::new("bash");
        command.args(["-o", "pipefail", "-c", &text]).current_dir(&self.folder);
        command.env("PORT", self.port.to_string());
        // What is compiled already is taken, but the reader's `links` is not put over this crate's.
        command.env("CARGO_BUILD_BUILD_DIR", format!("{OWN}/target"));
        command.env("CARGO_TARGET_DIR", format!("{OWN}/target/guide"));
        // What the test itself is run with is not the reader's.
        command.env_remove("CARGO_MANIFEST_DIR").stdin(Stdio::null());
        command
    }

    fn run(&mut self, text: &str, shown: &[String]) {
        if let Some(folder) = text.strip_prefix("cd ") {
            self.folder = self.folder.join(folder);
            return;
        }
        if text == "cargo run" || text.ends_with(" cargo run") {
            self.stop();
            let mut command = self.command(text);
            self.server = Some(command.stdout(Stdio::null()).process_group(0).spawn().unwrap());
            return;
        }
        let began = Instant::now();
        loop {
            let output = self.command(&format!("{{ {text}\n}} 2>&1")).output().unwrap();
            let printed = String::from_utf8_lossy(&output.stdout).into_owned();
            let is_as_shown = if shown.is_empty() {
                output.status.success()
            } else {
                matches(&shown.join("\n"), printed.trim_end())
            };
            if is_as_shown {
                // A lock of our versions, where the crate is new.
                let lock = self.folder.join(text.strip_prefix("cargo new ").unwrap_or_default());
                if text.starts_with("cargo new ") {
                    fs::copy(format!("{OWN}/Cargo.lock"), lock.join("Cargo.lock")).unwrap();
                }
                return;
            }
            // What asks the server may have to wait for it.
            let has_server =
                self.server.as_mut().is_some_and(|own| own.try_wait().unwrap().is_none());
            let is_patient = text.starts_with("curl ") && has_server && began.elapsed() < PATIENCE;
            assert!(is_patient, "{text}\nshown:\n{}\nprinted:\n{printed}", shown.join("\n"));
            sleep(Duration::from_millis(200));
        }
    }

    /// For cargo and what it runs. Not SIGINT: that is ignored where a test runs in the background.
    fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let group = format!("-{}", server.id());
            let _ = Command::new("kill").args(["-TERM", "--", &group]).status();
            let _ = server.wait();
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether this was printed: `…` stands for whatever.
fn matches(shown: &str, printed: &str) -> bool {
    let target = format!("{}-linux", std::env::consts::ARCH);
    let shown = shown.replace("x86_64-linux", &target);
    let mut parts = shown.split('…');
    let Some(mut rest) = printed.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut is_open = false;
    for part in parts {
        is_open = part.is_empty();
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty() || is_open
}

#[test]
fn the_page_leads_from_an_empty_folder_to_a_service() {
    let Some(postgres) = Postgres::start() else { return };
    let repository = Path::new(OWN).join("../..").canonicalize().unwrap();
    let page = fs::read_to_string(repository.join("docs/your-service.md")).unwrap();
    let folder = Folder::new();
    symlink(&repository, folder.0.join("pcf-api")).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let database = postgres.url("first");
    let mut reader = Reader { folder: folder.0.clone(), port, database, server: None };
    let mut has_run = 0;
    for block in blocks(&page) {
        let text = block.lines.join("\n");
        if let Some(file) = &block.file {
            fs::create_dir_all(reader.folder.join(file).parent().unwrap()).unwrap();
            fs::write(reader.folder.join(file), text + "\n").unwrap();
        } else if block.language == "console" {
            let has_prompts = block.lines.iter().any(|line| line.starts_with("$ "));
            let mut commands: Vec<(String, Vec<String>)> = Vec::new();
            for line in &block.lines {
                match line.strip_prefix("$ ") {
                    Some(command) => commands.push((command.to_owned(), vec![])),
                    None if has_prompts => commands.last_mut().unwrap().1.push(line.clone()),
                    None => commands.push((line.clone(), vec![])),
                }
            }
            for (command, shown) in commands {
                reader.run(&command, &shown);
                has_run += 1;
            }
        } else if block.language == "rust" && block.lines[0].starts_with(' ') {
            // An excerpt is what the example has.
            let sources = ["src/routes/events.rs", "src/start.rs", "src/routes.rs"];
            let has =
                |file: &&str| fs::read_to_string(format!("{OWN}/{file}")).unwrap().contains(&text);
            assert!(sources.iter().any(has), "not in examples/links:\n{text}");
        }
    }
    assert!(has_run > 15, "only {has_run} commands");
}

#[test]
fn what_may_differ_is_marked() {
    for (shown, printed, is_right) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a…", "abc", true),
        ("…\nb\n…", "a\nb\nc", true),
        ("…\nb\n…", "a\nc", false),
        ("{\"id\":\"…\"}", "{\"id\":\"7\"}", true),
    ] {
        assert_eq!(matches(shown, printed), is_right, "{shown:?} {printed:?}");
    }
}
