//! Where values come from: the file, the environment and the flags, as text with their origin.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use super::setting::{Describe, NAME};
use super::table::Table;
use super::{file, names};

/// Most bytes of the configuration file: every setting fits many times over.
const MAX_FILE: usize = 1024 * 1024;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// The configuration file, at this line.
    File(PathBuf, usize),
    /// This environment variable.
    Environment(String),
    /// This flag of the command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "file {} line {line}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A value as it was written, and where.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The value.
    pub(crate) text: String,
    /// Where it was written.
    pub(crate) origin: Origin,
}

/// Every value that was given, per tier.
#[derive(Debug)]
pub(crate) struct Sources {
    table: Table,
    file: BTreeMap<String, Found>,
    environment: BTreeMap<String, String>,
    flags: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

impl Sources {
    /// Gathers the tiers. `file` is the one named by `--config`; without it `CONFIG_FILE` counts.
    /// What cannot be read is a problem that [`Sources::problems`] returns with all the others.
    pub(crate) fn gather(
        table: &Table,
        file: Option<PathBuf>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        flags: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let mut sources = Self {
            table: table.clone(),
            file: BTreeMap::new(),
            environment: BTreeMap::new(),
            flags: BTreeMap::new(),
            problems: Vec::new(),
        };
        for (name, value) in environment {
            // Only names that could be ours are looked at: the rest may be any bytes.
            // A file of variables that has a byte order mark gives it to the first of them.
            let name = name.to_str().map(file::without_mark).filter(|name| name.is_ascii());
            let Some(name) = name else { continue };
            match value.into_string() {
                // An empty variable is one that is not set: templates often leave them.
                Ok(value) if value.is_empty() => {}
                Ok(value) => drop(sources.environment.insert(name.to_owned(), value)),
                Err(_) if table.is_own_variable(name) => sources.problems.push(Problem::new(
                    name,
                    &Origin::Environment(name.to_owned()),
                    "the value is not UTF-8 text",
                )),
                Err(_) => {}
            }
        }
        for (key, value) in flags {
            sources.flags.insert(key, value);
        }
        let file = file.or_else(|| sources.environment.get("CONFIG_FILE").map(PathBuf::from));
        if let Some(path) = file {
            sources.read_file(&path);
        }
        sources
    }

    /// What there is to set.
    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    /// The value of a setting from the strongest tier that gives one. `name` is the dependency's
    /// for a setting that each dependency has.
    pub(crate) fn find(&self, setting: &dyn Describe, name: Option<&str>) -> Option<Found> {
        let key = key_of(setting, name);
        if let Some(text) = self.flags.get(&key) {
            return Some(Found { text: text.clone(), origin: Origin::Flag(format!("--{key}")) });
        }
        for env in setting.env() {
            let env = env.replace(&NAME.to_uppercase(), &name.unwrap_or_default().to_uppercase());
            if let Some(text) = self.environment.get(&env) {
                return Some(Found { text: text.clone(), origin: Origin::Environment(env) });
            }
        }
        self.file.get(&key).cloned()
    }

    /// The names of all dependencies that any source mentions, in order.
    pub(crate) fn dependency_names(&self) -> Vec<String> {
        let keys = self.flags.keys().chain(self.file.keys());
        let of_keys = keys
            .filter_map(|key| key.strip_prefix("dependencies.")?.split_once('.'))
            .map(|(name, _)| name.to_owned());
        let of_variables = self
            .environment
            .keys()
            .filter(|env| names::is_upper_case(env))
            .filter_map(|env| env.strip_prefix("DEPENDENCIES__")?.rsplit_once("__"))
            .map(|(name, _)| name.to_lowercase());
        let mut names = Vec::new();
        for name in of_keys.chain(of_variables) {
            if let Err(place) = names.binary_search(&name) {
                names.insert(place, name);
            }
        }
        names
    }

    /// What could not be read, and the keys, variables and flags that no setting has.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = self.problems.clone();
        for (key, found) in &self.file {
            if !self.table.is_known_key(key) {
                problems.push(Problem::new(key, &found.origin, self.table.unknown_key(key)));
            }
        }
        for name in self.environment.keys() {
            if self.table.is_own_variable(name) && !self.table.is_known_variable(name) {
                let origin = Origin::Environment(name.clone());
                problems.push(Problem::new(name, &origin, self.table.unknown_variable(name)));
            }
        }
        for key in self.flags.keys() {
            if !self.table.is_known_key(key) {
                let origin = Origin::Flag(format!("--{key}"));
                problems.push(Problem::new(key, &origin, self.table.unknown_key(key)));
            }
        }
        problems
    }

    /// What was given and has no effect, though it looks as if it should: variables with one
    /// underscore in place of two, or two for one. They may be meant for another program, so they are no problem.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let misspelt = self.environment.iter().filter_map(|(name, value)| {
            // Kubernetes makes SERVER_PORT=tcp://… of a Service that is called server.
            let is_injected = ["tcp://", "udp://", "sctp://"].iter().any(|p| value.starts_with(p));
            let right =
                (!is_injected).then(|| self.table.with_right_underscores(name)).flatten()?;
            Some(format!("{name} has no effect; the variable is {right}"))
        });
        misspelt.collect()
    }

    fn read_file(&mut self, path: &Path) {
        let fail =
            |line, reason: String| Problem::new("", &Origin::File(path.to_owned(), line), reason);
        let not_text = |_| io::Error::other("it is not UTF-8 text");
        let read = file::in_time(path, MAX_FILE, file::read);
        let text = match read.and_then(|bytes| String::from_utf8(bytes).map_err(not_text)) {
            Ok(text) => file::without_mark(&text).to_owned(),
            Err(error) => {
                return self.problems.push(fail(0, format!("cannot be read: {error}")));
            }
        };
        let (table, errors) = DeTable::parse_recoverable(&text);
        for error in errors {
            let line = error.span().map_or(0, |span| line_of(&text, span.start));
            self.problems.push(fail(line, format!("not TOML: {}", error.message())));
        }
        if self.problems.is_empty() {
            self.read_table(path, &text, "", table.get_ref());
        }
    }

    fn read_table(&mut self, path: &Path, text: &str, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = key.get_ref();
            let key = if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") };
            let origin = Origin::File(path.to_owned(), line_of(text, value.span().start));
            let text_of_value = match value.get_ref() {
                DeValue::Table(inner) => {
                    self.read_table(path, text, &key, inner);
                    continue;
                }
                DeValue::String(string) => string.to_string(),
                DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().to_owned(),
                other => {
                    let kind = other.type_str();
                    let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
                    let reason = format!(
                        "expected a string or a whole decimal number, not {article} {kind}"
                    );
                    self.problems.push(Problem::new(&key, &origin, reason));
                    continue;
                }
            };
            self.file.insert(key, Found { text: text_of_value, origin });
        }
    }
}

/// The key of a setting, with the dependency's name in its place.
pub(crate) fn key_of(setting: &dyn Describe, name: Option<&str>) -> String {
    setting.key().replace(NAME, name.unwrap_or_default())
}

/// The line, counted from 1, of a byte offset.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::table;
    use crate::health::settings::DEPENDENCY_URL;
    use crate::server::settings::PORT;
    use crate::telemetry::settings::LOG_LEVEL;

    fn with(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Sources {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("pcf-api-sources-{}-{count}.toml", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, file).unwrap();
        let sources = Sources::gather(
            &table(),
            Some(path.clone()),
            environment.iter().map(|(k, v)| (k.into(), v.into())),
            flags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
        );
        std::fs::remove_file(path).unwrap();
        sources
    }

    fn port(sources: &Sources) -> Option<(String, String)> {
        let found = sources.find(&PORT, None)?;
        let origin = found.origin.to_string();
        Some((found.text, origin.split(' ').next().unwrap().to_owned()))
    }

    #[test]
    fn each_tier_is_over_the_one_before() {
        let file = "[server]\nport = 1\n";
        let is = |sources, text: &str, origin: &str| {
            assert_eq!(port(&sources), Some((text.to_owned(), origin.to_owned())));
        };
        assert_eq!(port(&with("", &[], &[])), None);
        is(with(file, &[], &[]), "1", "file");
        is(with(file, &[("PORT", "2")], &[]), "2", "environment");
        is(with(file, &[("PORT", "2"), ("SERVER__PORT", "3")], &[]), "3", "environment");
        is(with(file, &[("PORT", "2")], &[("server.port", "4")]), "4", "flag");
        is(with(file, &[("PORT", "")], &[]), "1", "file");
    }

    #[test]
    fn a_dependency_is_named_by_any_source() {
        let sources = with(
            "[dependencies.cache]\nurl = \"redis://cache\"\n",
            &[("DEPENDENCIES__USER_DB__URL", "postgres://db")],
            &[("dependencies.mail.url", "tcp://mail:25")],
        );
        assert_eq!(sources.dependency_names(), ["cache", "mail", "user_db"]);
        assert!(sources.problems().is_empty());
        assert_eq!(sources.find(&DEPENDENCY_URL, Some("user_db")).unwrap().text, "postgres://db");
        assert_eq!(sources.find(&DEPENDENCY_URL, Some("cache")).unwrap().text, "redis://cache");
    }

    #[test]
    fn whatever_no_setting_has_is_told_all_at_once_with_its_place_and_what_would_do() {
        let sources = with(
            "prot = 1\n[server]\nport = true\nhots = \"x\"\nhost = []\n[dependencies.A]\nurl = \"tcp://a:1\"\n",
            &[("SERVER__PROT", "1"), ("PCF_API_PORT", "tcp://10.0.0.1:80"), ("HOME", "/")],
            &[("log.levle", "info")],
        );
        let told: Vec<String> = sources.problems().iter().map(ToString::to_string).collect();
        let told = told.join("\n");
        for part in [
            "line 3): expected a string or a whole decimal number, not a boolean",
            "line 5): expected a string or a whole decimal number, not an array",
            "prot (file ",
            "server.hots (file ",
            "line 4): no such setting; did you mean server.host? --help lists them all",
            "dependencies.A.url",
            "a name is lower-case letters",
            "SERVER__PROT (environment SERVER__PROT)",
            "log.levle (flag --log.levle): no such setting; did you mean log.level?",
        ] {
            assert!(told.contains(part), "{part:?} is not in:\n{told}");
        }
        assert_eq!(told.lines().count(), 7, "{told}");
    }

    #[test]
    fn a_variable_that_is_not_in_upper_case_is_refused_once_and_not_ignored() {
        for (name, expected) in [
            ("DEPENDENCIES__Cache__CRITICALITY", "DEPENDENCIES__CACHE__CRITICALITY"),
            ("DEPENDENCIES__CACHE__Url", "DEPENDENCIES__CACHE__URL"),
            ("Dependencies__Cache__Url", "DEPENDENCIES__CACHE__URL"),
            ("server__port", "SERVER__PORT"),
        ] {
            let sources = with("", &[(name, "optional")], &[]);
            let told: Vec<String> = sources.problems().iter().map(ToString::to_string).collect();
            let told = told.join("\n");
            let reason = format!("variables are in upper case; expected {expected}");
            assert_eq!(told, format!("{name} (environment {name}): {reason}"));
            assert!(sources.dependency_names().is_empty(), "no second mistake follows: {name}");
        }
        let others = [("port", "1"), ("Server_port", "1"), ("serverless__x", "1")];
        assert!(with("", &others, &[]).problems().is_empty(), "not ours");
    }

    #[test]
    fn a_variable_with_the_wrong_underscores_is_told_and_refuses_nothing() {
        for (name, right) in [
            ("SERVER_PORT", "SERVER__PORT or PORT"),
            ("SERVER_DRAIN_DELAY", "SERVER__DRAIN_DELAY"),
            ("LOG_LEVEL", "RUST_LOG or LOG__LEVEL"),
            ("HEALTH_RETRY_CAP", "HEALTH__RETRY_CAP"),
            ("DATABASE__URL", "DATABASE_URL"),
            ("DEPENDENCIES_USER_DB_URL", "DEPENDENCIES__USER_DB__URL"),
            ("DEPENDENCIES_CACHE__GRACE", "DEPENDENCIES__CACHE__GRACE"),
        ] {
            let sources = with("", &[(name, "hunter2")], &[]);
            let told = format!("{name} has no effect; the variable is {right}");
            assert_eq!(sources.warnings(), [told]);
            assert!(sources.problems().is_empty() && sources.dependency_names().is_empty());
        }
        // What Kubernetes injects for Services called server, log and pcf-api, and what is right.
        for other in [
            ("SERVER_PORT", "tcp://10.0.0.1:80"),
            ("SERVER_SERVICE_HOST", "10.0.0.1"),
            ("SERVER_SERVICE_PORT", "80"),
            ("SERVER_PORT_80_TCP_ADDR", "10.0.0.1"),
            ("LOG_PORT", "tcp://10.0.0.1:80"),
            ("PCF_API_PORT", "tcp://10.0.0.1:80"),
            ("LOG_FORMAT", "json"),
            ("LOG_TIMESTAMP_FORMAT", "none"),
            ("DEPENDENCIES__USER_DB__URL", "tcp://db:1"),
            ("PORT", "1"),
        ] {
            let sources = with("", &[other], &[]);
            assert_eq!((sources.warnings().len(), sources.problems().len()), (0, 0), "{other:?}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_what_follows_it() {
        let sources = with("\u{feff}[server]\nport = 1\nhost = []", &[], &[]);
        assert_eq!(port(&sources), Some(("1".to_owned(), "file".to_owned())));
        assert!(sources.problems()[0].to_string().contains("line 3"), "{:?}", sources.problems());
        let sources = with("", &[("\u{feff}PORT", "2")], &[]);
        assert_eq!(port(&sources), Some(("2".to_owned(), "environment".to_owned())));
    }

    #[test]
    fn a_broken_file_is_a_problem_with_its_line() {
        let told = with("a = 1\nb = = 2\n", &[], &[]).problems();
        assert!(told.first().unwrap().to_string().contains("line 2): not TOML"), "{told:?}");
        let missing = Sources::gather(&table(), Some("/no/such/file".into()), [], []);
        assert!(missing.problems().first().unwrap().to_string().contains("cannot be read"));
    }

    #[test]
    fn well_known_names_are_read() {
        let found = with("", &[("RUST_LOG", "debug")], &[]).find(&LOG_LEVEL, None);
        assert_eq!(found.unwrap().text, "debug");
    }
}
