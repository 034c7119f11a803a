//! What is not run here, and why; and what is.

const CLUSTER: &str = "needs a cluster: tests/e2e runs it or its like";
const ENGINE: &str = "needs a container engine that runs";
const IMAGE: &str = "needs Nix: the gate's step \"image\" builds, checks and runs the image";
const MACHINE: &str = "changes this machine, or tells how another one is set up";
const NETWORK: &str = "asks a machine of the internet";
const OPTIONAL: &str = "needs a tool that nothing else needs";
const REGISTRY: &str = "needs a registry: tests/image/registry pushes to one and pulls";
const STEP: &str = "is a step of the gate, or a part of one";
const TLS: &str = "is of a build with TLS: just test-features asks one";
const WAITS: &str = "runs until it is ended, or for minutes; a test or the gate runs it";

/// Beginnings of commands; the longest counts.
const ELSEWHERE: &[(&str, &str)] = &[
    ("$EDITOR ", "waits for a person"),
    (".ci/run ", STEP),
    ("cargo bloat ", OPTIONAL),
    ("cargo run --release --features tls ", TLS),
    ("cargo test ", STEP),
    ("cargo update ", "changes the lock file"),
    ("docker ", ENGINE),
    ("jq '.manifests' result/", IMAGE),
    ("just attack ", WAITS),
    ("just bench ", WAITS),
    ("just bench-overload ", WAITS),
    ("just deploy ", CLUSTER),
    ("just docs ", STEP),
    ("just e2e ", CLUSTER),
    ("just lint ", STEP),
    ("just load ", ENGINE),
    ("just logs ", CLUSTER),
    ("just manifests ", STEP),
    ("just monitor ", WAITS),
    ("just pin ", IMAGE),
    ("just push ", REGISTRY),
    ("just release ", STEP),
    ("just rollback ", CLUSTER),
    ("just run ", WAITS),
    ("just run-image ", ENGINE),
    ("just scan ", NETWORK),
    ("just secrets ", CLUSTER),
    ("just status ", CLUSTER),
    ("just test ", STEP),
    ("just test-page ", STEP),
    ("just verify ", STEP),
    ("kind ", CLUSTER),
    ("kubectl ", CLUSTER),
    ("nix ", IMAGE),
    ("nix-store ", IMAGE),
    ("git ls-remote ", NETWORK),
    ("git status ", MACHINE),
    ("openssl req ", TLS),
    ("openssl s_client ", NETWORK),
    ("podman ", ENGINE),
    ("scripts/set-selector.sh ", CLUSTER),
    ("skopeo ", REGISTRY),
    ("sudo ", MACHINE),
    ("systemctl ", MACHINE),
    ("export NIX_SSL_CERT_FILE=", MACHINE),
    ("cosign ", REGISTRY),
    ("gh ", NETWORK),
    ("df ", MACHINE),
    ("printenv ", MACHINE),
    ("vault ", "needs Vault; tests/e2e/cases/10-vault.sh puts the file where Vault would"),
];

/// First words of what runs here.
const HERE: &[&str] = &[
    "pcf-api", "cat", "curl", "echo", "env", "grep", "jq", "promtool", "sed", "sort", "umask",
    "uname",
];

/// Whole beginnings of what runs here although its first word is excused above.
const HERE_ALTHOUGH: &[&str] = &[
    "cargo run --release -- ",
    "cargo tree ",
    "kubectl kustomize ",
    // Only says how it is used.
    "tests/e2e/run --help",
];

/// Why a part of a command is not run here, if it is not.
pub fn reason(part: &str) -> Option<&'static str> {
    let prefix = prefix(part)?;
    ELSEWHERE.iter().find(|(candidate, _)| *candidate == prefix).map(|(_, reason)| *reason)
}

/// The entry that excuses a part of a command.
pub fn prefix(part: &str) -> Option<&'static str> {
    if HERE_ALTHOUGH.iter().any(|start| part.starts_with(start)) || part == "cargo run --release" {
        return None;
    }
    // A prefix ends where a word does.
    let part = format!("{part} ");
    let prefixes = ELSEWHERE.iter().map(|(prefix, _)| *prefix);
    prefixes.filter(|prefix| part.starts_with(prefix)).max_by_key(|prefix| prefix.len())
}

pub fn prefixes() -> impl Iterator<Item = &'static str> {
    ELSEWHERE.iter().map(|(prefix, _)| *prefix)
}

/// Whether a part of a command is known to run here.
pub fn can_run(part: &str) -> bool {
    let first = part.split_whitespace().next().unwrap_or_default();
    HERE.contains(&first)
        || part == "cargo run --release"
        || HERE_ALTHOUGH.iter().any(|start| part.starts_with(start))
}
