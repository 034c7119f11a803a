//! Typed values out of the sources; each error is one mistake.

use super::problem::Problem;
use super::setting::{Describe, NAME, Setting};
use super::sources::{Found, Origin, Sources, key_of};
use super::value::Value;

/// Reads typed values.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a Sources);

impl Reader<'_> {
    /// The value of a setting.
    pub(crate) fn get<T: Value>(self, setting: &Setting<T>) -> Result<T, Problem> {
        self.of(setting, None)
    }

    /// The value of a setting that each dependency has.
    pub(crate) fn of<T: Value>(
        self,
        setting: &Setting<T>,
        name: Option<&str>,
    ) -> Result<T, Problem> {
        match found_or_default(self.0, setting, name) {
            Some(found) => setting
                .parse(&found.text)
                .map_err(|reason| wrong_value(setting, name, &found, &reason)),
            None => T::absent().ok_or_else(|| missing(setting, name)),
        }
    }

    /// What is wrong with the value of a row, if anything is.
    pub(crate) fn check(self, row: &dyn Describe, name: Option<&str>) -> Option<Problem> {
        match self.0.find(row, name) {
            Some(found) => {
                let reason = row.check(&found.text).err()?;
                Some(wrong_value(row, name, &found, &reason))
            }
            None => (row.default().is_none() && self.0.table().is_required(row))
                .then(|| missing(row, name)),
        }
    }
}

#[inline(never)]
pub(super) fn found_or_default(
    sources: &Sources,
    row: &dyn Describe,
    name: Option<&str>,
) -> Option<Found> {
    sources.find(row, name).or_else(|| {
        let text = row.default()?.to_owned();
        Some(Found { text, origin: Origin::Default })
    })
}

/// The mistake that a setting is not given.
#[cold]
pub(crate) fn missing(row: &dyn Describe, name: Option<&str>) -> Problem {
    let key = key_of(row, name);
    let upper = name.unwrap_or_default().to_uppercase();
    let variable = row.env().join(" or ").replace(&NAME.to_uppercase(), &upper);
    let reason = format!("is not set; set {variable} or --{key}: {}", row.expected());
    Problem::new(&key, &Origin::Default, reason)
}

#[cold]
fn wrong_value(row: &dyn Describe, name: Option<&str>, found: &Found, reason: &str) -> Problem {
    let shown = if row.is_secret() { "<redacted>" } else { &format!("{:?}", found.text) };
    Problem::value(&key_of(row, name), shown, &found.origin, reason)
}
