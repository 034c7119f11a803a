//! The levels that are in effect. Those of a file follow it while the service runs.
//!
//! What a level lets through is asked once for each place in the code that logs, and kept there by
//! `tracing`; a change makes it ask again. So levels that can change cost a line nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::sleep;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};
use tracing_core::callsite::rebuild_interest_cache;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{self, Context};

use super::filter::{Filter, NotAFilter};
use crate::settings::{LOOK_EVERY, Secret, SecretError, Value, read_apart};

/// The target of what is told of the levels: written whatever they are.
const TARGET: &str = module_path!();

/// Most characters that are shown of a file that is no filter.
const SHOWN: usize = 100;

/// The levels that are in effect: a filter given in place, or `file:/path`, whose content it is.
/// Clones are of the same.
#[derive(Clone, Debug, Default)]
pub struct Levels {
    /// The file, read as that of a secret is: bounded, in time, and no pipe.
    file: Option<Secret>,
    now: Arc<Mutex<Filter>>,
}

impl Value for Levels {
    const EXPECTED: &'static str = "a level (error, warn, info, debug, trace, off) or target=level pairs, \
         such as info,pcf_api::health=debug, or file:/path, whose content that is";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let file = Some(Secret::of(text)?).filter(Secret::is_in_file);
        let filter = match &file {
            None => Filter::parse(text).map_err(|NotAFilter(reason)| reason)?,
            Some(file) => of_file(file.read_in_time())?,
        };
        Ok(Self { file, now: Arc::new(Mutex::new(filter)) })
    }

    fn show(&self) -> String {
        self.file.as_ref().map_or_else(|| self.now(), Value::show)
    }
}

/// The filter that a file holds; else what is wrong.
fn of_file(text: Result<String, SecretError>) -> Result<Filter, String> {
    let text = text.map_err(|error| error.to_string())?;
    Filter::parse(&text).map_err(|NotAFilter(reason)| {
        let shown: String = text.chars().take(SHOWN).collect();
        // In the file no other file is expected.
        let filter = Levels::EXPECTED.split(", or file:").next().unwrap_or_default();
        let reason = reason.unwrap_or_else(|| format!("expected {filter}"));
        format!("the file holds {shown:?}: {reason}")
    })
}

impl Levels {
    /// The filter that is in effect.
    pub(crate) fn now(&self) -> String {
        self.lock().to_string()
    }

    /// Follows the file, where there is one, for ever.
    pub(crate) async fn follow(self) {
        let Some(file) = &self.file else { return };
        // What was wrong with it at the last look, and is told.
        let mut wrong = None;
        loop {
            sleep(LOOK_EVERY).await;
            let Some(read) = read_apart(file).await else { continue };
            match of_file(read) {
                Ok(filter) => self.set(filter, wrong.take().is_some()),
                Err(reason) if wrong.as_ref() != Some(&reason) => {
                    tracing::warn!(target: TARGET, in_effect = self.now(), from = self.show(), error = reason, "the log level's file is wrong; the last level stays in effect");
                    wrong = Some(reason);
                }
                Err(_) => {}
            }
        }
    }

    /// Takes another filter, and says so; or that the same is right again.
    fn set(&self, filter: Filter, is_again: bool) {
        let (old, new) = (self.now(), filter.to_string());
        if old == new && !is_again {
            return;
        }
        *self.lock() = filter;
        rebuild_interest_cache();
        tracing::info!(target: TARGET, old, new, from = self.show(), "the log level is that of its file");
    }

    fn lets_through(&self, metadata: &Metadata<'_>) -> bool {
        let is_own = *metadata.level() <= Level::INFO && metadata.target() == TARGET;
        is_own || self.lock().lets_through(metadata.target(), *metadata.level())
    }

    fn interest(&self, metadata: &Metadata<'_>) -> Interest {
        if self.lets_through(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level(&self) -> LevelFilter {
        let own = if self.file.is_some() { LevelFilter::INFO } else { LevelFilter::OFF };
        self.lock().max_level().max(own)
    }

    fn lock(&self) -> MutexGuard<'_, Filter> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For all layers.
impl<S: Subscriber> Layer<S> for Levels {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.interest(metadata)
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.lets_through(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.max_level())
    }
}

/// For one layer, where another has a filter of its own.
impl<S> layer::Filter<S> for Levels {
    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.interest(metadata)
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.lets_through(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.max_level())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        Levels::parse(text).unwrap_err().unwrap()
    }

    #[test]
    fn the_filter_is_given_in_place_or_by_a_file() {
        let path = std::env::temp_dir().join(format!("pcf-api-levels-{}", std::process::id()));
        std::fs::write(&path, "warn,access=off\n").unwrap();
        let named = format!("file:{}", path.display());
        let levels = Levels::parse(&named).unwrap();
        assert_eq!((levels.show(), levels.now()), (named.clone(), "warn,access=off".into()));
        std::fs::write(&path, "loud".repeat(100)).unwrap();
        let wrong = told(&named);
        assert!(wrong.starts_with("the file holds \"loudloud") && wrong.len() < 400, "{wrong}");
        assert!(wrong.ends_with("such as info,pcf_api::health=debug"), "no other file: {wrong}");
        std::fs::write(&path, "pcf-api=debug").unwrap();
        assert!(told(&named).ends_with("pcf-api matches nothing; expected pcf_api=debug"));
        std::fs::remove_file(&path).unwrap();
        assert!(told(&named).starts_with("cannot read /"));
        assert!(told("file:relative").contains("absolute path"));
        assert_eq!(Levels::parse("debug").unwrap().show(), "debug");
    }

    #[test]
    fn what_is_told_of_the_levels_is_written_whatever_they_are() {
        let told = || tracing::enabled!(target: TARGET, Level::INFO);
        let other = || tracing::enabled!(Level::ERROR);
        let levels = Levels { file: Some(Secret::of("file:/x").unwrap()), ..Levels::default() };
        let subscriber = tracing_subscriber::Registry::default();
        let subscriber = tracing_subscriber::layer::SubscriberExt::with(subscriber, levels.clone());
        tracing::subscriber::with_default(subscriber, || {
            assert!(told() && other());
            levels.set(Filter::parse("off").unwrap(), false);
            assert!(told() && !other());
            levels.set(Filter::parse("error").unwrap(), false);
            assert!(told() && other());
        });
    }
}
