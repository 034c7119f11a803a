//! `docs/configuration.md`, made from the table.

#[cfg(test)]
mod tests {
    use crate::config;
    use crate::settings::{Describe, Sources, help, rows};

    #[test]
    fn the_documentation_page_is_that_of_the_table() {
        let tls: Vec<_> = config::tls_rows().collect();
        // Those of spans are in docs/tracing.md, with the feature.
        let is_plain = |row: &&dyn Describe| {
            !row.key().starts_with("otel.") && tls.iter().all(|other| other.key() != row.key())
        };
        let page = include_str!("page.md")
            .replace("{rows}\n", &rows(config::rows().filter(is_plain)))
            .replace("{tls}\n", &rows(tls.iter().copied()));
        crate::pages::assert_page("docs/configuration.md", &page);
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
            ("LOG_LEVEL", "debug"),
        ];
        let environment = environment.iter().map(|(k, v)| (k.into(), v.into()));
        let text = config::effective(&Sources::gather(&config::table(), None, environment, []));
        for part in [
            "# LOG_LEVEL has no effect; the variable is RUST_LOG or LOG__LEVEL\n",
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
        let text = help(&config::table());
        for setting in config::rows() {
            assert!(text.contains(&format!("--{} (", setting.key())), "{}", setting.key());
            assert!(
                setting.env().iter().all(|env| text.contains(env.as_str())),
                "{}",
                setting.key()
            );
        }
        assert!(text.contains("--server.port (SERVER__PORT or PORT) [8080]"), "{text}");
    }
}
