//! What people read of the settings: `--help`, `pcf-api config` and `docs/configuration.md`.

use std::fmt::Write;

use super::reader::found_or_default;
use super::setting::{Describe, NAME};
use super::sources::{Sources, key_of};
use super::table::Table;

/// The settings as `--help` shows them.
pub(crate) fn help(table: &Table) -> String {
    let mut text = String::new();
    for setting in table.rows() {
        let default = match setting.default() {
            Some(value) => format!(" [{value}]"),
            // A dependency that is not declared needs no URL.
            None if table.is_required(setting) && !setting.key().contains(NAME) => {
                " [required]".to_owned()
            }
            None => String::new(),
        };
        let env = setting.env().join(" or ");
        let _ = writeln!(text, "  --{} ({env}){default}\n      {}", setting.key(), setting.help());
    }
    text
}

/// The effective configuration as TOML, with the source of each value behind it and secrets
/// redacted. Settings that no source gives and that have no default are left out. Those that each
/// dependency has are shown for these names.
pub(crate) fn effective(sources: &Sources, names: &[String]) -> String {
    let mut text = String::new();
    for warning in sources.warnings() {
        let _ = writeln!(text, "# {warning}");
    }
    let (named, plain): (Vec<_>, Vec<_>) =
        sources.table().rows().partition(|row| row.key().contains(NAME));
    for row in plain {
        line(&mut text, sources, row, None);
    }
    for name in names {
        for row in &named {
            line(&mut text, sources, *row, Some(name));
        }
    }
    text
}

fn line(text: &mut String, sources: &Sources, setting: &dyn Describe, name: Option<&str>) {
    let Some(found) = found_or_default(sources, setting, name) else {
        return;
    };
    let Some(shown) = setting.show(&found.text) else {
        return;
    };
    // A text that only looks like a number, such as the revision 0042, stays a text.
    let is_number = shown.parse::<i64>().is_ok_and(|number| number.to_string() == shown);
    // JSON's escapes are TOML's too.
    let shown = if is_number { shown } else { serde_json::json!(shown).to_string() };
    let assignment = format!("{} = {shown}", key_of(setting, name));
    let _ = writeln!(text, "{assignment:<44} # {}", found.origin);
}

/// The rows as those of a table in Markdown: key, environment, default, what it is.
pub(crate) fn rows<'a>(rows: impl IntoIterator<Item = &'a dyn Describe>) -> String {
    let mut text = String::new();
    for row in rows {
        let code = |text: &str| format!("`{text}`");
        let env: Vec<String> = row.env().iter().map(|name| code(name)).collect();
        let default = match row.default() {
            Some(value) => code(value),
            None if row.is_required() => "**required**".to_owned(),
            None => "none".to_owned(),
        };
        let secret = if row.is_secret() { " **Secret.**" } else { "" };
        let _ = writeln!(
            text,
            "| `{}` | {} | {default} | {}{secret} Accepts {}. |",
            row.key(),
            env.join(" or "),
            row.help(),
            row.expected().replace('|', "\\|"),
        );
    }
    text
}
