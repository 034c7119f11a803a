//! The settings of dependencies.

use std::time::Duration;

use super::security::Trust;
use super::{Criticality, TargetUrl};
use crate::settings::{Describe, HOUR, Origin, Problem, Reader, Setting, Sources, key_of, missing};

/// Most dependencies: each has a task, a log of changes and series of metrics.
pub(crate) const MAX_DEPENDENCIES: usize = 32;

/// The name of the dependency that `DATABASE_URL` declares.
const DATABASE: &str = "database";

/// The longest wait between two checks of a dependency that is down.
pub static RETRY_CAP: Setting<Duration> = Setting::new(
    "health.retry_cap",
    "Longest wait between two checks of a dependency that is down; the first wait is 1s.",
)
.default("10s")
.range(Duration::from_secs(1), Duration::from_secs(25));

/// The database, as a critical dependency.
pub static DATABASE_URL: Setting<Option<TargetUrl>> =
    Setting::new("database_url", "Declares the critical dependency \"database\" at this URL.");

/// Where a dependency is.
pub static DEPENDENCY_URL: Setting<TargetUrl> = Setting::new(
    "dependencies.<name>.url",
    "Where the dependency is: tcp://host:port, http://host/path, postgres://… or redis://…; several hosts are \
           separated by commas.",
);

/// What a dependency's absence means.
pub static DEPENDENCY_CRITICALITY: Setting<Criticality> = Setting::new(
    "dependencies.<name>.criticality",
    "When it is down: critical makes the service unhealthy, important degraded, optional is noted.",
)
.default("critical");

/// How long a check may take.
pub static DEPENDENCY_TIMEOUT: Setting<Duration> =
    Setting::new("dependencies.<name>.timeout", "How long one check may take.")
        .default("2s")
        .range(Duration::from_millis(10), Duration::from_secs(5));

/// How long a dependency may take to come up.
pub static DEPENDENCY_GRACE: Setting<Duration> = Setting::new(
    "dependencies.<name>.grace",
    "How long after the start the dependency may take to answer for the first time.",
)
.default("30s")
.range(Duration::ZERO, HOUR);

/// Whose certificates a dependency's are to be.
#[cfg(any(test, feature = "tls"))]
pub static DEPENDENCY_CA: Setting<Option<String>> = Setting::new(
    "dependencies.<name>.ca",
    "File with the certificates, in PEM, of those who may issue the dependency's: for https://, rediss:// and \
     postgres:// with sslmode. Without it those of the system count: SSL_CERT_FILE, or where the \
     distribution has them. It is read at the start, and again after a check that failed.",
);

/// The rows of the table.
pub(crate) static ROWS: [&dyn Describe; 6] = [
    &RETRY_CAP,
    &DATABASE_URL,
    &DEPENDENCY_URL,
    &DEPENDENCY_CRITICALITY,
    &DEPENDENCY_TIMEOUT,
    &DEPENDENCY_GRACE,
];

/// What the service depends on.
#[derive(Clone, Debug)]
pub(crate) struct HealthConfig {
    pub(crate) retry_cap: Duration,
    pub(crate) dependencies: Vec<DependencyConfig>,
}

/// A dependency that is checked at its URL.
#[derive(Clone, Debug)]
pub(crate) struct DependencyConfig {
    pub(crate) name: String,
    pub(crate) url: TargetUrl,
    pub(crate) criticality: Criticality,
    pub(crate) timeout: Duration,
    pub(crate) grace: Duration,
    pub(crate) trust: Trust,
}

impl HealthConfig {
    pub(crate) fn read(read: Reader<'_>) -> Result<Self, Problem> {
        let mut dependencies = Vec::new();
        let dependency = |name: &str, url: TargetUrl| {
            Ok(DependencyConfig {
                name: name.to_owned(),
                url,
                criticality: read.of(&DEPENDENCY_CRITICALITY, Some(name))?,
                timeout: read.of(&DEPENDENCY_TIMEOUT, Some(name))?,
                grace: read.of(&DEPENDENCY_GRACE, Some(name))?,
                trust: Trust::read(read, name)?,
            })
        };
        if let Some(url) = read.get(&DATABASE_URL)? {
            dependencies.push(dependency(DATABASE, url)?);
        }
        for name in read.0.dependency_names() {
            if read.0.find(&DEPENDENCY_URL, Some(&name)).is_some() {
                dependencies.push(dependency(&name, read.of(&DEPENDENCY_URL, Some(&name))?)?);
            }
        }
        Ok(Self { retry_cap: read.get(&RETRY_CAP)?, dependencies })
    }
}

/// The names of all dependencies, in the order in which they are shown.
pub(crate) fn names(sources: &Sources) -> Vec<String> {
    let mut names = sources.dependency_names();
    let has_database = sources.find(&DATABASE_URL, None).is_some();
    if has_database && !names.iter().any(|name| name == DATABASE) {
        names.insert(0, DATABASE.to_owned());
    }
    names
}

/// Each dependency needs one URL, and there may be only so many.
pub(crate) fn check(sources: &Sources) -> Vec<Problem> {
    let database = sources.find(&DATABASE_URL, None);
    let mut problems = Vec::new();
    for name in sources.dependency_names() {
        let url = sources.find(&DEPENDENCY_URL, Some(&name));
        match (url, database.as_ref().filter(|_| name == DATABASE)) {
            (None, None) => problems.push(missing(&DEPENDENCY_URL, Some(&name))),
            (Some(url), Some(database)) => problems.push(Problem::new(
                &key_of(&DEPENDENCY_URL, Some(&name)),
                &url.origin,
                format!("given twice; database_url ({}) declares it too", database.origin),
            )),
            _ => {}
        }
    }
    let count = names(sources).len();
    if count > MAX_DEPENDENCIES {
        let reason = format!("{count} are declared, {MAX_DEPENDENCIES} are possible");
        problems.push(Problem::new("dependencies", &Origin::Default, reason));
    }
    problems
}
