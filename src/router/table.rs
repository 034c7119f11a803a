//! The table of routes, ready to be searched.

use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use hyper::header::{ALLOW, HeaderValue};
use tracing::Level;

use super::handler::{HandlerFn, HandlerResult};
use super::{Bound, Kind, Terms, Wrap};
use crate::code::Code;
use crate::error::Error;
use crate::metrics::{HttpSeries, SeriesId};
use crate::response::{self, Response};

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
    own: Vec<&'static str>,
}

/// All that answers at one pattern.
struct Place {
    pattern: &'static str,
    methods: Vec<(Method, Endpoint)>,
    /// For whatever other method.
    any: Option<Endpoint>,
    allow: HeaderValue,
    /// What answers other methods where that is behind layers.
    other: Option<Endpoint>,
    /// Those that all of its routes have, the innermost first.
    layers: Vec<Wrap>,
}

/// A handler and what is known of its route.
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// What it is called in metrics and log lines.
    pub(crate) label: &'static str,
    pub(crate) handler: HandlerFn,
    series: SeriesId,
    is_any: bool,
    /// Whether those who watch the service ask it.
    pub(crate) is_probe: bool,
    pub(crate) log_level: Level,
    pub(crate) max_body_bytes: Option<usize>,
    pub(crate) timeout: Option<Duration>,
}

/// What the table says to a path and a method.
pub(crate) enum Found<'a> {
    Endpoint(&'a Endpoint, Vec<(String, String)>),
    /// The path is there; these are its methods.
    OtherMethods(&'a HeaderValue),
    /// The same, behind layers.
    Layered(&'a Endpoint),
    Nothing,
}

impl Found<'_> {
    /// What answers, where there is something.
    pub(crate) fn endpoint(&self) -> Option<&Endpoint> {
        match self {
            Self::Endpoint(endpoint, _) | Self::Layered(endpoint) => Some(endpoint),
            Self::OtherMethods(_) | Self::Nothing => None,
        }
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns: Vec<_> = self.places.iter().map(|place| place.pattern).collect();
        f.debug_tuple("Router").field(&patterns).finish()
    }
}

impl Bound {
    /// The pairs of method and pattern that are counted each.
    pub(crate) fn pairs(&self) -> Vec<(&'static str, &'static str)> {
        let own = self.method.as_ref().map(|method| (method_label(method), self.label));
        let head = own.filter(|(method, _)| *method == "GET").map(|(_, label)| ("HEAD", label));
        // Behind layers, other methods are requests of the route too.
        let is_any = own.is_none() || !self.terms.layers.is_empty();
        let any = is_any.then(|| HttpSeries::METHODS.map(|method| (method, self.label)));
        any.into_iter().flatten().chain(own).chain(head).collect()
    }

    fn endpoint(&self, series: &HttpSeries) -> Endpoint {
        let Terms { max_body_bytes, timeout, log_level, kind, layers } = &self.terms;
        let series = match &self.method {
            None => series.of_any_route(self.label),
            Some(method) => series.of_route(method_label(method), self.label),
        };
        Endpoint {
            label: self.label,
            handler: wrapped(Arc::clone(&self.handler), layers),
            series,
            is_any: self.method.is_none(),
            is_probe: *kind != Kind::Normal,
            log_level: log_level.unwrap_or(Level::INFO),
            max_body_bytes: *max_body_bytes,
            timeout: *timeout,
        }
    }
}

impl Endpoint {
    /// Where its requests of this method are counted.
    pub(crate) fn series(&self, method: &Method) -> SeriesId {
        if self.is_any { HttpSeries::of_any(self.series, method) } else { self.series }
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
            let head = Endpoint { series: series.of_route("HEAD", get.label), ..get.clone() };
            self.methods.push((Method::HEAD, head));
        }
        let mut allowed: Vec<&str> = Vec::new();
        for method in self.methods.iter().map(|(method, _)| method.as_str()).chain(["OPTIONS"]) {
            if let Err(place) = allowed.binary_search(&method) {
                allowed.insert(place, method);
            }
        }
        self.allow = HeaderValue::try_from(allowed.join(", "))
            .map_err(|error| RouteError(format!("route {}: {error}", self.pattern)))?;
        if let Some((_, first)) = self.methods.first().filter(|_| !self.layers.is_empty()) {
            let allow = self.allow.clone();
            let inner: HandlerFn =
                Arc::new(move |request| Box::pin(ready(other_method(request.method(), &allow))));
            self.other = Some(Endpoint {
                handler: wrapped(inner, &self.layers),
                series: series.of_any_route(first.label),
                is_any: true,
                is_probe: false,
                ..first.clone()
            });
        }
        Ok(())
    }
}

fn wrapped(handler: HandlerFn, layers: &[Wrap]) -> HandlerFn {
    layers.iter().fold(handler, |handler, wrap| wrap(handler))
}

/// The layers that two routes have in common, from the outermost on.
fn common(one: &[Wrap], other: &[Wrap]) -> Vec<Wrap> {
    let pairs = one.iter().rev().zip(other.iter().rev());
    let count = pairs.take_while(|(one, other)| Arc::ptr_eq(one, other)).count();
    one.iter().skip(one.len() - count).cloned().collect()
}

/// The answer to a method that a path does not have. RFC 9110, 9.3.7: `OPTIONS` asks for its methods.
pub(crate) fn other_method(method: &Method, allow: &HeaderValue) -> HandlerResult {
    if method == Method::OPTIONS {
        return Ok(options(allow.clone()));
    }
    let message = "this path is there, but not for this method";
    Err(Error::new(Code::METHOD_NOT_ALLOWED, message).with_header(ALLOW, allow.clone()))
}

fn options(allow: HeaderValue) -> Response {
    let mut response = response::no_content();
    response.headers_mut().insert(ALLOW, allow);
    response
}

impl Router {
    /// Makes the table of routes that are counted in these series.
    pub(crate) fn new(routes: Vec<Bound>, series: &HttpSeries) -> Result<Self, RouteError> {
        let own = routes.iter().filter(|route| route.terms.kind == Kind::OwnProbe);
        let own = own.map(|route| route.pattern).collect();
        let mut router = Self { paths: matchit::Router::new(), places: Vec::new(), own };
        for route in routes {
            router.insert(route, series)?;
        }
        for place in &mut router.places {
            place.complete(series)?;
        }
        Ok(router)
    }

    fn insert(&mut self, route: Bound, series: &HttpSeries) -> Result<(), RouteError> {
        let pattern = route.pattern;
        let endpoint = route.endpoint(series);
        let place = self.place(pattern)?;
        let is_there = match &route.method {
            None => place.any.is_some(),
            Some(method) => place.has(method),
        };
        if is_there {
            let method = route.method.as_ref().map_or("any method", |method| method.as_str());
            return Err(RouteError(format!("route {pattern}: two handlers for {method}")));
        }
        if place.methods.is_empty() && place.any.is_none() {
            place.layers = route.terms.layers;
        } else {
            place.layers = common(&place.layers, &route.terms.layers);
        }
        match route.method {
            None => place.any = Some(endpoint),
            Some(method) => place.methods.push((method, endpoint)),
        }
        Ok(())
    }

    /// The place of a pattern, a new one where there is none.
    fn place(&mut self, pattern: &'static str) -> Result<&mut Place, RouteError> {
        let wrong = |reason: String| RouteError(format!("route {pattern}: {reason}"));
        let known = self.places.iter().position(|place| place.pattern == pattern);
        let index = known.unwrap_or(self.places.len());
        if known.is_none() {
            if !pattern.starts_with('/') {
                return Err(wrong("a pattern begins with a slash".to_owned()));
            }
            self.paths.insert(pattern, index).map_err(|error| wrong(error.to_string()))?;
            let allow = HeaderValue::from_static("");
            let (methods, layers) = (Vec::new(), Vec::new());
            self.places.push(Place { pattern, methods, any: None, allow, other: None, layers });
        }
        self.places.get_mut(index).ok_or_else(|| wrong("it has no place".to_owned()))
    }

    /// The paths that the thread that runs no handler answers, for GET and HEAD.
    pub(crate) fn own_paths(&self) -> impl Iterator<Item = &'static str> {
        self.own.iter().copied()
    }

    /// What answers at this path.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Found<'_> {
        let Ok(found) = self.paths.at(path) else {
            return Found::Nothing;
        };
        let Some(place) = self.places.get(*found.value) else {
            return Found::Nothing;
        };
        let own = place.methods.iter().find(|(known, _)| known == method);
        match own.map(|(_, endpoint)| endpoint).or(place.any.as_ref()) {
            Some(endpoint) => {
                let own = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
                Found::Endpoint(endpoint, found.params.iter().map(own).collect())
            }
            None => match &place.other {
                Some(other) => Found::Layered(other),
                None => Found::OtherMethods(&place.allow),
            },
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

    use crate::request::Request;
    use crate::router::{Route, Routes};

    fn made(routes: Routes) -> Result<Router, RouteError> {
        let routes = routes.bind(&Arc::default());
        let series = HttpSeries::new(routes.iter().flat_map(Bound::pairs));
        Router::new(routes, &series)
    }

    async fn ok(_: Request) -> HandlerResult {
        Ok(response::no_content())
    }

    fn router(routes: Routes) -> Router {
        made(routes).unwrap()
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
        assert_eq!((endpoint.label, params), ("/a/{id}", vec![("id".into(), "7".into())]));
    }

    #[test]
    fn a_head_of_one_s_own_takes_the_place_of_the_implied_one() {
        let routes = Routes::new().get("/a", ok).add(Route::new(Method::HEAD, "/a", ok));
        assert!(made(routes).is_ok());
    }

    #[test]
    fn a_group_is_below_its_prefix() {
        let inner = Routes::new().get("/", ok).get("/{id}", ok);
        let router = router(Routes::new().group("/a/", Routes::new().group("/b", inner)));
        for (path, pattern) in [("/a/b", "/a/b"), ("/a/b/7", "/a/b/{id}")] {
            let Found::Endpoint(endpoint, _) = router.find(&Method::GET, path) else { panic!() };
            assert_eq!(endpoint.label, pattern);
        }
        assert!(matches!(router.find(&Method::GET, "/a"), Found::Nothing));
    }

    #[test]
    fn routes_that_cannot_both_be_are_refused() {
        for routes in [
            Routes::new().get("/a", ok).get("/a", ok),
            Routes::new().get("/{a}", ok).get("/{b}", ok),
            Routes::new().get("/{a", ok),
            Routes::new().get("a", ok),
            Routes::new().group("/a", Routes::new().get("/", ok)).get("/a", ok),
        ] {
            assert!(made(routes).is_err());
        }
    }
}
