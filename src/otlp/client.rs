//! What asks the collector. It knows whether the collector answers, and tells when that changes: a
//! collector that is away is one line, and one when it is back.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use hyper::{Request, Response};
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{HttpClient, HttpError};

use super::FAILURES;
use super::values::Headers;
use crate::text::chain;

/// A client of the collector.
pub(super) struct Client {
    inner: HyperClient,
    url: String,
    headers: Headers,
    is_away: AtomicBool,
}

type Answer = Result<Response<Bytes>, HttpError>;

impl Client {
    /// One that waits so long for an answer.
    pub(super) fn new(url: &str, headers: Headers, timeout: Duration) -> Self {
        let inner = HyperClient::with_default_connector(timeout, None);
        Self { inner, url: url.to_owned(), headers, is_away: AtomicBool::new(false) }
    }

    fn note(&self, answer: &Answer) {
        let reason = match answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answers {}", answer.status())),
            Err(error) => Some(chain(&**error)),
        };
        if reason.is_some() {
            FAILURES.inc();
        }
        let was_away = self.is_away.swap(reason.is_some(), Relaxed);
        match reason {
            Some(reason) if !was_away => tracing::warn!(
                reason,
                url = self.url,
                "the collector takes no spans; they are tried again, and dropped where that takes too long"
            ),
            None if was_away => tracing::info!(url = self.url, "the collector takes spans again"),
            _ => {}
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.url).finish()
    }
}

impl HttpClient for Client {
    /// As the trait has it behind its macro.
    fn send_bytes<'a, 'b>(
        &'a self,
        mut request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        request.headers_mut().extend(self.headers.read());
        Box::pin(async move {
            let answer = self.inner.send_bytes(request).await;
            self.note(&answer);
            answer
        })
    }
}
