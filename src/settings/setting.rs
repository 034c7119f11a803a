//! A row of the table of settings.

use std::mem::ManuallyDrop;
use std::time::Duration;

use super::value::Value;

/// The place of a dependency's name in the key of a setting that each dependency has.
pub(crate) const NAME: &str = "<name>";

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// A setting: what it is called in each source, what it may be and what it is for.
///
/// A setting without a default must be given, unless its type is an [`Option`].
///
/// ```
/// use std::time::Duration;
///
/// use pcf_api::{Secret, Setting};
///
/// // links.max_length in the file, LINKS__MAX_LENGTH in the environment, --links.max_length=…
/// static MAX_LENGTH: Setting<usize> =
///     Setting::new("links.max_length", "Most characters of a link's target.")
///         .default("2048")
///         .range(1, 65_536);
/// static KEEP: Setting<Option<Duration>> =
///     Setting::new("links.keep", "How long a link is kept; for ever where it is not set.");
/// static API_KEY: Setting<Secret> = Setting::new("links.api_key", "What clients must know.");
/// ```
#[derive(Debug)]
pub struct Setting<T: 'static> {
    key: &'static str,
    env: &'static [&'static str],
    default: Option<&'static str>,
    /// A setting lives as long as the program: no destructor, which a constant could not run.
    range: Option<ManuallyDrop<(T, T)>>,
    help: &'static str,
}

/// A setting whose kind of value does not matter: what tables and messages need of it.
pub trait Describe: Sync {
    /// The key in the file, and, after two dashes, the flag: `server.port`, `--server.port`.
    fn key(&self) -> &'static str;
    /// The environment variables; the first one that is set counts.
    fn env(&self) -> Vec<String>;
    /// The value where no source gives one, as it would be written.
    fn default(&self) -> Option<&'static str>;
    /// Whether it must be given.
    fn is_required(&self) -> bool;
    /// What it is for.
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

impl<T: 'static> Setting<T> {
    /// A setting with this key, such as `section.name`: lower-case words with underscores, and a
    /// dot behind the section. Its environment variable is the same in upper case with two
    /// underscores for the dot, `SECTION__NAME`. `help` says in a sentence or two what it is for.
    #[must_use]
    pub const fn new(key: &'static str, help: &'static str) -> Self {
        Self { key, env: &[], default: None, range: None, help }
    }

    /// The value where no source gives one, as it would be written.
    #[must_use]
    pub const fn default(self, text: &'static str) -> Self {
        Self { default: Some(text), ..self }
    }

    /// The least and the greatest value.
    #[must_use]
    pub const fn range(self, least: T, greatest: T) -> Self {
        Self { range: Some(ManuallyDrop::new((least, greatest))), ..self }
    }

    /// Well-known names of the environment in place of the one that the key gives, the first one
    /// that is set counts.
    #[must_use]
    pub const fn env(self, names: &'static [&'static str]) -> Self {
        Self { env: names, ..self }
    }
}

impl<T: Value> Setting<T> {
    /// Reads a value of this setting; else says what is wrong.
    pub(crate) fn parse(&self, text: &str) -> Result<T, String> {
        match (T::parse(text), &self.range) {
            (Ok(value), Some(range)) if value.is_within(&range.0, &range.1) => Ok(value),
            (Ok(value), None) => Ok(value),
            (Ok(_), Some(_)) => Err(refusal(self, None)),
            (Err(reason), _) => Err(refusal(self, reason)),
        }
    }
}

/// These are apart, so that there is one of each for all kinds.
#[cold]
fn refusal(row: &dyn Describe, reason: Option<String>) -> String {
    reason.unwrap_or_else(|| format!("expected {}", row.expected()))
}

#[inline(never)]
fn variables(key: &str, well_known: &[&str]) -> Vec<String> {
    if well_known.is_empty() {
        return vec![key.replace('.', "__").to_uppercase()];
    }
    well_known.iter().map(|name| (*name).to_owned()).collect()
}

#[inline(never)]
fn expected(kind: &str, range: Option<(String, String)>) -> String {
    match range {
        Some((least, greatest)) => format!("{kind}, from {least} to {greatest}"),
        None => kind.to_owned(),
    }
}

impl<T: Value> Describe for Setting<T> {
    fn key(&self) -> &'static str {
        self.key
    }

    fn env(&self) -> Vec<String> {
        variables(self.key, self.env)
    }

    fn default(&self) -> Option<&'static str> {
        self.default
    }

    fn is_required(&self) -> bool {
        self.default.is_none() && T::absent().is_none()
    }

    fn help(&self) -> &'static str {
        self.help
    }

    fn is_secret(&self) -> bool {
        T::SECRET
    }

    fn expected(&self) -> String {
        expected(T::EXPECTED, self.range.as_ref().map(|range| (range.0.show(), range.1.show())))
    }

    fn check(&self, text: &str) -> Result<(), String> {
        self.parse(text).map(drop)
    }

    fn show(&self, text: &str) -> Option<String> {
        self.parse(text).ok().map(|value| value.show())
    }
}
