//! The table: every row there is, those of the framework and those of the service that is made of it.

use std::fmt;

use super::setting::{Describe, NAME};

/// Every setting, in the order in which they are shown.
#[derive(Clone)]
pub(crate) struct Table {
    rows: Vec<&'static dyn Describe>,
    /// Those of the rows that must be given though they could be left out.
    required: Vec<&'static str>,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.rows.iter().map(|row| row.key())).finish()
    }
}

/// Rows that cannot be in one table: a mistake in the program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TableError(String);

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a mistake in the table of settings: {}", self.0)
    }
}

impl std::error::Error for TableError {}

impl Table {
    /// Nothing to set.
    pub(crate) fn empty() -> Self {
        Self { rows: Vec::new(), required: Vec::new() }
    }

    /// A table of these rows. No two may have a name in common.
    pub(crate) fn new(
        rows: impl IntoIterator<Item = &'static dyn Describe>,
        required: impl IntoIterator<Item = &'static dyn Describe>,
    ) -> Result<Self, TableError> {
        let table = Self {
            rows: rows.into_iter().collect(),
            required: required.into_iter().map(Describe::key).collect(),
        };
        let mut seen = Vec::new();
        for row in table.rows() {
            let key = row.key();
            if !is_key(key) {
                let rule =
                    "keys are lower-case letters, digits and underscores, with at most one dot";
                return Err(TableError(format!("{key}: {rule}")));
            }
            for name in row.env().into_iter().chain([key.to_owned()]) {
                if seen.contains(&name) {
                    return Err(TableError(format!("{key}: another setting has the name {name}")));
                }
                seen.push(name);
            }
            if let Some(default) = row.default()
                && let Err(reason) = row.check(default)
            {
                return Err(TableError(format!(
                    "{key}: its default {default:?} is wrong: {reason}"
                )));
            }
        }
        match table.required.iter().find(|key| !table.rows().any(|row| row.key() == **key)) {
            Some(key) => Err(TableError(format!("{key} is required and is no row"))),
            None => Ok(table),
        }
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &'static dyn Describe> + '_ {
        self.rows.iter().copied()
    }

    /// Whether a row must be given.
    pub(crate) fn is_required(&self, row: &dyn Describe) -> bool {
        row.is_required() || self.required.contains(&row.key())
    }
}

fn is_key(key: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && !word.contains("__")
    };
    // The one kind of row that has a name in it.
    let plain = key.replace(&format!(".{NAME}"), "");
    plain.split('.').count() <= 2 && plain.split('.').all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Setting;

    static ONE: Setting<u16> = Setting::new("shop.one", "One.").default("1");
    static SAME: Setting<u16> = Setting::new("shop.two", "Two.").env(&["SHOP__ONE"]);
    static WRONG: Setting<u16> = Setting::new("shop.three", "Three.").default("three");
    static NO_KEY: Setting<u16> = Setting::new("Shop.Four", "Four.");

    fn table(rows: &[&'static dyn Describe]) -> Result<Table, String> {
        Table::new(rows.iter().copied(), []).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_that_cannot_be_in_one_table_are_told() {
        assert!(table(&[&ONE]).is_ok());
        let cases: [(&[&'static dyn Describe], &str); 4] = [
            (&[&ONE, &SAME], "another setting has the name SHOP__ONE"),
            (&[&ONE, &ONE], "another setting has the name"),
            (&[&WRONG], "its default \"three\" is wrong: expected a whole number"),
            (&[&NO_KEY], "Shop.Four: keys are lower-case"),
        ];
        for (rows, told) in cases {
            let error = table(rows).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
        let rows: [&'static dyn Describe; 1] = [&ONE];
        assert!(Table::new([], rows).unwrap_err().to_string().contains("shop.one is required"));
    }
}
