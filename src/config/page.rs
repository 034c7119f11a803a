//! What people read of the settings: `--help`, `pcf-api config` and `docs/configuration.md`.

use std::fmt::Write;

use super::found_or_default;
use super::settings::{Describe, NAME, TABLE};
use super::sources::{Sources, key_of};

/// The settings as `--help` shows them.
pub(crate) fn help() -> String {
    let mut text = String::new();
    for setting in TABLE {
        let default = setting.default().map_or(String::new(), |value| format!(" [{value}]"));
        let env = setting.env().join(" or ");
        let _ = writeln!(text, "  --{} ({env}){default}\n      {}", setting.key(), setting.help());
    }
    text
}

/// The effective configuration as TOML, with the source of each value behind it and secrets
/// redacted. Settings that no source gives and that have no default are left out.
pub(crate) fn effective(sources: &Sources) -> String {
    let mut text = String::new();
    let names = sources.dependency_names();
    for setting in TABLE.iter().copied() {
        if setting.key().contains(NAME) {
            continue;
        }
        line(&mut text, sources, setting, None);
    }
    let has_database = sources.find(&super::settings::DATABASE_URL, None).is_some();
    let is_named = names.iter().any(|name| name == super::DATABASE);
    let database = (has_database && !is_named).then_some(super::DATABASE);
    for name in database.into_iter().chain(names.iter().map(String::as_str)) {
        for setting in TABLE.iter().copied().filter(|setting| setting.key().contains(NAME)) {
            line(&mut text, sources, setting, Some(name));
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

/// `docs/configuration.md`, made from the table.
#[cfg(test)]
fn page() -> String {
    let mut rows = String::new();
    for setting in TABLE {
        let code = |text: &str| format!("`{text}`");
        let env: Vec<String> = setting.env().iter().map(|name| code(name)).collect();
        let default = setting.default().map_or("none".to_owned(), code);
        let secret = if setting.is_secret() { " **Secret.**" } else { "" };
        let _ = writeln!(
            rows,
            "| `{}` | {} | {default} | {}{secret} Accepts {}. |",
            setting.key(),
            env.join(" or "),
            setting.help(),
            setting.expected().replace('|', "\\|"),
        );
    }
    include_str!("page.md").replace("{rows}\n", &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_page_is_that_of_the_table() {
        crate::testing::assert_page("docs/configuration.md", &page());
    }

    #[test]
    fn the_effective_configuration_names_sources_and_hides_secrets() {
        let environment = [
            ("DATABASE_URL", "postgres://app:hunter2@db/app"),
            ("PORT", "9000"),
            ("REVISION", "a \"b\" \u{200b}"),
            ("POD_NAME", "0042"),
            ("DEPENDENCIES__CACHE__URL", "redis://:hunter2@cache"),
            ("DEPENDENCIES__DATABASE__TIMEOUT", "1s"),
        ];
        let environment = environment.iter().map(|(k, v)| (k.into(), v.into()));
        let text = effective(&Sources::gather(None, environment, []));
        for part in [
            "server.port = 9000 ",
            "# environment PORT\n",
            "server.drain_delay = \"5s\" ",
            "revision = \"a \\\"b\\\" \u{200b}\" ",
            "pod_name = \"0042\" ",
            "database_url = \"<redacted>\" ",
            "dependencies.database.timeout = \"1s\" ",
            "dependencies.cache.timeout = \"2s\" ",
        ] {
            assert!(text.contains(part), "{part:?} is not in:\n{text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
        let read = toml::de::DeTable::parse(&text);
        assert!(read.is_ok(), "a file that can be read back: {read:?}\n{text}");
    }

    #[test]
    fn help_names_every_setting_with_its_variable_and_default() {
        let text = help();
        for setting in TABLE {
            assert!(text.contains(&format!("--{} (", setting.key())), "{}", setting.key());
            assert!(setting.env().iter().all(|env| text.contains(env)), "{}", setting.key());
        }
        assert!(text.contains("--server.port (SERVER__PORT or PORT) [8080]"), "{text}");
    }
}
