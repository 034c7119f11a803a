//! The configuration: the whole table of settings, and the typed [`Config`] that is made of it.

mod page;

use std::net::IpAddr;

use crate::health::settings::HealthConfig;
use crate::otlp::OtlpConfig;
use crate::server::settings::{self as server, ServerConfig};
use crate::settings::{
    ConfigError, Describe, Problem, Reader, Setting, Sources, Table, TableError,
};
use crate::telemetry::LogConfig;
#[cfg(any(test, feature = "tls"))]
use crate::tls;
use crate::{health, otlp, telemetry};

/// What was deployed.
pub static REVISION: Setting<Option<String>> = Setting::new(
    "revision",
    "What was deployed, such as a commit; set at deploy time, shown by / and /version.",
);

/// The pod this runs in.
pub static POD_NAME: Setting<Option<String>> =
    Setting::new("pod_name", "Name of the pod, from the downward API; shown by /.");

/// The node this runs on.
pub static NODE_NAME: Setting<Option<String>> =
    Setting::new("node_name", "Name of the node, from the downward API; shown by /.");

/// Where the reason of an exit is written.
pub static TERMINATION_LOG: Setting<String> = Setting::new(
    "termination_log",
    "File that gets the reason of an exit, where it exists: Kubernetes' terminationMessagePath.",
)
.default("/dev/termination-log");

static ROWS: [&dyn Describe; 4] = [&REVISION, &POD_NAME, &NODE_NAME, &TERMINATION_LOG];

/// The rows of the framework, in the order in which they are shown.
pub(crate) fn rows() -> impl Iterator<Item = &'static dyn Describe> {
    let (retry_cap_and_on, before) = (health::settings::ROWS, ROWS);
    let rows = server::ROWS
        .into_iter()
        .chain(telemetry::settings::ROWS)
        .chain(otlp::ROWS)
        .chain(before)
        .chain(retry_cap_and_on);
    #[cfg(feature = "tls")]
    let rows = rows.chain(tls_rows());
    rows
}

/// Those of the feature `tls`.
#[cfg(any(test, feature = "tls"))]
pub(crate) fn tls_rows() -> impl Iterator<Item = &'static dyn Describe> {
    let of_dependencies: [&dyn Describe; 1] = [&health::settings::DEPENDENCY_CA];
    tls::settings::ROWS.into_iter().chain(of_dependencies)
}

/// The whole table: the rows of the framework, and those of a service of one's own.
pub(crate) fn table_with(
    own: &[&'static dyn Describe],
    required: &[&'static dyn Describe],
) -> Result<Table, TableError> {
    Table::new(rows().chain(own.iter().copied()), required.iter().copied())
}

/// The effective configuration of the framework. Each field's meaning and default stand in the table.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) server: ServerConfig,
    pub(crate) log: LogConfig,
    /// Where spans go; none where there are none.
    pub(crate) otlp: Option<OtlpConfig>,
    pub(crate) health: HealthConfig,
    pub(crate) revision: Option<String>,
    pub(crate) pod_name: Option<String>,
    pub(crate) node_name: Option<String>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<tls::TlsConfig>,
}

impl Config {
    /// Makes the configuration of its sources. The error lists every mistake in them, those in the
    /// settings of a service of one's own among them.
    pub(crate) fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let read = Reader(sources);
        let mut problems = sources.problems();
        let names = sources.dependency_names();
        for row in sources.table().rows() {
            if row.key().contains(crate::settings::NAME) {
                problems.extend(
                    // A URL that is missing is told with what else is wrong with dependencies.
                    names
                        .iter()
                        .filter(|name| sources.find(row, Some(name)).is_some())
                        .filter_map(|name| read.check(row, Some(name))),
                );
            } else {
                problems.extend(read.check(row, None));
            }
        }
        problems.extend(health::settings::check(sources));
        problems.extend(server::check(sources));
        problems.extend(otlp::check(sources));
        #[cfg(feature = "tls")]
        problems
            .extend(tls::check(sources, matches!(read.get(&server::MANAGEMENT_PORT), Ok(Some(_)))));
        if !problems.is_empty() {
            return Err(ConfigError(problems));
        }
        Self::read(read).map_err(|problem| ConfigError(vec![problem]))
    }

    fn read(read: Reader<'_>) -> Result<Self, Problem> {
        Ok(Self {
            server: ServerConfig::read(read)?,
            log: LogConfig::read(read)?,
            otlp: OtlpConfig::read(read)?,
            health: HealthConfig::read(read)?,
            revision: read.get(&REVISION)?,
            pod_name: read.get(&POD_NAME)?,
            node_name: read.get(&NODE_NAME)?,
            #[cfg(feature = "tls")]
            tls: tls::TlsConfig::read(read)?,
        })
    }

    /// The address of those who watch the server alone, for the health check: it must work whatever
    /// else is wrong with the configuration.
    pub(crate) fn load_address(sources: &Sources) -> Result<(IpAddr, u16), ConfigError> {
        let read = Reader(sources);
        read.get(&server::HOST)
            .and_then(|host| {
                let management = read.get(&server::MANAGEMENT_PORT)?;
                Ok((host, management.map_or_else(|| read.get(&server::PORT), Ok)?))
            })
            .map_err(|problem| ConfigError(vec![problem]))
    }

    /// Whether the ports speak TLS, for the health check.
    #[cfg(feature = "tls")]
    pub(crate) fn load_is_encrypted(sources: &Sources) -> Result<bool, ConfigError> {
        let tls = tls::TlsConfig::read(Reader(sources));
        tls.map(|tls| tls.is_some()).map_err(|problem| ConfigError(vec![problem]))
    }

    /// Where the reason of an exit is written, whatever else is wrong with the configuration.
    pub(crate) fn load_termination_log(sources: &Sources) -> Option<String> {
        Reader(sources).get(&TERMINATION_LOG).ok()
    }
}

/// The effective configuration in words: `config` prints it.
pub(crate) fn effective(sources: &Sources) -> String {
    crate::settings::effective(sources, &health::settings::names(sources))
}

/// The table of the framework alone.
#[cfg(test)]
pub(crate) fn table() -> Table {
    table_with(&[], &[]).unwrap()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::health::Criticality;

    fn load(environment: &[(&str, &str)]) -> Result<Config, String> {
        let environment = environment.iter().map(|(k, v)| (k.into(), v.into()));
        Config::load(&Sources::gather(&table(), None, environment, []))
            .map_err(|error| error.to_string())
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
        assert_eq!(config.log.level.now(), "info");
        assert_eq!(config.health.retry_cap, Duration::from_secs(10));
        assert!(config.revision.is_none() && config.health.dependencies.is_empty());
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
            "dependencies.cache.url: is not set",
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
        let [database, mail] = config.health.dependencies.as_slice() else { panic!("{config:?}") };
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
        assert_eq!(declare(32, &[]).unwrap().health.dependencies.len(), 32);
        assert_eq!(declare(31, &[database, timeout]).unwrap().health.dependencies.len(), 32);
        for told in [declare(33, &[]), declare(32, &[database]), declare(32, &[database, timeout])]
        {
            let told = told.unwrap_err();
            assert!(told.contains("dependencies: 33 are declared, 32 are possible"), "{told}");
        }
    }

    #[test]
    fn the_health_check_finds_its_address_whatever_else_is_wrong() {
        let environment = [("PORT", "9999"), ("LOG_FORMAT", "xml"), ("SERVER__NO", "1")];
        let environment = environment.iter().map(|(k, v)| (k.into(), v.into()));
        let (host, port) =
            Config::load_address(&Sources::gather(&table(), None, environment, [])).unwrap();
        assert_eq!((host.to_string().as_str(), port), ("0.0.0.0", 9999));
    }
}
