//! The route table: patterns and methods to handlers.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use hyper::Method;
use hyper::header::HeaderValue;

use crate::error::Error;
use crate::metrics::{HttpSeries, SeriesId};
use crate::request::Request;
use crate::response::Response;

/// What a handler's future comes to.
pub type HandlerResult = Result<Response, Error>;

/// A handler's future.
pub(crate) type BoxedFuture = Pin<Box<dyn Future<Output = HandlerResult> + Send>>;

/// An async function from a request to a response.
pub(crate) type Handler = Arc<dyn Fn(Request) -> BoxedFuture + Send + Sync>;

/// The routes of the service, one line each. A pattern is a path in which `{name}` stands for one
/// part and `{*name}` for the rest. Where GET is, HEAD is too.
#[derive(Default)]
pub struct Routes(Vec<Route>);

struct Route {
    method: Method,
    pattern: &'static str,
    handler: Handler,
    is_probe: bool,
}

impl Routes {
    /// No routes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route. The names of its labels and lines are the pattern's, never the path's.
    #[must_use]
    pub fn route<H, F>(self, method: Method, pattern: &'static str, handler: H) -> Self
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = HandlerResult> + Send + 'static,
    {
        self.add(method, pattern, handler, false)
    }

    /// Adds a route for GET and HEAD.
    #[must_use]
    pub fn get<H, F>(self, pattern: &'static str, handler: H) -> Self
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = HandlerResult> + Send + 'static,
    {
        self.route(Method::GET, pattern, handler)
    }

    /// Adds a route for POST.
    #[must_use]
    pub fn post<H, F>(self, pattern: &'static str, handler: H) -> Self
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = HandlerResult> + Send + 'static,
    {
        self.route(Method::POST, pattern, handler)
    }

    /// Adds a route for PUT.
    #[must_use]
    pub fn put<H, F>(self, pattern: &'static str, handler: H) -> Self
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = HandlerResult> + Send + 'static,
    {
        self.route(Method::PUT, pattern, handler)
    }

    /// Adds a route for DELETE.
    #[must_use]
    pub fn delete<H, F>(self, pattern: &'static str, handler: H) -> Self
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = HandlerResult> + Send + 'static,
    {
        self.route(Method::DELETE, pattern, handler)
    }

    /// Adds a route for GET and HEAD that those who watch the service ask: it is answered past the
    /// connection limit too, and a success is logged at DEBUG only.
    #[must_use]
    pub fn probe<H, F>(self, pattern: &'static str, handler: H) -> Self
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = HandlerResult> + Send + 'static,
    {
        self.add(Method::GET, pattern, handler, true)
    }

    fn add<H, F>(
        mut self,
        method: Method,
        pattern: &'static str,
        handler: H,
        is_probe: bool,
    ) -> Self
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = HandlerResult> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |request| Box::pin(handler(request)));
        self.0.push(Route { method, pattern, handler, is_probe });
        self
    }
}

/// Two routes that cannot both be, or a pattern that is none.
#[derive(Debug)]
pub struct RouteError(String);

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RouteError {}

/// The routes, ready to be searched.
pub(crate) struct Router {
    paths: matchit::Router<usize>,
    places: Vec<Place>,
}

/// All that answers at one pattern.
struct Place {
    pattern: &'static str,
    methods: Vec<(Method, Endpoint)>,
    allow: HeaderValue,
}

/// A handler and what is known of its route.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) pattern: &'static str,
    pub(crate) handler: Handler,
    pub(crate) series: SeriesId,
    pub(crate) is_probe: bool,
}

/// What the table says to a path and a method.
pub(crate) enum Found<'a> {
    Endpoint(&'a Endpoint, Vec<(String, String)>),
    /// The path is there; these are its methods.
    OtherMethods(&'a HeaderValue),
    Nothing,
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns: Vec<_> = self.places.iter().map(|place| place.pattern).collect();
        f.debug_tuple("Router").field(&patterns).finish()
    }
}

impl Place {
    fn has(&self, method: &Method) -> bool {
        self.methods.iter().any(|(known, _)| known == method)
    }

    /// Adds HEAD where GET is and no HEAD of the user's own, and lists the methods for `Allow`.
    fn complete(&mut self, series: &HttpSeries) -> Result<(), RouteError> {
        let get = self.methods.iter().find(|(method, _)| method == Method::GET);
        if let Some((_, get)) = get.filter(|_| !self.has(&Method::HEAD)) {
            let head = Endpoint { series: series.of_route("HEAD", self.pattern), ..get.clone() };
            self.methods.push((Method::HEAD, head));
        }
        let mut allowed: Vec<&str> = self.methods.iter().map(|(m, _)| m.as_str()).collect();
        allowed.push("OPTIONS");
        allowed.sort_unstable();
        allowed.dedup();
        self.allow = HeaderValue::try_from(allowed.join(", "))
            .map_err(|error| RouteError(format!("route {}: {error}", self.pattern)))?;
        Ok(())
    }
}

impl Router {
    /// Makes the table, and the series that its requests are counted in.
    pub(crate) fn new(routes: Routes) -> Result<(Self, HttpSeries), RouteError> {
        let mut pairs = Vec::new();
        for route in &routes.0 {
            pairs.push((method_label(&route.method), route.pattern));
            if route.method == Method::GET {
                pairs.push(("HEAD", route.pattern));
            }
        }
        let series = HttpSeries::new(pairs);
        let mut router = Self { paths: matchit::Router::new(), places: Vec::new() };
        for route in routes.0 {
            router.insert(route, &series)?;
        }
        for place in &mut router.places {
            place.complete(&series)?;
        }
        Ok((router, series))
    }

    fn insert(&mut self, route: Route, series: &HttpSeries) -> Result<(), RouteError> {
        let Route { method, pattern, handler, is_probe } = route;
        let id = series.of_route(method_label(&method), pattern);
        let endpoint = Endpoint { pattern, handler, series: id, is_probe };
        match self.places.iter_mut().find(|place| place.pattern == pattern) {
            Some(place) if place.has(&method) => {
                Err(RouteError(format!("route {pattern}: two handlers for {method}")))
            }
            Some(place) => {
                place.methods.push((method, endpoint));
                Ok(())
            }
            None => {
                self.paths
                    .insert(pattern, self.places.len())
                    .map_err(|error| RouteError(format!("route {pattern}: {error}")))?;
                let methods = vec![(method, endpoint)];
                let allow = HeaderValue::from_static("");
                self.places.push(Place { pattern, methods, allow });
                Ok(())
            }
        }
    }

    /// What answers at this path.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Found<'_> {
        let Ok(found) = self.paths.at(path) else {
            return Found::Nothing;
        };
        let Some(place) = self.places.get(*found.value) else {
            return Found::Nothing;
        };
        match place.methods.iter().find(|(known, _)| known == method) {
            Some((_, endpoint)) => {
                let own = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
                Found::Endpoint(endpoint, found.params.iter().map(own).collect())
            }
            None => Found::OtherMethods(&place.allow),
        }
    }
}

/// A method as a label: methods of a table are few, and known when the program is built.
pub(crate) fn method_label(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response;

    async fn ok(_: Request) -> HandlerResult {
        Ok(response::no_content())
    }

    fn router(routes: Routes) -> Router {
        Router::new(routes).unwrap().0
    }

    #[test]
    fn get_brings_head_and_other_methods_are_told() {
        let router = router(Routes::new().get("/a", ok).post("/a", ok).get("/a/{id}", ok));
        assert!(matches!(router.find(&Method::HEAD, "/a"), Found::Endpoint(..)));
        let Found::OtherMethods(allow) = router.find(&Method::DELETE, "/a") else { panic!() };
        assert_eq!(allow, "GET, HEAD, OPTIONS, POST");
        assert!(matches!(router.find(&Method::GET, "/b"), Found::Nothing));
        assert!(matches!(router.find(&Method::GET, "/a/"), Found::Nothing));
        let Found::Endpoint(endpoint, params) = router.find(&Method::GET, "/a/7") else { panic!() };
        assert_eq!((endpoint.pattern, params), ("/a/{id}", vec![("id".into(), "7".into())]));
    }

    #[test]
    fn a_head_of_one_s_own_takes_the_place_of_the_implied_one() {
        let routes = Routes::new().get("/a", ok).route(Method::HEAD, "/a", ok);
        assert!(Router::new(routes).is_ok());
    }

    #[test]
    fn routes_that_cannot_both_be_are_refused() {
        for routes in [
            Routes::new().get("/a", ok).get("/a", ok),
            Routes::new().get("/{a}", ok).get("/{b}", ok),
            Routes::new().get("/{a", ok),
        ] {
            assert!(Router::new(routes).is_err());
        }
    }
}
