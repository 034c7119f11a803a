//! What asks the collector. It knows whether the collector answers, and tells when that changes: a
//! collector that is away is one line, and one when it is back.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};

use super::FAILURES;
use super::connector::{Connected, Trust, why};
use super::settings::OtlpConfig;
use super::values::Headers;
use crate::text::chain;

/// A client of the collector.
pub(super) struct Client {
    /// None after no answer: the next one believes those whose certificates are there then.
    connected: Mutex<Option<Connected>>,
    trust: Trust,
    timeout: Duration,
    url: String,
    headers: Headers,
    is_away: AtomicBool,
}

type Answer = Result<Response<Bytes>, HttpError>;

impl Client {
    pub(super) fn new(config: &OtlpConfig) -> Self {
        Self {
            connected: Mutex::new(None),
            trust: config.trust.clone(),
            timeout: config.timeout,
            url: config.url.clone(),
            headers: config.headers.clone(),
            is_away: AtomicBool::new(false),
        }
    }

    fn connected(&self) -> Result<Connected, HttpError> {
        let mut connected = self.lock();
        if let Some(connected) = &*connected {
            return Ok(connected.clone());
        }
        Ok(connected.insert(self.trust.connect(self.timeout)?).clone())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Connected>> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, request: Request<Bytes>) -> Answer {
        self.connected()?.send_bytes(request).await
    }

    fn note(&self, answer: &Answer) {
        let reason = match answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answers {}", answer.status())),
            Err(error) => Some(match why(&**error) {
                Some(reason) => format!("no TLS: {reason}"),
                None => chain(&**error),
            }),
        };
        if reason.is_some() {
            FAILURES.inc();
        }
        if answer.is_err() {
            *self.lock() = None;
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
            let answer = self.send(request).await;
            self.note(&answer);
            answer
        })
    }
}
