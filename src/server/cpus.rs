//! How many CPUs this process may use, and who says so.

use std::fs;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use super::settings::WorkerCount;

/// How many workers there are, and where that came from, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WorkerThreads {
    pub(crate) count: usize,
    pub(crate) from: &'static str,
}

impl WorkerThreads {
    /// As many as are set, else as CPUs are granted.
    pub(crate) fn of(setting: WorkerCount) -> Self {
        let (count, from) = match setting {
            WorkerCount::Fixed(count) => (count.get(), "setting"),
            WorkerCount::Auto => {
                // Counts the affinity mask and the CPU quota of the cgroup, v1 and v2; rounded down.
                let granted = available_parallelism().map_or(1, NonZeroUsize::get);
                match allowed_by_affinity() {
                    Some(allowed) if granted < allowed => (granted, "cgroup CPU quota"),
                    Some(_) => (granted, "CPU affinity"),
                    None => (granted, "machine"),
                }
            }
        };
        Self { count, from }
    }
}

/// The CPUs of the affinity mask, as Linux lists them: `0-3,8`.
fn allowed_by_affinity() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    count(list.trim())
}

fn count(list: &str) -> Option<usize> {
    list.split(',')
        .map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
            Some(last.checked_sub(first)? + 1)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_lists_are_counted() {
        assert_eq!(count("0"), Some(1));
        assert_eq!(count("0-3,8,10-11"), Some(7));
        assert_eq!(count("3-1"), None);
        assert_eq!(count(""), None);
    }

    #[test]
    fn a_setting_is_taken_as_it_is() {
        let three = WorkerCount::Fixed(NonZeroUsize::new(3).unwrap());
        assert_eq!(WorkerThreads::of(three), WorkerThreads { count: 3, from: "setting" });
        assert!(WorkerThreads::of(WorkerCount::Auto).count >= 1);
    }
}
