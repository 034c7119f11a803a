//! A service of one's own: who it is, what it needs, and what it serves.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use crate::body::BoxError;
use crate::config;
use crate::context::Context;
use crate::identity::Identity;
use crate::metrics::{self, Collect};
use crate::router::{Bound, Routes};
use crate::settings::{Describe, Table};

/// Begins a service of the crate that calls: its name and version are the service's, everywhere.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use pcf_api::{Error, Request, Response, Routes, response};
///
/// async fn hello(request: Request) -> Result<Response, Error> {
///     Ok(response::text(format!("Hello, {}!", request.param("name")?)))
/// }
///
/// fn main() -> ExitCode {
///     pcf_api::service!().routes(|_| Routes::new().get("/hello/{name}", hello)).run()
/// }
/// ```
#[macro_export]
macro_rules! service {
    () => {
        $crate::Builder::new(
            env!("CARGO_PKG_NAME"),
            env!("CARGO_PKG_VERSION"),
            env!("CARGO_PKG_DESCRIPTION"),
        )
    };
}

/// A service that is being described; [`service!`](crate::service!) begins one. `S` is what its
/// handlers share.
///
/// ```no_run
/// use std::process::ExitCode;
/// use std::sync::Arc;
///
/// use pcf_api::{
///     BoxError, Context, Counter, Error, Request, Response, Routes, Service, Setting, response,
/// };
///
/// static GREETING: Setting<String> =
///     Setting::new("hello.greeting", "What everyone is told.").default("Hello");
/// static GREETED: Counter = Counter::new("greeted_total", "Greetings.");
///
/// struct Hello {
///     greeting: String,
/// }
///
/// async fn start(context: Context) -> Result<Hello, BoxError> {
///     Ok(Hello { greeting: context.get(&GREETING) })
/// }
///
/// async fn greet(request: Request, hello: Arc<Hello>) -> Result<Response, Error> {
///     GREETED.inc();
///     Ok(response::text(format!("{}, {}!", hello.greeting, request.param("name")?)))
/// }
///
/// fn routes(_: &Arc<Hello>) -> Routes<Hello> {
///     Routes::new().get("/hello/{name}", greet)
/// }
///
/// // Apart from `main`, so that a test can have it too.
/// fn service() -> Service {
///     pcf_api::service!()
///         .settings(&[&GREETING])
///         .metrics(&[&GREETED])
///         .start(start)
///         .routes(routes)
/// }
///
/// fn main() -> ExitCode {
///     service().run()
/// }
/// ```
#[must_use = "it does nothing until it is run"]
pub struct Builder<S = ()> {
    about: About,
    start: Start<S>,
}

/// A service, ready to be run.
#[must_use = "it does nothing until it is run"]
pub struct Service {
    pub(crate) about: About,
    pub(crate) start: Start<Vec<Bound>>,
}

/// What there is to know of a service before it starts.
pub(crate) struct About {
    pub(crate) identity: Identity,
    settings: Vec<&'static dyn Describe>,
    required: Vec<&'static dyn Describe>,
    pub(crate) metrics: Vec<&'static dyn Collect>,
}

/// What is done at the start, and comes to something.
type Start<T> = Box<dyn FnOnce(Context) -> Started<T> + Send>;

pub(crate) type Started<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

impl Builder {
    /// A service of this name, version and description; [`service!`](crate::service!) takes them
    /// from Cargo.toml.
    pub fn new(name: &'static str, version: &'static str, description: &'static str) -> Self {
        let about = About {
            identity: Identity { name, version, description },
            settings: Vec::new(),
            required: Vec::new(),
            metrics: Vec::new(),
        };
        Self { about, start: Box::new(|_| Box::pin(async { Ok(()) })) }
    }

    /// What is done by `serve` alone, after logging has begun and before the port is bound: what it
    /// comes to is shared by all handlers. It runs on the workers, as handlers do, so pools and
    /// clients may spawn what drives their connections. An error ends the program with exit status
    /// 1, and its words and causes are the last log line and the termination message.
    pub fn start<S, F, A, E>(self, start: F) -> Builder<S>
    where
        S: Send + Sync + 'static,
        F: FnOnce(Context) -> A + Send + 'static,
        A: Future<Output = Result<S, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let start = move |context| -> Started<S> {
            Box::pin(async move { start(context).await.map_err(Into::into) })
        };
        Builder { about: self.about, start: Box::new(start) }
    }
}

impl<S: Send + Sync + 'static> Builder<S> {
    /// Adds settings of the service's own to the table: by file, environment and flag, in `--help`
    /// and `config`, checked before the start with all others.
    pub fn settings(mut self, settings: &[&'static dyn Describe]) -> Self {
        self.about.settings.extend(settings);
        self
    }

    /// Settings that may be left out and that this service cannot do without, such as
    /// [`DATABASE_URL`](crate::DATABASE_URL).
    pub fn require(mut self, settings: &[&'static dyn Describe]) -> Self {
        self.about.required.extend(settings);
        self
    }

    /// Adds metrics of the service's own to the scrape.
    pub fn metrics(mut self, metrics: &[&'static dyn Collect]) -> Self {
        self.about.metrics.extend(metrics);
        self
    }

    /// The routes, given what `start` has come to. Called by `serve` alone, after `start`.
    pub fn routes<F>(self, routes: F) -> Service
    where
        F: FnOnce(&Arc<S>) -> Routes<S> + Send + 'static,
    {
        let start = self.start;
        let bound = move |context| -> Started<Vec<Bound>> {
            Box::pin(async move {
                let state = Arc::new(start(context).await?);
                Ok(routes(&state).bind(&state))
            })
        };
        Service { about: self.about, start: Box::new(bound) }
    }
}

impl About {
    /// The whole table of settings; else the mistake in what the service declares.
    pub(crate) fn table(&self) -> Result<Table, String> {
        metrics::check_own(&self.metrics)
            .map_err(|reason| format!("a mistake in the table of metrics: {reason}"))?;
        config::table_with(&self.settings, &self.required).map_err(|error| error.to_string())
    }

    /// The rows of the service's own.
    pub(crate) fn settings(&self) -> impl Iterator<Item = &'static dyn Describe> + '_ {
        self.settings.iter().copied()
    }
}

impl<S> fmt::Debug for Builder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Builder").field(&self.about.identity).finish()
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Service").field(&self.about.identity).finish()
    }
}
