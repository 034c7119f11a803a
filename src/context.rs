//! What a service's `start` is given: its settings, and places for what is to run beside the routes.

mod background;
mod stop;

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;

use crate::body::BoxError;
use crate::health::settings::{DEPENDENCY_GRACE, DEPENDENCY_TIMEOUT};
use crate::health::{Check, Criticality, Subject};
use crate::identity::Identity;
use crate::lifecycle::Drain;
use crate::settings::{
    Describe, HoldsSecret, Reader, Setting, Sources, Value, Watched, is_dependency_name,
};

pub(crate) use background::Background;
pub(crate) use stop::run as run_stops;

/// What a service's `start` is given.
///
/// ```
/// use std::sync::Arc;
///
/// use pcf_api::{BoxError, Context, Criticality, Setting};
///
/// static SIZE: Setting<usize> = Setting::new("shop.shelves", "How many.").default("3");
///
/// struct Shop { shelves: Vec<String> }
///
/// async fn start(context: Context) -> Result<Shop, BoxError> {
///     let shelves = vec![String::new(); context.get(&SIZE)];
///     context.check("shelves", Criticality::Important, || async { Ok::<_, &str>(()) });
///     context.background("restock", |drain| async move {
///         drain.begun().await;
///         Ok::<_, BoxError>(())
///     });
///     context.on_stop(async || tracing::info!("closed"));
///     Ok(Shop { shelves })
/// }
/// ```
pub struct Context {
    identity: Identity,
    sources: Arc<Sources>,
    drain: Drain,
    workers: Handle,
    brought: Arc<Mutex<Registered>>,
}

/// What a `start` has asked for.
#[derive(Default)]
pub(crate) struct Registered {
    pub(crate) checks: Vec<Subject>,
    pub(crate) background: Vec<Background>,
    pub(crate) stops: Vec<Stop>,
    /// What was wrong with it.
    pub(crate) problems: Vec<String>,
}

/// What is done at the end.
pub(crate) type Stop = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Context {
    /// A context, and what will have been asked of it.
    pub(crate) fn new(
        identity: Identity,
        sources: Arc<Sources>,
        drain: Drain,
        workers: Handle,
    ) -> (Self, Arc<Mutex<Registered>>) {
        let brought = Arc::default();
        let context = Self { identity, sources, drain, workers, brought: Arc::clone(&brought) };
        (context, brought)
    }

    /// The name of the service.
    pub fn name(&self) -> &'static str {
        self.identity.name
    }

    /// The version of the service.
    pub fn version(&self) -> &'static str {
        self.identity.version
    }

    /// The value of a setting: one of the service's own, or [`DATABASE_URL`](crate::DATABASE_URL).
    ///
    /// # Panics
    ///
    /// Where the setting is not among those given to [`Builder::settings`](crate::Builder::settings)
    /// and has no default: a mistake in the program.
    #[allow(clippy::panic, reason = "the program is wrong, whatever its configuration")]
    pub fn get<T: Value>(&self, setting: &Setting<T>) -> T {
        // Every row of the table was checked before the start.
        Reader(&self.sources)
            .get(setting)
            .unwrap_or_else(|problem| panic!("a setting that is no row of the table: {problem}"))
    }

    /// A secret that may change while the service runs; the one in a file is read again every five
    /// seconds.
    ///
    /// ```
    /// # use pcf_api::{BoxError, Context, DATABASE_URL};
    /// async fn start(context: Context) -> Result<(), BoxError> {
    ///     let url = context.watch(&DATABASE_URL)?;
    ///     let pool = connect(&url.get()).await;
    ///     context.background("rotation", move |drain| {
    ///         let mut url = url.clone();
    ///         async move {
    ///             loop {
    ///                 tokio::select! {
    ///                     url = url.changed() => { /* give it to the pool */ }
    ///                     () = drain.begun() => return Ok::<_, BoxError>(()),
    ///                 }
    ///             }
    ///         }
    ///     });
    ///     Ok(())
    /// }
    /// # async fn connect(_: &str) {}
    /// ```
    ///
    /// # Errors
    ///
    /// Where it is not given, or cannot be read now.
    pub fn watch<T: HoldsSecret>(&self, setting: &'static Setting<T>) -> Result<Watched, BoxError> {
        let value = self.get(setting);
        let name = setting.key();
        let secret = value.secret().ok_or_else(|| format!("{name} is not set"))?;
        let (watched, work) = Watched::of(name, secret.clone())?;
        if let Some(work) = work {
            self.workers.spawn(work);
        }
        Ok(watched)
    }

    /// Tells when the service is on its way to its end.
    pub fn drain(&self) -> Drain {
        self.drain.clone()
    }

    /// Adds a check beside those of the dependencies: every 5 s, within 2 s, with the same states,
    /// metrics and log lines. What it returns in place of `Ok` is shown to anyone who asks for
    /// readiness, so nothing internal belongs into it. It runs on the workers.
    pub fn check<F, A, W>(&self, name: &str, criticality: Criticality, check: F)
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), W>> + Send + 'static,
        W: Into<Cow<'static, str>> + Send + 'static,
    {
        let workers = self.workers.clone();
        let own = Arc::new(move || -> Pin<Box<dyn Future<Output = _> + Send>> {
            let answer = check();
            let task = AbortOnDrop(workers.spawn(async move { answer.await.map_err(Into::into) }));
            Box::pin(async move { task.answer().await })
        });
        let mut registered = self.registered();
        if !is_dependency_name(name) {
            let rule = "lower-case letters, digits and single underscores, up to 40";
            registered.problems.push(format!("a check cannot be called {name:?}: {rule}"));
        }
        // As long as a dependency's, where nothing else is set.
        let read = Reader(&self.sources);
        let times = read
            .of(&DEPENDENCY_TIMEOUT, None)
            .and_then(|timeout| Ok((timeout, read.of(&DEPENDENCY_GRACE, None)?)));
        match times {
            Ok((timeout, grace)) => registered.checks.push(Subject {
                name: name.to_owned(),
                criticality,
                timeout,
                grace,
                check: Check::Own(own),
            }),
            Err(problem) => registered.problems.push(problem.to_string()),
        }
    }

    /// Adds a task that runs beside the routes, once the service listens; several may have one name.
    /// One that fails or panics is told and begun again, after 1 s at first and up to a minute later
    /// (after 1 s again where it had run for more than a minute), so a loop over a dependency that
    /// comes and goes waits by itself and keeps `?` for what is not expected. It ends when it returns
    /// `Ok`; at the drain it has `server.drain_timeout` to do so, and is cut then.
    pub fn background<F, A, E>(&self, name: &'static str, work: F)
    where
        F: FnMut(Drain) -> A + Send + 'static,
        A: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.registered().background.push(Background::new(name, work));
    }

    /// Adds what is done after the last request, within what is left of `server.drain_timeout` (one
    /// second at least): closing a pool, flushing a queue. The last one added is the first one done.
    pub fn on_stop<F, A>(&self, stop: F)
    where
        F: FnOnce() -> A + Send + 'static,
        A: Future<Output = ()> + Send + 'static,
    {
        self.registered().stops.push(Box::new(move || Box::pin(stop())));
    }

    fn registered(&self) -> MutexGuard<'_, Registered> {
        self.brought.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A check that is given up ends.
struct AbortOnDrop(tokio::task::JoinHandle<Result<(), Cow<'static, str>>>);

impl AbortOnDrop {
    async fn answer(mut self) -> Result<(), Cow<'static, str>> {
        (&mut self.0).await.unwrap_or(Err(Cow::Borrowed("the check panicked")))
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
