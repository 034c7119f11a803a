//! The one table of every setting. Parsing, `--help`, `pcf-api config` and `docs/configuration.md`
//! are all made from it; to add a setting, add it here, to [`TABLE`] and to [`super::Config`].

use std::net::IpAddr;
use std::time::Duration;

use super::value::{Size, Value, WorkerCount};
use crate::health::Criticality;
use crate::health::TargetUrl;
use crate::telemetry::{Filter, LogFormat, TimestampFormat};

/// The place of a dependency's name in the key of a setting that each dependency has.
pub const NAME: &str = "<name>";

/// A setting: what it is called in each source, what it may be and what it is for.
pub struct Setting<T: 'static> {
    /// The key in the file, and, after two dashes, the flag: `server.port`, `--server.port`.
    pub key: &'static str,
    /// The environment variables, the first one that is set counts.
    pub env: &'static [&'static str],
    /// The value where no source gives one, as it would be written; none for an optional setting.
    pub default: Option<&'static str>,
    /// The least and the greatest value.
    pub range: Option<(T, T)>,
    /// What it is for, in one sentence.
    pub help: &'static str,
}

/// A setting whose kind of value does not matter: what tables and messages need of it.
pub trait Describe: Sync {
    /// See [`Setting::key`].
    fn key(&self) -> &'static str;
    /// See [`Setting::env`].
    fn env(&self) -> &'static [&'static str];
    /// See [`Setting::default`].
    fn default(&self) -> Option<&'static str>;
    /// See [`Setting::help`].
    fn help(&self) -> &'static str;
    /// Whether the value may hold a secret and is never shown.
    fn is_secret(&self) -> bool;
    /// What would be accepted, to follow the word "expected".
    fn expected(&self) -> String;
    /// Whether the text is a value of this setting; else what is wrong with it.
    fn check(&self, text: &str) -> Result<(), String>;
    /// The value as it is shown to people, redacted if it is secret.
    fn show(&self, text: &str) -> Option<String>;
}

impl<T: Value> Setting<T> {
    /// Reads a value of this setting; else says what is wrong.
    pub fn parse(&self, text: &str) -> Result<T, String> {
        let expected = || format!("expected {}", self.expected());
        let value = T::parse(text).map_err(|reason| reason.unwrap_or_else(expected))?;
        match &self.range {
            Some((low, high)) if !value.is_within(low, high) => Err(expected()),
            _ => Ok(value),
        }
    }
}

impl<T: Value> Describe for Setting<T> {
    fn key(&self) -> &'static str {
        self.key
    }

    fn env(&self) -> &'static [&'static str] {
        self.env
    }

    fn default(&self) -> Option<&'static str> {
        self.default
    }

    fn help(&self) -> &'static str {
        self.help
    }

    fn is_secret(&self) -> bool {
        T::SECRET
    }

    fn expected(&self) -> String {
        match &self.range {
            Some((low, high)) => {
                format!("{}, from {} to {}", T::EXPECTED, low.show(), high.show())
            }
            None => T::EXPECTED.to_owned(),
        }
    }

    fn check(&self, text: &str) -> Result<(), String> {
        self.parse(text).map(drop)
    }

    fn show(&self, text: &str) -> Option<String> {
        self.parse(text).ok().map(|value| value.show())
    }
}

const MS_100: Duration = Duration::from_millis(100);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// Where the server listens.
pub static HOST: Setting<IpAddr> = Setting {
    key: "server.host",
    env: &["SERVER__HOST"],
    default: Some("0.0.0.0"),
    range: None,
    help: "Address to listen on. 0.0.0.0 is every address, those of IPv6 included where the machine has it.",
};

/// The port to listen on.
pub static PORT: Setting<u16> = Setting {
    key: "server.port",
    env: &["SERVER__PORT", "PORT"],
    default: Some("8080"),
    range: Some((0, u16::MAX)),
    help: "Port to listen on; 0 takes a free one and logs it.",
};

/// Worker threads, each with a runtime of its own.
pub static WORKERS: Setting<WorkerCount> = Setting {
    key: "server.workers",
    env: &["SERVER__WORKERS"],
    default: Some("auto"),
    range: None,
    help: "Worker threads. auto: the CPUs that the cgroup and the affinity mask grant.",
};

/// How long new requests are still taken after a signal.
pub static DRAIN_DELAY: Setting<Duration> = Setting {
    key: "server.drain_delay",
    env: &["SERVER__DRAIN_DELAY"],
    default: Some("5s"),
    range: Some((Duration::ZERO, HOUR)),
    help: "How long new connections are still served after SIGTERM, while load balancers take notice.",
};

/// How long requests in flight may then take.
pub static DRAIN_TIMEOUT: Setting<Duration> = Setting {
    key: "server.drain_timeout",
    env: &["SERVER__DRAIN_TIMEOUT"],
    default: Some("30s"),
    range: Some((Duration::ZERO, HOUR)),
    help: "How long requests in flight may take after the drain delay before they are cut.",
};

/// How long a request's head may take to arrive.
pub static HEADER_READ_TIMEOUT: Setting<Duration> = Setting {
    key: "server.header_read_timeout",
    env: &["SERVER__HEADER_READ_TIMEOUT"],
    default: Some("10s"),
    range: Some((MS_100, HOUR)),
    help: "How long a request's head may take to arrive, from its first byte; then 408 and close.",
};

/// How long a request may take.
pub static REQUEST_TIMEOUT: Setting<Duration> = Setting {
    key: "server.request_timeout",
    env: &["SERVER__REQUEST_TIMEOUT"],
    default: Some("30s"),
    range: Some((MS_100, HOUR)),
    help: "How long a request may take: 504 after it, 408 where the body had not arrived. \
           A client that stops reading its response for this long is cut; over HTTP/2, one that \
           takes nothing of any of its responses.",
};

/// How long an idle connection is kept.
pub static KEEP_ALIVE_TIMEOUT: Setting<Duration> = Setting {
    key: "server.keep_alive_timeout",
    env: &["SERVER__KEEP_ALIVE_TIMEOUT"],
    default: Some("75s"),
    range: Some((MS_100, HOUR)),
    help: "How long a connection may stay open without a request.",
};

/// The largest head of a request.
pub static MAX_HEADER_BYTES: Setting<Size> = Setting {
    key: "server.max_header_bytes",
    env: &["SERVER__MAX_HEADER_BYTES"],
    default: Some("16KiB"),
    range: Some((Size(1024), Size(1024 * 1024))),
    help: "Most bytes of a request's header fields; more is answered 431.",
};

/// The longest request target.
pub static MAX_URI_BYTES: Setting<Size> = Setting {
    key: "server.max_uri_bytes",
    env: &["SERVER__MAX_URI_BYTES"],
    default: Some("8KiB"),
    range: Some((Size(64), Size(63 * 1024))),
    help: "Most bytes of a request's target; more is answered 414.",
};

/// The largest body of a request.
pub static MAX_BODY_BYTES: Setting<Size> = Setting {
    key: "server.max_body_bytes",
    env: &["SERVER__MAX_BODY_BYTES"],
    default: Some("1MiB"),
    range: Some((Size(0), Size(1024 * 1024 * 1024))),
    help: "Most bytes of a request's body; more is answered 413.",
};

/// The most connections at a time.
pub static MAX_CONNECTIONS: Setting<usize> = Setting {
    key: "server.max_connections",
    env: &["SERVER__MAX_CONNECTIONS"],
    default: Some("10000"),
    range: Some((1, 1_000_000)),
    help: "Most connections at a time. 64 more still get health and metrics, and 503 for the rest; \
           past those, new ones wait in the kernel's queue.",
};

/// How log lines are written.
pub static LOG_FORMAT: Setting<LogFormat> = Setting {
    key: "log.format",
    env: &["LOG_FORMAT", "LOG__FORMAT"],
    default: Some("auto"),
    range: None,
    help: "json, pretty, or auto: pretty on a terminal, else json.",
};

/// How a log line's time is written.
pub static LOG_TIMESTAMP_FORMAT: Setting<TimestampFormat> = Setting {
    key: "log.timestamp_format",
    env: &["LOG_TIMESTAMP_FORMAT", "LOG__TIMESTAMP_FORMAT"],
    default: Some("rfc3339"),
    range: None,
    help: "rfc3339 (UTC, milliseconds), unix_ms or none.",
};

/// Which log lines are written.
pub static LOG_LEVEL: Setting<Filter> = Setting {
    key: "log.level",
    env: &["RUST_LOG", "LOG__LEVEL"],
    default: Some("info"),
    range: None,
    help: "Level, or levels per module: info,pcf_api::health=debug; where no part is a bare level, \
           all else is logged at error. access=off hides access lines. Release builds hold no TRACE lines.",
};

/// What was deployed.
pub static REVISION: Setting<String> = Setting {
    key: "revision",
    env: &["REVISION"],
    default: None,
    range: None,
    help: "What was deployed, such as a commit; set at deploy time, shown by / and /version.",
};

/// The pod this runs in.
pub static POD_NAME: Setting<String> = Setting {
    key: "pod_name",
    env: &["POD_NAME"],
    default: None,
    range: None,
    help: "Name of the pod, from the downward API; shown by /.",
};

/// The node this runs on.
pub static NODE_NAME: Setting<String> = Setting {
    key: "node_name",
    env: &["NODE_NAME"],
    default: None,
    range: None,
    help: "Name of the node, from the downward API; shown by /.",
};

/// Where the reason of an exit is written.
pub static TERMINATION_LOG: Setting<String> = Setting {
    key: "termination_log",
    env: &["TERMINATION_LOG"],
    default: Some("/dev/termination-log"),
    range: None,
    help: "File that gets the reason of an exit, where it exists: Kubernetes' terminationMessagePath.",
};

/// The longest wait between two checks of a dependency that is down.
pub static RETRY_CAP: Setting<Duration> = Setting {
    key: "health.retry_cap",
    env: &["HEALTH__RETRY_CAP"],
    default: Some("10s"),
    range: Some((Duration::from_secs(1), Duration::from_secs(25))),
    help: "Longest wait between two checks of a dependency that is down; the first wait is 1s.",
};

/// The database, as a critical dependency.
pub static DATABASE_URL: Setting<TargetUrl> = Setting {
    key: "database_url",
    env: &["DATABASE_URL"],
    default: None,
    range: None,
    help: "Declares the critical dependency \"database\" at this URL.",
};

/// Where a dependency is.
pub static DEPENDENCY_URL: Setting<TargetUrl> = Setting {
    key: "dependencies.<name>.url",
    env: &["DEPENDENCIES__<NAME>__URL"],
    default: None,
    range: None,
    help: "Where the dependency is: tcp://host:port, http://host/path, postgres://… or redis://…",
};

/// What a dependency's absence means.
pub static DEPENDENCY_CRITICALITY: Setting<Criticality> = Setting {
    key: "dependencies.<name>.criticality",
    env: &["DEPENDENCIES__<NAME>__CRITICALITY"],
    default: Some("critical"),
    range: None,
    help: "When it is down: critical makes the service unhealthy, important degraded, optional is noted.",
};

/// How long a check may take.
pub static DEPENDENCY_TIMEOUT: Setting<Duration> = Setting {
    key: "dependencies.<name>.timeout",
    env: &["DEPENDENCIES__<NAME>__TIMEOUT"],
    default: Some("2s"),
    range: Some((Duration::from_millis(10), Duration::from_secs(5))),
    help: "How long one check may take.",
};

/// How long a dependency may take to come up.
pub static DEPENDENCY_GRACE: Setting<Duration> = Setting {
    key: "dependencies.<name>.grace",
    env: &["DEPENDENCIES__<NAME>__GRACE"],
    default: Some("30s"),
    range: Some((Duration::ZERO, HOUR)),
    help: "How long after the start the dependency may take to answer for the first time.",
};

/// Every setting, in the order in which they are shown.
pub static TABLE: &[&dyn Describe] = &[
    &HOST,
    &PORT,
    &WORKERS,
    &DRAIN_DELAY,
    &DRAIN_TIMEOUT,
    &HEADER_READ_TIMEOUT,
    &REQUEST_TIMEOUT,
    &KEEP_ALIVE_TIMEOUT,
    &MAX_HEADER_BYTES,
    &MAX_URI_BYTES,
    &MAX_BODY_BYTES,
    &MAX_CONNECTIONS,
    &LOG_FORMAT,
    &LOG_TIMESTAMP_FORMAT,
    &LOG_LEVEL,
    &REVISION,
    &POD_NAME,
    &NODE_NAME,
    &TERMINATION_LOG,
    &RETRY_CAP,
    &DATABASE_URL,
    &DEPENDENCY_URL,
    &DEPENDENCY_CRITICALITY,
    &DEPENDENCY_TIMEOUT,
    &DEPENDENCY_GRACE,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_default_is_a_value_of_its_setting_and_is_written_as_it_is_shown() {
        for setting in TABLE {
            if let Some(default) = setting.default() {
                assert_eq!(setting.show(default).as_deref(), Some(default), "{}", setting.key());
            }
        }
    }

    #[test]
    fn no_name_is_used_twice() {
        let mut seen = BTreeSet::new();
        for setting in TABLE {
            assert!(seen.insert(setting.key()), "{}", setting.key());
            for env in setting.env() {
                assert!(seen.insert(env), "{env}");
            }
        }
    }

    #[test]
    fn no_variable_starts_with_a_prefix_that_kubernetes_injects_for_the_service() {
        // A Service named pcf-api puts PCF_API_PORT=tcp://… into every pod of its namespace.
        for env in TABLE.iter().flat_map(|setting| setting.env()) {
            assert!(!env.starts_with("PCF_API_"), "{env}");
        }
    }
}
