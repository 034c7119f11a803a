//! Which log lines are written: the usual `RUST_LOG=info,pcf_api::health=debug`.
//!
//! `Targets` instead of `EnvFilter`: the latter also filters by span and field, and costs 0.4 MB.

use std::fmt;

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{Layer, Registry};

/// A level for everything, ERROR if none is given, and levels for targets (modules) and what is below
/// them.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    text: String,
    targets: Targets,
}

/// The text is not a filter. Where that is not plain to see, it says why.
#[derive(Debug)]
pub(super) struct NotAFilter(pub(super) Option<String>);

impl Filter {
    /// Reads a filter.
    ///
    /// A target without a level is refused: `Targets` would take a mistyped level for a target, and
    /// write nothing else. So is one with a hyphen, for the same reason: a target is a module's
    /// path, in which a crate's hyphens are underscores.
    pub(super) fn parse(text: &str) -> Result<Self, NotAFilter> {
        let text = text.split(',').map(str::trim).collect::<Vec<_>>().join(",");
        let is_target = |text: &str| {
            let is_name = |c: char| c.is_ascii_alphanumeric() || "_:-.".contains(c);
            !text.is_empty() && text.chars().all(is_name)
        };
        let is_level = |text: &str| !text.is_empty() && text.parse::<LevelFilter>().is_ok();
        let is_whole = |part: &str| match part.split_once('=') {
            Some((target, level)) => is_target(target) && is_level(level),
            None => is_level(part),
        };
        if !text.split(',').all(is_whole) {
            return Err(NotAFilter(None));
        }
        let mut parts = text.split(',').filter_map(|part| part.split_once('='));
        if let Some((target, level)) = parts.find(|(target, _)| target.contains('-')) {
            let right = target.replace('-', "_");
            let reason = format!("{target} matches nothing; expected {right}={level}");
            return Err(NotAFilter(Some(reason)));
        }
        let mut targets: Targets = text.parse().map_err(|_| NotAFilter(None))?;
        // Without a level for everything `Targets` turns all else off, and with it the panics and
        // the reason of the exit, which whoever asks for one module's lines does not mean.
        if !text.split(',').any(is_level) {
            targets = targets.with_default(LevelFilter::ERROR);
        }
        Ok(Self { text, targets })
    }

    /// Whether a line of this target and level is written.
    pub(super) fn lets_through(&self, target: &str, level: Level) -> bool {
        self.targets.would_enable(target, &level)
    }

    /// The most verbose level of any target.
    pub(super) fn max_level(&self) -> LevelFilter {
        Layer::<Registry>::max_level_hint(&self.targets).unwrap_or(LevelFilter::TRACE)
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self { text: "info".to_owned(), targets: Targets::new().with_default(LevelFilter::INFO) }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_per_module_and_what_is_below_it() {
        let targets = Filter::parse("warn,pcf_api::health=debug,access=off").unwrap();
        assert!(targets.lets_through("pcf_api::health::checker", Level::DEBUG));
        assert!(targets.lets_through("hyper", Level::WARN));
        assert!(!targets.lets_through("hyper", Level::INFO));
        assert!(!targets.lets_through("access", Level::ERROR));
        let spaced = Filter::parse("info, access=off").unwrap();
        assert!(!spaced.lets_through("access", Level::ERROR));
    }

    #[test]
    fn errors_are_written_unless_everything_is_turned_off() {
        let targets = Filter::parse("my_module=debug,access=off").unwrap();
        assert!(targets.lets_through("my_module::below", Level::DEBUG));
        assert!(targets.lets_through("panic", Level::ERROR));
        assert!(targets.lets_through("pcf_api::run", Level::ERROR));
        assert!(!targets.lets_through("pcf_api::run", Level::WARN));
        assert!(!targets.lets_through("access", Level::ERROR));
        for text in ["off,my_module=debug", "my_module=debug,OFF"] {
            let targets = Filter::parse(text).unwrap();
            assert!(!targets.lets_through("panic", Level::ERROR), "{text}");
        }
    }

    #[test]
    fn a_target_with_a_hyphen_is_told_how_it_is_written() {
        let NotAFilter(told) = Filter::parse("info,pcf-api::health=debug").unwrap_err();
        let told = told.unwrap();
        assert_eq!(told, "pcf-api::health matches nothing; expected pcf_api::health=debug");
    }

    #[test]
    fn a_mistyped_level_is_not_taken_for_a_target() {
        for wrong in ["inof", "", "info,", "a=loud", "info debug", "a=", "[span]=debug"] {
            assert!(Filter::parse(wrong).is_err(), "{wrong}");
        }
        for right in ["info", "INFO", "off", "a=debug", "a::b=trace,error"] {
            assert!(Filter::parse(right).is_ok(), "{right}");
        }
    }
}
