//! The span of a request, after OpenTelemetry's conventions for HTTP servers:
//! <https://opentelemetry.io/docs/specs/semconv/http/http-spans/>. No query string, which may hold a
//! secret, and no address of a client.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use hyper::header::{HOST, USER_AGENT};
use hyper::{HeaderMap, Method, Uri, Version};
use opentelemetry::trace::{Event, SpanContext, SpanId, SpanKind, Status};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::queue::Queue;

/// Most events of a request's span: OpenTelemetry's own limit. More are counted.
const MAX_EVENTS: usize = 128;

/// Most bytes of what a client may choose, so that a full queue stays small.
const MAX_TEXT: usize = 512;

/// What has no name of its own in the conventions.
const OTHER: &str = "_OTHER";

/// The head of a request, as far as its span tells of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) version: Version,
    pub(crate) headers: &'a HeaderMap,
    /// That of the connection.
    pub(crate) scheme: &'static str,
    /// The pattern of its route, where there is one.
    pub(crate) route: Option<&'static str>,
}

/// The span of a request that is worked on. It is sent when it ends.
#[derive(Debug)]
pub(super) struct RequestSpan {
    data: Mutex<Option<SpanData>>,
    queue: Queue,
}

impl RequestSpan {
    pub(super) fn begin(
        queue: &Queue,
        scope: &InstrumentationScope,
        head: Head<'_>,
        context: SpanContext,
        parent: Option<SpanId>,
    ) -> Arc<Self> {
        let start = SystemTime::now();
        let data = SpanData {
            span_context: context,
            parent_span_id: parent.unwrap_or(SpanId::INVALID),
            parent_span_is_remote: parent.is_some(),
            span_kind: SpanKind::Server,
            name: head.name().into(),
            start_time: start,
            end_time: start,
            attributes: head.attributes(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: scope.clone(),
        };
        Arc::new(Self { data: Mutex::new(Some(data)), queue: queue.clone() })
    }

    /// Something has happened in it.
    pub(super) fn add(&self, event: Event) {
        if let Some(data) = &mut *self.data() {
            if data.events.events.len() < MAX_EVENTS {
                data.events.events.push(event);
            } else {
                data.events.dropped_count += 1;
            }
        }
    }

    /// It is answered; none: it got no answer.
    pub(super) fn end(&self, status: Option<u16>, took: Duration) {
        let Some(mut data) = self.data().take() else { return };
        data.end_time = data.start_time + took;
        match status {
            Some(status) => {
                data.attributes.push(KeyValue::new("http.response.status_code", i64::from(status)));
                // A mistake of the client is none of the server.
                if status >= 500 {
                    data.attributes.push(KeyValue::new("error.type", status.to_string()));
                    data.status = Status::error("");
                }
            }
            None => data.attributes.push(KeyValue::new("error.type", "no_answer")),
        }
        self.queue.push(data);
    }

    fn data(&self) -> MutexGuard<'_, Option<SpanData>> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Head<'_> {
    /// The method's name where the conventions know it.
    fn method(&self) -> &'static str {
        const KNOWN: [&str; 10] = [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "QUERY",
        ];
        let known = KNOWN.into_iter().find(|known| *known == self.method.as_str());
        known.unwrap_or(OTHER)
    }

    fn name(&self) -> String {
        let method = match self.method() {
            OTHER => "HTTP",
            method => method,
        };
        match self.route {
            Some(route) => format!("{method} {route}"),
            None => method.to_owned(),
        }
    }

    fn attributes(&self) -> Vec<KeyValue> {
        // Room for what the end adds.
        let mut all = Vec::with_capacity(12);
        let method = self.method();
        all.push(KeyValue::new("http.request.method", method));
        if method == OTHER {
            all.push(KeyValue::new("http.request.method_original", cut(self.method.as_str())));
        }
        all.push(KeyValue::new("url.path", cut(self.uri.path())));
        all.push(KeyValue::new("url.scheme", self.scheme()));
        if let Some(route) = self.route {
            all.push(KeyValue::new("http.route", route));
        }
        let version = if self.version == Version::HTTP_2 {
            "2"
        } else if self.version == Version::HTTP_10 {
            "1.0"
        } else {
            "1.1"
        };
        all.push(KeyValue::new("network.protocol.version", version));
        if let Some((host, port)) = self.server() {
            all.push(KeyValue::new("server.address", cut(host)));
            if let Some(port) = port {
                all.push(KeyValue::new("server.port", i64::from(port)));
            }
        }
        if let Some(agent) = self.field(USER_AGENT.as_str()) {
            all.push(KeyValue::new("user_agent.original", cut(agent)));
        }
        all
    }

    /// As the client saw it, where something in front of the service tells.
    fn scheme(&self) -> &'static str {
        match self.field("x-forwarded-proto") {
            Some("https") => "https",
            Some("http") => "http",
            _ => self.scheme,
        }
    }

    /// Whom the client asked.
    fn server(&self) -> Option<(&str, Option<u16>)> {
        let authority = match self.uri.authority() {
            Some(authority) => authority.as_str(),
            None => self.field(HOST.as_str())?,
        };
        let end_of_host = authority.rfind(']').map_or(0, |end| end + 1);
        let (host, port) = match authority.get(end_of_host..)?.rsplit_once(':') {
            Some((_, port)) => {
                (authority.strip_suffix(port)?.strip_suffix(':')?, port.parse().ok())
            }
            None => (authority, None),
        };
        (!host.is_empty()).then_some((host, port))
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A text up to the bound.
pub(super) fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(MAX_TEXT);
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use opentelemetry::trace::{TraceFlags, TraceId, TraceState};

    use super::*;

    fn context() -> SpanContext {
        let state = TraceState::default();
        SpanContext::new(TraceId::from(1), SpanId::from(2), TraceFlags::SAMPLED, false, state)
    }

    fn ended(method: &str, uri: &str, fields: &[(&str, &str)], status: Option<u16>) -> SpanData {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name: hyper::header::HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        let (queue, mut spans) = Queue::new(1, 1);
        let head = Head {
            method: &method.parse().unwrap(),
            uri: &uri.parse().unwrap(),
            version: Version::HTTP_11,
            headers: &headers,
            scheme: "http",
            route: uri.contains("orders").then_some("/orders/{id}"),
        };
        let scope = InstrumentationScope::builder("test").build();
        let span = RequestSpan::begin(&queue, &scope, head, context(), None);
        span.end(status, Duration::from_millis(3));
        span.end(status, Duration::from_millis(9));
        spans.try_recv().unwrap()
    }

    fn attributes(span: &SpanData) -> BTreeMap<&str, String> {
        span.attributes.iter().map(|pair| (pair.key.as_str(), pair.value.to_string())).collect()
    }

    #[test]
    fn the_attributes_are_those_of_the_conventions_and_no_query_or_address_of_a_client() {
        let fields = [
            ("host", "shop.example:8443"),
            ("user-agent", "curl/8"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-for", "203.0.113.7"),
        ];
        let span = ended("GET", "/orders/7?token=hunter2", &fields, Some(200));
        assert_eq!(span.name, "GET /orders/{id}");
        assert_eq!(span.end_time, span.start_time + Duration::from_millis(3));
        assert_eq!(
            (span.status.clone(), span.span_kind.clone()),
            (Status::Unset, SpanKind::Server)
        );
        let expected = [
            ("http.request.method", "GET"),
            ("http.response.status_code", "200"),
            ("http.route", "/orders/{id}"),
            ("network.protocol.version", "1.1"),
            ("server.address", "shop.example"),
            ("server.port", "8443"),
            ("url.path", "/orders/7"),
            ("url.scheme", "https"),
            ("user_agent.original", "curl/8"),
        ];
        assert_eq!(attributes(&span), expected.map(|(k, v)| (k, v.to_owned())).into());
    }

    #[test]
    fn only_the_server_s_own_failure_is_an_error() {
        let client = ended("GET", "/orders/x", &[], Some(404));
        assert_eq!(client.status, Status::Unset);
        assert!(!attributes(&client).contains_key("error.type"));
        let server = ended("GET", "/orders/x", &[], Some(503));
        assert_eq!(server.status, Status::error(""));
        assert_eq!(attributes(&server)["error.type"], "503");
        let none = ended("GET", "/orders/x", &[], None);
        assert_eq!(
            (none.status.clone(), &*attributes(&none)["error.type"]),
            (Status::Unset, "no_answer")
        );
        assert!(!attributes(&none).contains_key("http.response.status_code"));
    }

    #[test]
    fn a_method_that_nobody_knows_is_other_and_what_a_client_chooses_is_bounded() {
        let long = "a".repeat(5000);
        let span = ended("FOO", "/x", &[("user-agent", &long), ("host", "[::1]")], Some(404));
        assert_eq!(span.name, "HTTP");
        let found = attributes(&span);
        assert_eq!(found["http.request.method"], OTHER);
        assert_eq!(found["http.request.method_original"], "FOO");
        assert_eq!(found["user_agent.original"].len(), MAX_TEXT);
        assert_eq!(found["server.address"], "[::1]");
        assert!(!found.contains_key("http.route") && !found.contains_key("server.port"));
    }
}
