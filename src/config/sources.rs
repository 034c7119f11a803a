//! Where values come from: the file, the environment and the flags, as text with their origin.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use super::settings::{Describe, NAME, TABLE};

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
pub struct Found {
    /// The value.
    pub text: String,
    /// Where it was written.
    pub origin: Origin,
}

/// Every value that was given, per tier.
#[derive(Debug, Default)]
pub struct Sources {
    file: BTreeMap<String, Found>,
    environment: BTreeMap<String, String>,
    flags: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

impl Sources {
    /// Gathers the tiers. `file` is the one named by `--config`; without it `CONFIG_FILE` counts.
    /// What cannot be read is a problem that [`Sources::problems`] returns with all the others.
    pub fn gather(
        file: Option<PathBuf>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        flags: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let mut sources = Self::default();
        for (name, value) in environment {
            // Only names that could be ours are looked at: the rest may be any bytes.
            let Some(name) = name.to_str().filter(|name| name.is_ascii()) else {
                continue;
            };
            match value.into_string() {
                // An empty variable is one that is not set: templates often leave them.
                Ok(value) if value.is_empty() => {}
                Ok(value) => drop(sources.environment.insert(name.to_owned(), value)),
                Err(_) if is_own_variable(name) => sources.problems.push(Problem::new(
                    name,
                    &Origin::Environment(name.to_owned()),
                    "the value is not UTF-8 text",
                )),
                Err(_) => {}
            }
        }
        sources.flags = flags.into_iter().collect();
        let file = file.or_else(|| sources.environment.get("CONFIG_FILE").map(PathBuf::from));
        if let Some(path) = file {
            sources.read_file(&path);
        }
        sources
    }

    /// The value of a setting from the strongest tier that gives one. `name` is the dependency's
    /// for a setting that each dependency has.
    pub fn find(&self, setting: &dyn Describe, name: Option<&str>) -> Option<Found> {
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
    pub fn dependency_names(&self) -> Vec<String> {
        let keys = self.flags.keys().chain(self.file.keys());
        let mut names: Vec<String> = keys
            .filter_map(|key| key.strip_prefix("dependencies.")?.split_once('.'))
            .map(|(name, _)| name.to_owned())
            .chain(
                self.environment
                    .keys()
                    .filter(|env| is_upper_case(env))
                    .filter_map(|env| env.strip_prefix("DEPENDENCIES__")?.rsplit_once("__"))
                    .map(|(name, _)| name.to_lowercase()),
            )
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// What could not be read, and the keys, variables and flags that no setting has.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = self.problems.clone();
        for (key, found) in &self.file {
            if !is_known_key(key) {
                problems.push(Problem::new(key, &found.origin, unknown_key(key)));
            }
        }
        for name in self.environment.keys() {
            if is_own_variable(name) && !is_known_variable(name) {
                let origin = Origin::Environment(name.clone());
                problems.push(Problem::new(name, &origin, unknown_variable(name)));
            }
        }
        for key in self.flags.keys() {
            if !is_known_key(key) {
                let origin = Origin::Flag(format!("--{key}"));
                problems.push(Problem::new(key, &origin, unknown_key(key)));
            }
        }
        problems
    }

    fn read_file(&mut self, path: &Path) {
        let fail =
            |line, reason: String| Problem::new("", &Origin::File(path.to_owned(), line), reason);
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
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
pub fn key_of(setting: &dyn Describe, name: Option<&str>) -> String {
    setting.key().replace(NAME, name.unwrap_or_default())
}

/// The line, counted from 1, of a byte offset.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

fn is_known_key(key: &str) -> bool {
    TABLE.iter().any(|setting| match setting.key().split_once(NAME) {
        None => setting.key() == key,
        Some((before, after)) => key
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(is_dependency_name),
    })
}

/// A name that can be a key, part of a variable and a metric's label: `[a-z][a-z0-9_]*`, up to 40,
/// without the two underscores that separate sections.
fn is_dependency_name(name: &str) -> bool {
    name.len() <= 40
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !name.contains("__")
        && !name.ends_with('_')
}

fn is_known_variable(variable: &str) -> bool {
    // A dependency's name is looked for in upper case: written otherwise it would have no effect.
    if !is_upper_case(variable) {
        return false;
    }
    TABLE.iter().flat_map(|setting| setting.env()).any(|env| {
        match env.split_once(&NAME.to_uppercase()) {
            None => *env == variable,
            Some((before, after)) => variable
                .strip_prefix(before)
                .and_then(|rest| rest.strip_suffix(after))
                .is_some_and(|name| is_dependency_name(&name.to_lowercase())),
        }
    })
}

fn is_upper_case(variable: &str) -> bool {
    !variable.contains(|letter: char| letter.is_ascii_lowercase())
}

/// Whether a variable is meant for this program, because it starts with one of its sections, in
/// whatever case.
fn is_own_variable(variable: &str) -> bool {
    let first = variable.split_once("__").map(|(section, _)| section);
    TABLE
        .iter()
        .filter_map(|setting| setting.key().split_once('.'))
        .any(|(section, _)| first.is_some_and(|first| first.eq_ignore_ascii_case(section)))
}

/// Says what would have been accepted in place of an unknown variable.
fn unknown_variable(variable: &str) -> String {
    let upper = variable.to_uppercase();
    if is_known_variable(&upper) {
        return format!("variables are in upper case; expected {upper}");
    }
    unknown_key(&variable.to_lowercase().replace("__", "."))
}

/// Says what would have been accepted in place of an unknown key: its section, else all sections.
fn unknown_key(key: &str) -> String {
    let section = key.split('.').next().unwrap_or_default();
    let mut known: Vec<&str> = TABLE
        .iter()
        .map(|setting| setting.key())
        .filter(|known| known.split_once('.').is_some_and(|(first, _)| first == section))
        .collect();
    if known.is_empty() {
        known = TABLE.iter().map(|setting| setting.key()).collect();
    }
    let name_rule = if section == "dependencies" {
        "; a name is lower-case letters, digits and single underscores, up to 40"
    } else {
        ""
    };
    format!("no such setting; expected one of {}{name_rule}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::settings::{DEPENDENCY_URL, LOG_LEVEL, PORT};
    use super::*;

    fn with(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Sources {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("pcf-api-sources-{}-{count}.toml", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, file).unwrap();
        let sources = Sources::gather(
            Some(path.clone()),
            environment.iter().map(|(k, v)| (k.into(), v.into())),
            flags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
        );
        fs::remove_file(path).unwrap();
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
            "line 4): no such setting; expected one of server.host, server.port",
            "dependencies.A.url",
            "a name is lower-case letters",
            "SERVER__PROT (environment SERVER__PROT)",
            "log.levle (flag --log.levle): no such setting; expected one of log.format",
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
        let wrong = with("", &[("server__prot", "1")], &[]).problems();
        assert!(format!("{wrong:?}").contains("no such setting; expected one of server.host"));
        let others = [("port", "1"), ("Server_port", "1"), ("serverless__x", "1")];
        assert!(with("", &others, &[]).problems().is_empty(), "not ours");
    }

    #[test]
    fn a_broken_file_is_a_problem_with_its_line() {
        let told = with("a = 1\nb = = 2\n", &[], &[]).problems();
        assert!(told.first().unwrap().to_string().contains("line 2): not TOML"), "{told:?}");
        let missing = Sources::gather(Some("/no/such/file".into()), [], []);
        assert!(missing.problems().first().unwrap().to_string().contains("cannot be read"));
    }

    #[test]
    fn well_known_names_are_read() {
        let found = with("", &[("RUST_LOG", "debug")], &[]).find(&LOG_LEVEL, None);
        assert_eq!(found.unwrap().text, "debug");
    }
}
