//! The configuration: four tiers, each over the one before: built-in defaults, file, environment,
//! flags. [`TABLE`] is all there is to set; this file makes the typed [`Config`] of it.

mod page;
mod problem;
mod secret;
mod settings;
mod sources;
mod value;

use std::net::IpAddr;
use std::time::Duration;

pub(crate) use page::{effective, help};
pub use problem::{ConfigError, Problem};
pub use secret::{Secret, SecretError};
pub(crate) use settings::HOUR;
pub use settings::{Describe, Setting, TABLE};
pub use sources::{Found, Origin, Sources};
pub use value::{Value, WorkerCount};

use crate::health::{Criticality, TargetUrl};
use crate::telemetry::{Filter, LogFormat, TimestampFormat};

/// Most dependencies: each has a task, a log of changes and series of metrics.
pub(crate) const MAX_DEPENDENCIES: usize = 32;

/// The name of the dependency that `DATABASE_URL` declares.
const DATABASE: &str = "database";

/// The effective configuration. Each field's meaning and default stand in [`TABLE`].
#[derive(Clone, Debug)]
pub struct Config {
    /// Where and how the server serves.
    pub server: ServerConfig,
    /// How log lines are written.
    pub log: LogConfig,
    /// What was deployed; shown by `/` and `/version`.
    pub revision: Option<String>,
    /// The pod this runs in.
    pub pod_name: Option<String>,
    /// The node this runs on.
    pub node_name: Option<String>,
    /// The longest wait between two checks of a dependency that is down.
    pub retry_cap: Duration,
    /// What the service depends on, by name.
    pub dependencies: Vec<DependencyConfig>,
}

/// Where and how the server serves.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each is the setting of the same name, documented in the table")]
pub struct ServerConfig {
    pub host: IpAddr,
    pub port: u16,
    pub workers: WorkerCount,
    pub drain_delay: Duration,
    pub drain_timeout: Duration,
    pub header_read_timeout: Duration,
    pub request_timeout: Duration,
    pub keep_alive_timeout: Duration,
    pub max_header_bytes: usize,
    pub max_uri_bytes: usize,
    pub max_body_bytes: usize,
    pub max_connections: usize,
}

/// How log lines are written.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each is the setting of the same name, documented in the table")]
pub struct LogConfig {
    pub format: LogFormat,
    pub timestamp_format: TimestampFormat,
    pub level: Filter,
}

/// A dependency that is checked.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each is the setting of the same name, documented in the table")]
pub struct DependencyConfig {
    pub name: String,
    pub url: TargetUrl,
    pub criticality: Criticality,
    pub timeout: Duration,
    pub grace: Duration,
}

impl Config {
    /// Makes the configuration of its sources. The error lists every mistake in them.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let mut problems = sources.problems();
        let names = sources.dependency_names();
        for setting in TABLE.iter().copied() {
            if setting.key().contains(settings::NAME) {
                problems
                    .extend(names.iter().filter_map(|name| check(sources, setting, Some(name))));
            } else {
                problems.extend(check(sources, setting, None));
            }
        }
        problems.extend(check_dependencies(sources, &names));
        if !problems.is_empty() {
            return Err(ConfigError(problems));
        }
        Reader(sources).config(&names).map_err(|problem| ConfigError(vec![problem]))
    }

    /// The address of the server alone, for the health check: it must work whatever else is wrong
    /// with the configuration.
    pub fn load_address(sources: &Sources) -> Result<(IpAddr, u16), ConfigError> {
        let read = Reader(sources);
        read.required(&settings::HOST)
            .and_then(|host| Ok((host, read.required(&settings::PORT)?)))
            .map_err(|problem| ConfigError(vec![problem]))
    }

    /// The log settings alone, with the default for one that is wrong: mistakes must be logged in
    /// the format that was asked for.
    pub fn load_log(sources: &Sources) -> LogConfig {
        let read = Reader(sources);
        LogConfig {
            format: read.required(&settings::LOG_FORMAT).unwrap_or_default(),
            timestamp_format: read.required(&settings::LOG_TIMESTAMP_FORMAT).unwrap_or_default(),
            level: read.required(&settings::LOG_LEVEL).unwrap_or_default(),
        }
    }

    /// Where the reason of an exit is written, whatever else is wrong with the configuration.
    pub fn load_termination_log(sources: &Sources) -> Option<String> {
        Reader(sources).required(&settings::TERMINATION_LOG).ok()
    }
}

/// Reads typed values; each error is one mistake.
struct Reader<'a>(&'a Sources);

impl Reader<'_> {
    fn config(&self, names: &[String]) -> Result<Config, Problem> {
        let mut dependencies = Vec::new();
        if let Some(url) = self.optional(&settings::DATABASE_URL, None)? {
            dependencies.push(self.dependency(DATABASE, url)?);
        }
        for name in names {
            if let Some(url) = self.optional(&settings::DEPENDENCY_URL, Some(name))? {
                dependencies.push(self.dependency(name, url)?);
            }
        }
        Ok(Config {
            server: ServerConfig {
                host: self.required(&settings::HOST)?,
                port: self.required(&settings::PORT)?,
                workers: self.required(&settings::WORKERS)?,
                drain_delay: self.required(&settings::DRAIN_DELAY)?,
                drain_timeout: self.required(&settings::DRAIN_TIMEOUT)?,
                header_read_timeout: self.required(&settings::HEADER_READ_TIMEOUT)?,
                request_timeout: self.required(&settings::REQUEST_TIMEOUT)?,
                keep_alive_timeout: self.required(&settings::KEEP_ALIVE_TIMEOUT)?,
                max_header_bytes: self.required(&settings::MAX_HEADER_BYTES)?.0,
                max_uri_bytes: self.required(&settings::MAX_URI_BYTES)?.0,
                max_body_bytes: self.required(&settings::MAX_BODY_BYTES)?.0,
                max_connections: self.required(&settings::MAX_CONNECTIONS)?,
            },
            log: LogConfig {
                format: self.required(&settings::LOG_FORMAT)?,
                timestamp_format: self.required(&settings::LOG_TIMESTAMP_FORMAT)?,
                level: self.required(&settings::LOG_LEVEL)?,
            },
            revision: self.optional(&settings::REVISION, None)?,
            pod_name: self.optional(&settings::POD_NAME, None)?,
            node_name: self.optional(&settings::NODE_NAME, None)?,
            retry_cap: self.required(&settings::RETRY_CAP)?,
            dependencies,
        })
    }

    fn dependency(&self, name: &str, url: TargetUrl) -> Result<DependencyConfig, Problem> {
        Ok(DependencyConfig {
            name: name.to_owned(),
            url,
            criticality: self.of_dependency(&settings::DEPENDENCY_CRITICALITY, name)?,
            timeout: self.of_dependency(&settings::DEPENDENCY_TIMEOUT, name)?,
            grace: self.of_dependency(&settings::DEPENDENCY_GRACE, name)?,
        })
    }

    fn required<T: Value>(&self, setting: &Setting<T>) -> Result<T, Problem> {
        self.optional(setting, None)?.ok_or_else(|| missing(setting, None))
    }

    fn of_dependency<T: Value>(&self, setting: &Setting<T>, name: &str) -> Result<T, Problem> {
        self.optional(setting, Some(name))?.ok_or_else(|| missing(setting, Some(name)))
    }

    fn optional<T: Value>(
        &self,
        setting: &Setting<T>,
        name: Option<&str>,
    ) -> Result<Option<T>, Problem> {
        let Some(found) = found_or_default(self.0, setting, name) else {
            return Ok(None);
        };
        setting
            .parse(&found.text)
            .map(Some)
            .map_err(|reason| wrong_value(setting, name, &found, &reason))
    }
}

fn check(sources: &Sources, setting: &dyn Describe, name: Option<&str>) -> Option<Problem> {
    let found = sources.find(setting, name)?;
    let reason = setting.check(&found.text).err()?;
    Some(wrong_value(setting, name, &found, &reason))
}

/// Each dependency needs one URL, and there may be only so many.
fn check_dependencies(sources: &Sources, names: &[String]) -> Vec<Problem> {
    let database = sources.find(&settings::DATABASE_URL, None);
    let mut problems = Vec::new();
    for name in names {
        let url = sources.find(&settings::DEPENDENCY_URL, Some(name));
        match (url, database.as_ref().filter(|_| name == DATABASE)) {
            (None, None) => problems.push(missing(&settings::DEPENDENCY_URL, Some(name))),
            (Some(url), Some(database)) => problems.push(Problem::new(
                &sources::key_of(&settings::DEPENDENCY_URL, Some(name)),
                &url.origin,
                format!("given twice; database_url ({}) declares it too", database.origin),
            )),
            _ => {}
        }
    }
    // Its name may be among the others too, with its timeout for example.
    let is_more = database.is_some() && !names.iter().any(|name| name == DATABASE);
    let count = names.len() + usize::from(is_more);
    if count > MAX_DEPENDENCIES {
        let reason = format!("{count} are declared, {MAX_DEPENDENCIES} are possible");
        problems.push(Problem::new("dependencies", &Origin::Default, reason));
    }
    problems
}

fn found_or_default(
    sources: &Sources,
    setting: &dyn Describe,
    name: Option<&str>,
) -> Option<Found> {
    sources.find(setting, name).or_else(|| {
        let text = setting.default()?.to_owned();
        Some(Found { text, origin: Origin::Default })
    })
}

fn missing(setting: &dyn Describe, name: Option<&str>) -> Problem {
    let reason = format!("is not set; expected {}", setting.expected());
    Problem::new(&sources::key_of(setting, name), &Origin::Default, reason)
}

fn wrong_value(setting: &dyn Describe, name: Option<&str>, found: &Found, reason: &str) -> Problem {
    let shown = if setting.is_secret() { "<redacted>" } else { &format!("{:?}", found.text) };
    Problem::value(&sources::key_of(setting, name), shown, &found.origin, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(environment: &[(&str, &str)]) -> Result<Config, String> {
        let environment = environment.iter().map(|(k, v)| (k.into(), v.into()));
        Config::load(&Sources::gather(None, environment, [])).map_err(|error| error.to_string())
    }

    #[test]
    fn without_any_source_the_defaults_are_those_of_the_contract() {
        let config = load(&[]).unwrap();
        let server = &config.server;
        assert_eq!((server.host.to_string().as_str(), server.port), ("0.0.0.0", 8080));
        assert_eq!(server.drain_delay, Duration::from_secs(5));
        assert_eq!(server.drain_timeout, Duration::from_secs(30));
        assert_eq!(server.header_read_timeout, Duration::from_secs(10));
        assert_eq!(server.request_timeout, Duration::from_secs(30));
        assert_eq!(server.keep_alive_timeout, Duration::from_secs(75));
        assert_eq!(server.max_header_bytes, 16 * 1024);
        assert_eq!(server.max_uri_bytes, 8 * 1024);
        assert_eq!(server.max_body_bytes, 1024 * 1024);
        assert_eq!(server.max_connections, 10_000);
        assert_eq!(config.log.level.to_string(), "info");
        assert_eq!(config.retry_cap, Duration::from_secs(10));
        assert!(config.revision.is_none() && config.dependencies.is_empty());
    }

    #[test]
    fn every_mistake_is_told_at_once_with_key_value_source_and_what_would_do() {
        let told = load(&[
            ("SERVER__PORT", "80800"),
            ("SERVER__DRAIN_DELAY", "5"),
            ("SERVER__MAX_HEADER_BYTES", "1"),
            ("LOG_FORMAT", "xml"),
            ("RUST_LOG", "verbose=loud"),
            ("DEPENDENCIES__CACHE__TIMEOUT", "1s"),
        ])
        .unwrap_err();
        for part in [
            "6 mistakes",
            "server.port = \"80800\" (environment SERVER__PORT): expected a whole number, from 0 to 65535",
            "server.drain_delay = \"5\" (environment SERVER__DRAIN_DELAY): expected a duration",
            "server.max_header_bytes = \"1\" (environment SERVER__MAX_HEADER_BYTES): expected a size in \
             bytes, such as 8192, 16KiB or 1MiB, from 1KiB to 1MiB",
            "log.format = \"xml\" (environment LOG_FORMAT): expected json, pretty or auto",
            "log.level = \"verbose=loud\" (environment RUST_LOG): expected a level",
            "dependencies.cache.url (default): is not set",
        ] {
            assert!(told.contains(part), "{part:?} is not in:\n{told}");
        }
    }

    #[test]
    fn a_mistake_in_a_secret_does_not_show_it() {
        let told = load(&[("DATABASE_URL", "hunter2://user:hunter2@db")]).unwrap_err();
        assert!(told.contains("database_url = <redacted> (environment DATABASE_URL)"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }

    #[test]
    fn database_url_alone_declares_a_critical_dependency() {
        let config = load(&[
            ("DATABASE_URL", "postgres://db/app"),
            ("DEPENDENCIES__DATABASE__TIMEOUT", "1s"),
            ("DEPENDENCIES__MAIL__URL", "tcp://mail:25"),
            ("DEPENDENCIES__MAIL__CRITICALITY", "optional"),
        ])
        .unwrap();
        let [database, mail] = config.dependencies.as_slice() else { panic!("{config:?}") };
        assert_eq!(
            (database.name.as_str(), database.criticality),
            ("database", Criticality::Critical)
        );
        assert_eq!(
            (database.timeout, database.grace),
            (Duration::from_secs(1), Duration::from_secs(30))
        );
        assert_eq!((mail.name.as_str(), mail.criticality), ("mail", Criticality::Optional));
        let twice = [("DATABASE_URL", "tcp://a:1"), ("DEPENDENCIES__DATABASE__URL", "tcp://a:1")];
        assert!(load(&twice).unwrap_err().contains("given twice"));
    }

    #[test]
    fn there_may_be_32_dependencies_and_the_database_is_one_of_them() {
        let declare = |count: usize, more: &[(&str, &str)]| {
            let names: Vec<_> = (0..count).map(|n| format!("DEPENDENCIES__D{n}__URL")).collect();
            let all = names.iter().map(|name| (name.as_str(), "tcp://a:1"));
            load(&all.chain(more.iter().copied()).collect::<Vec<_>>())
        };
        let database = ("DATABASE_URL", "tcp://a:1");
        let timeout = ("DEPENDENCIES__DATABASE__TIMEOUT", "1s");
        assert_eq!(declare(32, &[]).unwrap().dependencies.len(), 32);
        assert_eq!(declare(31, &[database, timeout]).unwrap().dependencies.len(), 32);
        for told in [declare(33, &[]), declare(32, &[database]), declare(32, &[database, timeout])]
        {
            let told = told.unwrap_err();
            assert!(
                told.contains("dependencies (default): 33 are declared, 32 are possible"),
                "{told}"
            );
        }
    }

    #[test]
    fn the_health_check_finds_its_address_whatever_else_is_wrong() {
        let environment = [("PORT", "9999"), ("LOG_FORMAT", "xml"), ("SERVER__NO", "1")];
        let environment = environment.iter().map(|(k, v)| (k.into(), v.into()));
        let (host, port) = Config::load_address(&Sources::gather(None, environment, [])).unwrap();
        assert_eq!((host.to_string().as_str(), port), ("0.0.0.0", 9999));
    }
}
