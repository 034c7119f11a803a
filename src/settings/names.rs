//! Names of settings, in files, flags and the environment: which are known, which are misspelt, and
//! what they were meant to be.

use super::setting::{Describe, NAME};
use super::table::Table;

/// How many letters of a name may be wrong for it to be told what it was meant to be.
const MAX_WRONG: usize = 2;

/// Where all names are.
const ALL: &str = "--help lists them all";

impl Table {
    pub(super) fn is_known_key(&self, key: &str) -> bool {
        self.rows().any(|setting| match setting.key().split_once(NAME) {
            None => setting.key() == key,
            Some((before, after)) => key
                .strip_prefix(before)
                .and_then(|rest| rest.strip_suffix(after))
                .is_some_and(is_dependency_name),
        })
    }

    pub(super) fn is_known_variable(&self, variable: &str) -> bool {
        // A dependency's name is looked for in upper case: written otherwise it would have no effect.
        if !is_upper_case(variable) {
            return false;
        }
        self.rows().flat_map(|setting| setting.env()).any(|env| {
            match env.split_once(&NAME.to_uppercase()) {
                None => env == variable,
                Some((before, after)) => variable
                    .strip_prefix(before)
                    .and_then(|rest| rest.strip_suffix(after))
                    .is_some_and(|name| is_dependency_name(&name.to_lowercase())),
            }
        })
    }

    /// What a variable was meant to be that would be one with another number of underscores.
    pub(super) fn with_right_underscores(&self, variable: &str) -> Option<String> {
        if self.is_known_variable(variable) || self.is_own_variable(variable) {
            return None;
        }
        let single = |text: &str| text.replace("__", "_");
        let given = single(variable);
        self.rows().find_map(|setting| {
            setting.env().iter().find_map(|env| match env.split_once(&NAME.to_uppercase()) {
                None => (single(env) == given).then(|| setting.env().join(" or ")),
                Some((before, after)) => {
                    let name = given.strip_prefix(&single(before))?.strip_suffix(&single(after))?;
                    is_dependency_name(&name.to_lowercase())
                        .then(|| format!("{before}{name}{after}"))
                }
            })
        })
    }

    /// Whether a variable is meant for this program, because it starts with one of its sections, in
    /// whatever case.
    pub(super) fn is_own_variable(&self, variable: &str) -> bool {
        let first = variable.split_once("__").map(|(section, _)| section);
        self.rows()
            .filter_map(|setting| setting.key().split_once('.'))
            .any(|(section, _)| first.is_some_and(|first| first.eq_ignore_ascii_case(section)))
    }

    /// Says what would have been accepted in place of an unknown variable.
    pub(super) fn unknown_variable(&self, variable: &str) -> String {
        let upper = variable.to_uppercase();
        if self.is_known_variable(&upper) {
            return format!("variables are in upper case; expected {upper}");
        }
        let key = variable.to_lowercase().replace("__", ".");
        match self.nearest(&key) {
            Some((setting, name)) => {
                let variables = setting.env().join(" or ");
                did_you_mean(&variables.replace(&NAME.to_uppercase(), &name.to_uppercase()))
            }
            None => self.of_section(&key),
        }
    }

    /// Says what would have been accepted in place of an unknown key.
    pub(super) fn unknown_key(&self, key: &str) -> String {
        match self.nearest(key) {
            Some((setting, name)) => did_you_mean(&setting.key().replace(NAME, name)),
            None => self.of_section(key),
        }
    }

    /// The setting that an unknown key was meant to be, and the dependency's name in it.
    fn nearest<'a>(&self, key: &'a str) -> Option<(&'static dyn Describe, &'a str)> {
        let mut words = key.split('.').skip(1);
        let name = match (words.next(), words.next()) {
            (Some(name), Some(_)) => name,
            _ => NAME,
        };
        // What is wrong may be the name itself.
        if name != NAME && !is_dependency_name(name) {
            return None;
        }
        let wrong = |setting: &dyn Describe| {
            let known = setting.key().replace(NAME, name);
            // Without its section it may be meant too.
            let last = if key.contains('.') { None } else { known.rsplit('.').next() };
            last.into_iter().chain([&*known]).filter_map(|known| letters_wrong(key, known)).min()
        };
        let all = self.rows().filter_map(|setting| Some((wrong(setting)?, setting)));
        all.min_by_key(|(wrong, _)| *wrong).map(|(_, setting)| (setting, name))
    }

    /// Says which settings the section of a key has, if there is one.
    fn of_section(&self, key: &str) -> String {
        let section = key.split('.').next().unwrap_or_default();
        let known: Vec<&str> = self
            .rows()
            .map(|setting| setting.key())
            .filter(|known| known.split_once('.').is_some_and(|(first, _)| first == section))
            .collect();
        if known.is_empty() {
            return format!("no such setting; {ALL}");
        }
        let name_rule = if section == "dependencies" {
            "; a name is lower-case letters, digits and single underscores, up to 40"
        } else {
            ""
        };
        format!("no such setting; expected one of {}{name_rule}", known.join(", "))
    }
}

fn did_you_mean(known: &str) -> String {
    format!("no such setting; did you mean {known}? {ALL}")
}

/// How many letters are wrong in a name, none where they are too many or more than half of it. Two that
/// changed places are one.
fn letters_wrong(given: &str, known: &str) -> Option<usize> {
    let most = MAX_WRONG.min(given.len() / 2);
    // Not compared is what is far too long.
    let is_near = given.len().abs_diff(known.len()) <= most;
    let wrong = is_near.then(|| strsim::osa_distance(given, known))?;
    (wrong <= most).then_some(wrong)
}

/// A name that can be a key, part of a variable and a metric's label: `[a-z][a-z0-9_]*`, up to 40,
/// without the two underscores that separate sections.
pub(crate) fn is_dependency_name(name: &str) -> bool {
    name.len() <= 40
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !name.contains("__")
        && !name.ends_with('_')
}

pub(super) fn is_upper_case(variable: &str) -> bool {
    !variable.contains(|letter: char| letter.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use crate::config::table;

    #[test]
    fn what_is_misspelt_is_told_with_the_nearest_or_with_those_of_its_section() {
        type Told = fn(&str) -> String;
        let key: Told = |key| table().unknown_key(key);
        let variable: Told = |name| table().unknown_variable(name);
        for (told, given, expected) in [
            (key, "servr.port", "did you mean server.port? --help lists them all"),
            (key, "server.drian_delay", "did you mean server.drain_delay?"),
            (key, "port", "did you mean server.port?"),
            (key, "prot", "did you mean server.port?"),
            (key, "databse_url", "did you mean database_url?"),
            (key, "dependencies.cache.urll", "did you mean dependencies.cache.url?"),
            (key, "dependencys.cache.url", "did you mean dependencies.cache.url?"),
            (variable, "SERVER__PROT", "did you mean SERVER__PORT or PORT?"),
            (variable, "server__prot", "did you mean SERVER__PORT or PORT?"),
            (variable, "LOG__LEVLE", "did you mean RUST_LOG or LOG__LEVEL?"),
            (variable, "DEPENDENCIES__CACHE__TIMOUT", "did you mean DEPENDENCIES__CACHE__TIMEOUT?"),
            (key, "log.nonsense", "expected one of log.format, log.timestamp_format, log.level"),
            (key, "x", "--help lists them all"),
            (key, "nonsense.at_all", "--help lists them all"),
            (key, "dependencies.A.urll", "expected one of dependencies.<name>.url"),
            (key, &"x".repeat(1_000_000), "--help lists them all"),
        ] {
            let words = told(given);
            let start = format!("no such setting; {expected}");
            assert!(words.starts_with(&start), "{expected}: {words}");
        }
    }
}
