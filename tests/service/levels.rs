//! The log level follows its file while the service runs, as a mounted ConfigMap changes it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::support::peers::Folder;
use super::support::{PATIENCE, Server, run};

/// A folder as the kubelet writes it: what is in it leads through `..data`, which is swapped.
struct Mounted {
    folder: Folder,
    version: u32,
}

impl Mounted {
    fn with(level: &str) -> Self {
        let mut mounted = Self { folder: Folder::new(), version: 0 };
        mounted.change(level);
        symlink("..data/RUST_LOG", mounted.file()).unwrap();
        mounted
    }

    fn file(&self) -> PathBuf {
        self.folder.0.join("RUST_LOG")
    }

    fn setting(&self) -> String {
        format!("file:{}", self.file().display())
    }

    fn change(&mut self, level: &str) {
        let at = |name: &str| self.folder.0.join(name);
        let (old, new) = (format!("..{}", self.version), format!("..{}", self.version + 1));
        fs::create_dir(at(&new)).unwrap();
        fs::write(at(&new).join("RUST_LOG"), level).unwrap();
        symlink(&new, at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
        let _ = fs::remove_dir_all(at(&old));
        self.version += 1;
    }
}

fn is_of_levels(line: &Value) -> bool {
    line["target"] == "pcf_api::telemetry::levels"
}

/// How often `/version` is in the log. `told` asks for `/`, whose line may come at any moment.
fn access_lines(server: &Server) -> usize {
    server.log().iter().filter(|line| line["route"] == "/version").count()
}

#[test]
fn a_change_of_the_file_takes_effect_and_what_is_no_filter_leaves_the_last_one() {
    let mut mounted = Mounted::with("info\n");
    let setting = mounted.setting();
    let server = Server::start(&[("RUST_LOG", &setting)]);
    server.get("/version");
    server.log_line("access", PATIENCE, |line| line["target"] == "access");

    let told = |new: &str| {
        let (line, _) =
            server.log_line(new, PATIENCE, |line| is_of_levels(line) && line["new"] == new);
        assert_eq!((&line["level"], &line["from"]), (&"INFO".into(), &setting.clone().into()));
        assert_eq!(server.get("/").json()["log_level"], new);
        line["old"].as_str().unwrap().to_owned()
    };
    mounted.change("off");
    assert_eq!(told("off"), "info");
    let before = access_lines(&server);
    server.get("/version");
    mounted.change("error,access=debug");
    assert_eq!(told("error,access=debug"), "off");
    assert_eq!(access_lines(&server), before, "off");
    server.get("/health");
    server.log_line("a probe's", PATIENCE, |line| line["route"] == "/health");

    mounted.change("verbose");
    let (line, _) = server.log_line("refused", PATIENCE, |line| line["level"] == "WARN");
    assert!(is_of_levels(&line), "{line}");
    assert_eq!(line["in_effect"], "error,access=debug");
    assert!(line["error"].as_str().unwrap().starts_with("the file holds \"verbose\": expected"));
    // It is looked at again meanwhile.
    thread::sleep(Duration::from_secs(6));
    assert_eq!(server.get("/").json()["log_level"], "error,access=debug");
    fs::remove_file(mounted.file()).unwrap();
    server.log_line("gone", PATIENCE, |line| {
        line["error"].as_str().is_some_and(|error| error.starts_with("cannot read"))
    });
    // In this order: a look between the two finds no file, and not once more what is no filter.
    mounted.change("info");
    symlink("..data/RUST_LOG", mounted.file()).unwrap();
    assert_eq!(told("info"), "error,access=debug");
    let of_levels = server.log().into_iter().filter(is_of_levels);
    let levels: Vec<_> = of_levels.map(|line| line["level"].as_str().unwrap().to_owned()).collect();
    assert_eq!(levels, ["INFO", "INFO", "WARN", "WARN", "INFO"]);
}

#[test]
fn a_file_that_is_missing_or_no_filter_stops_the_start() {
    let mounted = Mounted::with("verbose");
    let setting = mounted.setting();
    for (setting, told) in [
        (setting.as_str(), "the file holds \"verbose\": expected a level (error, warn,"),
        ("file:/no/such/level", "cannot read /no/such/level: No such file or directory"),
    ] {
        for arguments in [&[][..], &["config", "--check"]] {
            let output = run(arguments, &[("RUST_LOG", setting), ("PORT", "0")]);
            let text = String::from_utf8(output.stderr).unwrap();
            let named = format!("log.level = \\\"{setting}\\\" (environment RUST_LOG): ");
            assert_eq!(output.status.code(), Some(2), "{text}");
            assert!(text.replace("\\\"", "\"").contains(told), "{text}");
            assert!(text.contains(&named), "{text}");
        }
    }
}

#[test]
fn the_configuration_says_that_the_level_is_of_a_file() {
    let mounted = Mounted::with("warn");
    let output = run(&["config"], &[("RUST_LOG", &mounted.setting())]);
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find(|line| line.starts_with("log.level = ")).unwrap();
    assert!(line.starts_with(&format!("log.level = \"{}\"", mounted.setting())), "{line}");
    assert!(line.ends_with("# environment RUST_LOG"), "{line}");
}
