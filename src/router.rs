//! The routes of a service: patterns and methods to handlers, with what each has of its own.

mod handler;
mod layered;
mod route;
mod table;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use tower_layer::Layer;
use tracing::Level;

pub use handler::Handler;
pub(crate) use handler::{BoxedFuture, HandlerFn, HandlerResult};
pub use layered::{HandlerService, TowerService};
pub use route::Route;
pub use table::RouteError;
pub(crate) use table::{Found, Router, method_label, other_method};

use route::{Kind, Terms, Wrap};

/// The routes of a service, or a group of them. A pattern is a path in which `{name}` stands for one
/// part and `{*name}` for the rest. Where GET is, HEAD is too.
///
/// `S` is what the handlers share: see [`Handler`].
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use pcf_api::{Error, Request, Response, Route, Routes, response};
///
/// struct Shelf(Vec<&'static str>);
///
/// async fn book(request: Request, shelf: Arc<Shelf>) -> Result<Response, Error> {
///     let number: usize = request.param_as("number")?;
///     response::json(&shelf.0.get(number))
/// }
///
/// async fn upload(request: Request) -> Result<Response, Error> {
///     Ok(response::text(format!("{} bytes", request.bytes().await?.len())))
/// }
///
/// let books: Routes<Shelf> = Routes::new().get("/{number}", book).add(
///     Route::post("/", upload).max_body_bytes(50 << 20).timeout(Duration::from_secs(300)),
/// );
/// let routes = Routes::new().group("/books", books);
/// ```
pub struct Routes<S = ()>(Vec<Route<S>>);

impl<S> Default for Routes<S> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// A route whose handler has its state.
pub(crate) struct Bound {
    method: Option<Method>,
    pattern: &'static str,
    label: &'static str,
    handler: HandlerFn,
    terms: Terms,
}

impl<S: Send + Sync + 'static> Routes<S> {
    /// No routes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route.
    #[must_use]
    #[allow(clippy::should_implement_trait, reason = "a builder's word; nothing is summed up")]
    pub fn add(mut self, route: Route<S>) -> Self {
        self.0.push(route);
        self
    }

    /// Adds a route for GET and HEAD.
    #[must_use]
    pub fn get<A>(self, pattern: &'static str, handler: impl Handler<S, A>) -> Self {
        self.add(Route::get(pattern, handler))
    }

    /// Adds a route for POST.
    #[must_use]
    pub fn post<A>(self, pattern: &'static str, handler: impl Handler<S, A>) -> Self {
        self.add(Route::post(pattern, handler))
    }

    /// Adds a route for PUT.
    #[must_use]
    pub fn put<A>(self, pattern: &'static str, handler: impl Handler<S, A>) -> Self {
        self.add(Route::put(pattern, handler))
    }

    /// Adds a route for PATCH.
    #[must_use]
    pub fn patch<A>(self, pattern: &'static str, handler: impl Handler<S, A>) -> Self {
        self.add(Route::patch(pattern, handler))
    }

    /// Adds a route for DELETE.
    #[must_use]
    pub fn delete<A>(self, pattern: &'static str, handler: impl Handler<S, A>) -> Self {
        self.add(Route::delete(pattern, handler))
    }

    /// Adds all routes of a group, each below this prefix. The group's `/` is the prefix itself.
    #[must_use]
    pub fn group(mut self, prefix: &str, group: Self) -> Self {
        self.0.extend(group.0.into_iter().map(|route| {
            let pattern = below(prefix, &route.pattern).into();
            let label = route.label.map(|label| below(prefix, &label));
            Route { pattern, label, ..route }
        }));
        self
    }

    /// Adds a `tower` service for all that is below a prefix, and for the prefix itself; it sees
    /// paths without the prefix. Limits, traces, metrics (as one route) and the drain are as for all
    /// routes; its errors are answered 500.
    ///
    /// ```
    /// # fn doc(files: impl pcf_api::TowerService) -> pcf_api::Routes {
    /// // GET /assets/app.css asks `files` (tower-http's ServeDir, say) for /app.css.
    /// pcf_api::Routes::new().mount("/assets", files)
    /// # }
    /// ```
    #[must_use]
    pub fn mount(self, prefix: &str, service: impl TowerService) -> Self {
        let prefix = prefix.trim_end_matches('/');
        let handler = layered::stripped(prefix, service.into_handler().0);
        let routes = ["", "/", "/{*rest}"].map(|rest| {
            let handler = Arc::clone(&handler);
            let route = Route::any(format!("{prefix}{rest}"), move |_| handler);
            Route { label: Some(format!("{prefix}/{{*rest}}")), ..route }
        });
        // The root has no name without its slash.
        routes.into_iter().filter(|route| !route.pattern.is_empty()).fold(self, Self::add)
    }

    /// Adds a `tower` service for all requests of a pattern, whatever their method; it sees whole
    /// paths. A gRPC service of tonic, for example, is `/package.Service/{*method}`.
    #[must_use]
    pub fn service(self, pattern: &'static str, service: impl TowerService) -> Self {
        let handler = service.into_handler().0;
        self.add(Route::any(pattern, move |_| handler))
    }

    /// Puts a `tower` layer around all routes that are here so far: the last one added is the
    /// outermost. A layer sees every request to their patterns, `OPTIONS` and other methods among
    /// them where all routes of the pattern have it, and errors as the responses that they become.
    /// Routes without layers cost nothing.
    ///
    /// ```
    /// # fn doc<L>(cors: L) -> pcf_api::Routes
    /// # where
    /// #     L: tower_layer::Layer<pcf_api::HandlerService> + Send + Sync + 'static,
    /// #     L::Service: pcf_api::TowerService,
    /// # {
    /// # use pcf_api::{Error, Request, Response, Routes, response};
    /// # async fn list(_: Request) -> Result<Response, Error> { Ok(response::no_content()) }
    /// let api = Routes::new().get("/items", list).layer(cors); // tower-http's CorsLayer, say
    /// Routes::new().group("/api", api)
    /// # }
    /// ```
    #[must_use]
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<HandlerService> + Send + Sync + 'static,
        L::Service: TowerService,
    {
        let wrap: Wrap =
            Arc::new(move |handler| layer.layer(HandlerService::new(handler)).into_handler().0);
        self.0.iter_mut().for_each(|route| route.layer(&wrap));
        self
    }

    /// [`Route::max_body_bytes`] for all routes that are here so far and have none of their own.
    #[must_use]
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        for route in &mut self.0 {
            route.terms.max_body_bytes.get_or_insert(bytes);
        }
        self
    }

    /// [`Route::timeout`] for all routes that are here so far and have none of their own.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        for route in &mut self.0 {
            route.terms.timeout.get_or_insert(limit);
        }
        self
    }

    /// [`Route::log_level`] for all routes that are here so far and have none of their own.
    #[must_use]
    pub fn log_level(mut self, level: Level) -> Self {
        for route in &mut self.0 {
            route.terms.log_level.get_or_insert(level);
        }
        self
    }

    /// The same routes with their state.
    pub(crate) fn bind(self, state: &Arc<S>) -> Vec<Bound> {
        let bound = self.0.into_iter().map(|route| {
            // A table lives as long as the process: its patterns are labels of metrics.
            let pattern: &'static str = match route.pattern {
                Cow::Borrowed(pattern) => pattern,
                Cow::Owned(pattern) => pattern.leak(),
            };
            Bound {
                method: route.method,
                pattern,
                label: route.label.map_or(pattern, |label| label.leak()),
                handler: (route.bind)(state),
                terms: route.terms,
            }
        });
        bound.collect()
    }
}

/// A pattern below a prefix.
fn below(prefix: &str, pattern: &str) -> String {
    let prefix = prefix.trim_end_matches('/');
    match pattern {
        "/" if !prefix.is_empty() => prefix.to_owned(),
        pattern => format!("{prefix}{pattern}"),
    }
}
