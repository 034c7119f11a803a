//! Runs the commands that can run here, and compares what they print with what their page shows.
//!
//! A command that starts the server starts one for the rest of the page, on a free port; what asks
//! port 8080 asks that one.

use std::process::Command as Process;
use std::time::{Duration, Instant};

use super::commands::{self, Command};
use super::compare::difference;
use super::pages;
use super::support::databases::Redis;
use super::support::peers::{Folder, free_port};
use super::support::{Server, binary, find_tool, has_tool};
use super::{ROOT, expect_none};

/// How long what a command prints may take to become what the page shows: a check of a dependency.
const PATIENCE: Duration = Duration::from_secs(10);

/// The address of a Redis in the pages' examples; a real one stands in for it.
const REDIS: &str = "127.0.0.1:6379";

#[test]
fn each_command_prints_what_its_page_shows() {
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let run = |page: pages::Page| scope.spawn(move || run_page(&page));
        let running: Vec<_> = pages::all().into_iter().map(run).collect();
        running.into_iter().flat_map(|page| page.join().unwrap()).collect()
    });
    expect_none(&wrong);
}

fn run_page(page: &pages::Page) -> Vec<String> {
    let mut commands = commands::of(page);
    commands.retain(Command::runs_here);
    if commands.is_empty() {
        return vec![];
    }
    let redis = free_port();
    let _redis = find_tool("redis-server").map(|_| Redis::with_password(redis, ""));
    let folder = repository();
    let mut server = Some(Server::start(&[]));
    let mut wrong = Vec::new();
    for command in &commands {
        let has_tools = has_tools(command);
        if is_server(command) {
            let text = command.text.replace(REDIS, &format!("127.0.0.1:{redis}"));
            let environment: Vec<_> =
                text.split_whitespace().filter_map(|word| word.split_once('=')).collect();
            // Without its tools there is none, and so nothing to ask below.
            server = has_tools.then(|| Server::start(&environment));
        } else if let Some(server) = server.as_ref().filter(|_| has_tools)
            && let Err(told) = check(command, server, &folder)
        {
            wrong.push(format!("{}: {}\n{told}\n", command.origin, command.text));
        }
    }
    wrong
}

/// Runs it until it prints what it should, or its patience ends.
fn check(command: &Command, server: &Server, folder: &Folder) -> Result<(), String> {
    let began = Instant::now();
    loop {
        let (printed, is_success) = execute(command, server, folder);
        let wrong = if command.output.is_empty() {
            (!is_success).then_some(printed)
        } else {
            difference(&command.output, &printed)
        };
        match wrong {
            None => return Ok(()),
            Some(wrong) if began.elapsed() > PATIENCE => return Err(wrong),
            Some(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// What a command prints, on both streams, and whether it succeeds.
fn execute(command: &Command, server: &Server, folder: &Folder) -> (String, bool) {
    let port = server.port.to_string();
    let text = command
        .text
        .replace("cargo run --release -- ", "pcf-api ")
        .replace("localhost:8080", &format!("localhost:{port}"));
    let programs = binary("pcf-api").parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Process::new("bash")
        .args(["-o", "pipefail", "-c", &format!("{{ {text}\n}} 2>&1")])
        .current_dir(&folder.0)
        .env("PATH", format!("{programs}:{path}"))
        .env("PORT", &port)
        .env_remove("RUST_LOG")
        .env_remove("LOG_FORMAT")
        .output()
        .unwrap();
    (String::from_utf8_lossy(&output.stdout).replace(&port, "8080"), output.status.success())
}

/// A folder that looks like the repository: what a command writes there stays there.
fn repository() -> Folder {
    let folder = Folder::new();
    for entry in std::fs::read_dir(ROOT).unwrap().flatten() {
        std::os::unix::fs::symlink(entry.path(), folder.0.join(entry.file_name())).unwrap();
    }
    folder
}

fn is_server(command: &Command) -> bool {
    ["pcf-api", "cargo run --release"].contains(&command.parts().join("|").as_str())
}

fn has_tools(command: &Command) -> bool {
    let mut needed: Vec<String> = Vec::new();
    for part in command.parts() {
        needed.extend(part.split_whitespace().next().map(String::from));
    }
    if command.text.contains(REDIS) {
        needed.push("redis-server".into());
    }
    // The shell's own, and what this test could not run without.
    let is_here =
        |tool: &str| ["pcf-api", "cargo", "echo", "umask"].contains(&tool) || tool.contains('/');
    needed.iter().filter(|tool| !is_here(tool)).all(|tool| has_tool(tool))
}

/// What the pages make of a pod's log is made of the log of a service that has every trouble: each
/// filter must find something there, and nothing that it names may be missing.
#[test]
fn each_filter_of_logs_finds_what_it_looks_for() {
    if !has_tool("jq") {
        return;
    }
    let folder = Folder::new();
    let level = folder.file("level", "info");
    let mut server = Server::faulty(&[
        ("DATABASE_URL", "tcp://127.0.0.1:9"),
        ("RUST_LOG", &format!("file:{level}")),
    ]);
    folder.file("level", "info,access=debug");
    server.get("/panic");
    server.log_line("the database", PATIENCE, |line| line["dependency"] == "database");
    server.log_line("the level", PATIENCE, |line| line["new"] == "info,access=debug");
    server.signal("TERM");
    server.wait(PATIENCE);
    let log = folder.file("log", &server.raw_lines().join("\n"));

    let mut wrong = Vec::new();
    let commands: Vec<Command> = pages::all().iter().flat_map(commands::of).collect();
    let reads_logs = |text: &str| text.starts_with("kubectl ") && text.contains(" logs ");
    let piped = commands.iter().filter_map(|command| {
        let (first, rest) = command.text.split_once(" | ")?;
        reads_logs(first).then_some((command, rest))
    });
    for (command, filter) in piped {
        let shell = Process::new("bash")
            .args(["-o", "pipefail", "-c", &format!("cat {log} | {filter}")])
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&shell.stdout);
        if !shell.status.success() || printed.trim().is_empty() || printed.contains("null") {
            let error = String::from_utf8_lossy(&shell.stderr);
            wrong.push(format!("{}: {filter}\n{printed}{error}", command.origin));
        }
    }
    expect_none(&wrong);
}
