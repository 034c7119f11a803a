//! The process as the kernel sees it: the standard `process_*` metrics of Linux.
//! <https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>

use std::fs;

use super::exposition::{Exposition, Float};
use super::table::Metric;

/// Clock ticks a second in `/proc`: USER_HZ, 100 on every architecture that Rust's Linux targets have.
const TICKS: u64 = 100;

/// Memory's unit in `/proc/self/stat`.
const KIB: u64 = 1024;

/// One reading. A number that this system does not tell is none.
#[derive(Debug, Default)]
pub(crate) struct ProcessStats {
    cpu_seconds: Option<f64>,
    open_fds: Option<u64>,
    max_fds: Option<i64>,
    virtual_bytes: Option<u64>,
    virtual_max_bytes: Option<i64>,
    resident_bytes: Option<u64>,
    start_seconds: Option<f64>,
}

impl ProcessStats {
    /// Reads `/proc/self`. On other systems than Linux nothing is known.
    pub(crate) fn read() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The second field is the command in parentheses and may hold anything.
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .map(|(_, rest)| rest.split_whitespace().collect())
            .unwrap_or_default();
        // proc(5) counts from 1, and two fields are gone.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let memory = |key: &str| number_after(&status, key).map(|kib| kib * KIB);
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let boot = fs::read_to_string("/proc/stat").ok().and_then(|s| number_after(&s, "btime"));
        Self {
            cpu_seconds: field(14).zip(field(15)).map(|(user, system)| seconds(user + system)),
            open_fds: open_fds(),
            max_fds: limit(&limits, "Max open files"),
            virtual_bytes: memory("VmSize:"),
            virtual_max_bytes: limit(&limits, "Max address space"),
            resident_bytes: memory("VmRSS:"),
            start_seconds: boot.zip(field(22)).map(|(boot, start)| seconds(boot * TICKS + start)),
        }
    }

    /// Writes the sample of a metric, if it is one of these and known.
    pub(crate) fn write(&self, metric: Metric, text: &mut Exposition) {
        match metric {
            Metric::ProcessCpuSeconds => {
                self.cpu_seconds.map(|value| text.sample(&[], Float(value)))
            }
            Metric::ProcessOpenFds => self.open_fds.map(|value| text.sample(&[], value)),
            Metric::ProcessMaxFds => self.max_fds.map(|value| text.sample(&[], value)),
            Metric::ProcessVirtualMemory => self.virtual_bytes.map(|value| text.sample(&[], value)),
            Metric::ProcessVirtualMemoryMax => {
                self.virtual_max_bytes.map(|value| text.sample(&[], value))
            }
            Metric::ProcessResidentMemory => {
                self.resident_bytes.map(|value| text.sample(&[], value))
            }
            Metric::ProcessStartTime => {
                self.start_seconds.map(|value| text.sample(&[], Float(value)))
            }
            _ => None,
        };
    }
}

/// Since Linux 6.2 the size of the directory is the number of descriptors; before, they are counted.
fn open_fds() -> Option<u64> {
    let directory = "/proc/self/fd";
    match fs::metadata(directory).ok()?.len() {
        // One of those counted is the directory's own.
        0 => Some((fs::read_dir(directory).ok()?.count() as u64).saturating_sub(1)),
        count => Some(count),
    }
}

/// The number that follows a key at the start of a line.
fn number_after(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The soft limit of a line of `/proc/self/limits`; -1 for none, as Prometheus' own clients say it.
fn limit(text: &str, key: &str) -> Option<i64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(-1),
        number => number.parse().ok(),
    }
}

#[allow(clippy::cast_precision_loss, reason = "ticks since 1970 fit a double")]
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / TICKS as f64
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::super::exposition::Format;
    use super::*;

    #[test]
    fn linux_tells_all_seven() {
        let stats = ProcessStats::read();
        let mut text = Exposition::new(Format::Prometheus);
        for &metric in Metric::ALL {
            stats.write(metric, &mut text);
        }
        assert_eq!(text.finish().lines().count(), 7, "{stats:?}");
        let since_start = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64()
            - stats.start_seconds.unwrap();
        assert!((-2.0..3600.0).contains(&since_start), "{since_start}");
        assert!(stats.resident_bytes.unwrap() > 500_000);
        assert!(stats.virtual_bytes.unwrap() >= stats.resident_bytes.unwrap());
        let before = open_fds().unwrap();
        let _file = fs::File::open("/proc/self/stat").unwrap();
        assert!(open_fds().unwrap() > before.saturating_sub(8), "other tests open files too");
    }
}
