//! The routes that every service has: what is running, how it is, and its numbers. Each is made of what
//! it shows, as yours are of what your handlers share.

mod health;
mod metrics;
mod root;
mod version;

use std::future::ready;
use std::sync::Arc;

use crate::request::Request;
use crate::router::{Bound, HandlerResult, Route, Routes};

pub(crate) use health::{Live, Ready};
pub(crate) use metrics::Metrics;
pub(crate) use root::Root;
pub(crate) use version::Version;

/// What answers a request at once.
pub(crate) trait Show: Send + Sync + 'static {
    fn show(&self, request: &Request) -> HandlerResult;
}

/// The routes that every service has.
pub(crate) struct Own {
    pub(crate) root: Root,
    pub(crate) version: Version,
    pub(crate) live: Live,
    pub(crate) ready: Ready,
    pub(crate) metrics: Metrics,
}

impl Own {
    const PATHS: [&'static str; 5] = ["/", "/version", "/health", "/health/ready", "/metrics"];

    /// Their methods and paths.
    pub(crate) fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
        Self::PATHS.into_iter().flat_map(|path| [("GET", path), ("HEAD", path)])
    }

    /// All of them, for one port.
    pub(crate) fn routes(self) -> Vec<Bound> {
        let [root, version, live, ready, metrics] = Self::PATHS;
        let routes: Routes = Routes::new()
            .get(root, shown(self.root))
            .get(version, shown(self.version))
            .add(Route::own_probe(live, shown(self.live)))
            .add(Route::own_probe(ready, shown(self.ready)))
            .add(Route::own_probe(metrics, shown(self.metrics)));
        routes.bind(&Arc::default())
    }

    /// Those that the public port has beside a management port, which has all.
    pub(crate) fn public(&self) -> Vec<Bound> {
        let [_, version, live, ..] = Self::PATHS;
        let routes: Routes = Routes::new()
            .get(version, shown(self.version.clone()))
            .add(Route::own_probe(live, shown(self.live.clone())));
        routes.bind(&Arc::default())
    }
}

fn shown(what: impl Show) -> impl Fn(Request) -> std::future::Ready<HandlerResult> + Send + Sync {
    move |request| ready(what.show(&request))
}
