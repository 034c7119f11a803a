//! The limit of open files: each connection needs one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::admission::RESERVE;

/// What the service itself needs beside its connections: files, sockets of health checks, pools.
const OWN: usize = 64;

/// Raises the soft limit of open files to the hard one (containerd's default for the soft one is
/// 1024), and returns how many connections of those that are wanted fit into it.
pub(crate) fn raise_limit(wanted: usize) -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    if setrlimit(Resource::Nofile, raised).is_ok() {
        limit = raised;
    }
    let Some(files) = limit.current else { return wanted };
    let fitting = fitting(files);
    if fitting < wanted {
        tracing::warn!(
            files,
            wanted,
            connections = fitting,
            "the limit of open files is too low for SERVER__MAX_CONNECTIONS; raise it (ulimit -Hn)"
        );
    }
    wanted.min(fitting)
}

/// How many connections fit into so many files; one always does.
fn fitting(files: u64) -> usize {
    usize::try_from(files).unwrap_or(usize::MAX).saturating_sub(RESERVE + OWN).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_the_limit_is_for_connections() {
        assert_eq!([1024, 128, 0].map(fitting), [896, 1, 1]);
    }
}
