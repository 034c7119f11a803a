//! The settings of spans, by the names that OpenTelemetry gives them:
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/> and
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>.

use std::time::Duration;

use super::connector::Trust;
use super::sampling::{Ratio, SamplerName, Sampling};
use super::values::{Compression, Endpoint, Headers, Milliseconds, Protocol, ResourceAttributes};
use crate::settings::{Describe, HOUR, Problem, Reader, Setting, Sources, Value, key_of};

const DAY: Milliseconds = Milliseconds(HOUR.saturating_mul(24));
const AT_ONCE: Milliseconds = Milliseconds(Duration::from_millis(1));

/// The collector.
pub static ENDPOINT: Setting<Option<Endpoint>> = Setting::new(
    "otel.endpoint",
    "The collector that gets spans, by OTLP over HTTP, at /v1/traces below it. Without it there are none. \
     https needs the feature tls.",
)
.env(&["OTEL_EXPORTER_OTLP_ENDPOINT"]);

/// The whole URL in place of the collector.
pub static TRACES_ENDPOINT: Setting<Option<Endpoint>> = Setting::new(
    "otel.traces_endpoint",
    "The whole URL that gets spans, in place of otel.endpoint.",
)
.env(&["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]);

/// Who issues the collector's certificate.
pub static CERTIFICATE: Setting<Option<String>> = Setting::new(
    "otel.certificate",
    "File with the certificates, in PEM, of those who may issue the collector's, for https. Without it \
     those of the system count: SSL_CERT_FILE, or where the distribution has them. It is read at the \
     start, and again when the collector does not answer.",
)
.env(&["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"]);

/// How spans are written.
pub static PROTOCOL: Setting<Protocol> = Setting::new("otel.protocol", "How spans are sent.")
    .env(&["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"])
    .default("http/protobuf");

/// What a request to the collector has besides.
pub static HEADERS: Setting<Option<Headers>> = Setting::new(
    "otel.headers",
    "Header fields for the collector, such as a token: name=value,name=value, percent-encoded.",
)
.env(&["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"]);

/// Whether what is sent is made smaller.
pub static COMPRESSION: Setting<Compression> =
    Setting::new("otel.compression", "gzip or none: gzip costs time and saves traffic.")
        .env(&["OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"])
        .default("none");

/// How long the collector may take to answer.
pub static TIMEOUT: Setting<Milliseconds> = Setting::new(
    "otel.timeout",
    "How long the collector may take for a batch; at the drain, for all that is left.",
)
.env(&["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"])
.default("10s")
.range(AT_ONCE, DAY);

/// Which traces are sampled.
pub static SAMPLER: Setting<SamplerName> = Setting::new(
    "otel.traces_sampler",
    "Which traces are sampled. parentbased_: as their traceparent says, and the rest by what follows.",
)
.env(&["OTEL_TRACES_SAMPLER"])
.default("parentbased_always_on");

/// How many of them.
pub static SAMPLER_ARG: Setting<Ratio> =
    Setting::new("otel.traces_sampler_arg", "The part of traces that traceidratio samples.")
        .env(&["OTEL_TRACES_SAMPLER_ARG"])
        .default("1");

/// The name of the service.
pub static SERVICE_NAME: Setting<Option<String>> = Setting::new(
    "otel.service_name",
    "service.name of the spans; without it, that of otel.resource_attributes, else the service's own.",
)
.env(&["OTEL_SERVICE_NAME"]);

/// What else is known of where it runs.
pub static RESOURCE_ATTRIBUTES: Setting<ResourceAttributes> = Setting::new(
    "otel.resource_attributes",
    "What all spans of this process have: name=value,name=value, percent-encoded.",
)
.env(&["OTEL_RESOURCE_ATTRIBUTES"])
.default("");

/// The namespace this runs in.
pub static POD_NAMESPACE: Setting<Option<String>> = Setting::new(
    "otel.pod_namespace",
    "Namespace of the pod, from the downward API: k8s.namespace.name of the spans.",
)
.env(&["POD_NAMESPACE"]);

/// Whether there are no spans after all.
pub static SDK_DISABLED: Setting<bool> =
    Setting::new("otel.sdk_disabled", "true: no spans, whatever else is set.")
        .env(&["OTEL_SDK_DISABLED"])
        .default("false");

/// How many spans may wait.
pub static MAX_QUEUE_SIZE: Setting<usize> = Setting::new(
    "otel.bsp_max_queue_size",
    "Most spans that wait to be sent; more are dropped and counted.",
)
.env(&["OTEL_BSP_MAX_QUEUE_SIZE"])
.default("2048")
.range(1, 32_768);

/// How many are sent together.
pub static MAX_BATCH_SIZE: Setting<usize> =
    Setting::new("otel.bsp_max_export_batch_size", "Most spans that are sent at a time.")
        .env(&["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"])
        .default("512")
        .range(1, 32_768);

/// How long they wait for others.
pub static SCHEDULE_DELAY: Setting<Milliseconds> = Setting::new(
    "otel.bsp_schedule_delay",
    "How long spans wait for others before they are sent with them.",
)
.env(&["OTEL_BSP_SCHEDULE_DELAY"])
.default("5s")
.range(AT_ONCE, DAY);

/// How long a batch is tried.
pub static EXPORT_TIMEOUT: Setting<Milliseconds> = Setting::new(
    "otel.bsp_export_timeout",
    "How long a batch is tried again where the collector does not answer; then it is dropped and counted.",
)
.env(&["OTEL_BSP_EXPORT_TIMEOUT"])
.default("30s")
.range(AT_ONCE, DAY);

/// The rows of the table.
pub(crate) static ROWS: [&dyn Describe; 17] = [
    &ENDPOINT,
    &TRACES_ENDPOINT,
    &CERTIFICATE,
    &PROTOCOL,
    &HEADERS,
    &COMPRESSION,
    &TIMEOUT,
    &SAMPLER,
    &SAMPLER_ARG,
    &SERVICE_NAME,
    &RESOURCE_ATTRIBUTES,
    &POD_NAMESPACE,
    &SDK_DISABLED,
    &MAX_QUEUE_SIZE,
    &MAX_BATCH_SIZE,
    &SCHEDULE_DELAY,
    &EXPORT_TIMEOUT,
];

/// Where spans go, and which. Each field is the setting of the same name.
#[derive(Clone, Debug)]
pub(crate) struct OtlpConfig {
    /// The whole URL.
    pub(super) url: String,
    pub(super) trust: Trust,
    pub(super) headers: Headers,
    pub(super) is_compressed: bool,
    pub(super) timeout: Duration,
    pub(super) sampling: Sampling,
    pub(super) service_name: Option<String>,
    pub(super) resource_attributes: ResourceAttributes,
    pub(super) pod_namespace: Option<String>,
    pub(super) max_queue_size: usize,
    pub(super) max_batch_size: usize,
    pub(super) schedule_delay: Duration,
    pub(super) export_timeout: Duration,
}

impl OtlpConfig {
    /// None where there is no collector, or no spans are wanted.
    pub(crate) fn read(read: Reader<'_>) -> Result<Option<Self>, Problem> {
        let Some(url) = url(read)? else { return Ok(None) };
        Ok(Some(Self {
            trust: Trust::read(read, &url)?,
            url,
            headers: read.get(&HEADERS)?.unwrap_or_default(),
            is_compressed: read.get(&COMPRESSION)? == Compression::Gzip,
            timeout: read.get(&TIMEOUT)?.0,
            sampling: Sampling::new(read.get(&SAMPLER)?, read.get(&SAMPLER_ARG)?),
            service_name: read.get(&SERVICE_NAME)?,
            resource_attributes: read.get(&RESOURCE_ATTRIBUTES)?,
            pod_namespace: read.get(&POD_NAMESPACE)?,
            max_queue_size: read.get(&MAX_QUEUE_SIZE)?,
            max_batch_size: read.get(&MAX_BATCH_SIZE)?,
            schedule_delay: read.get(&SCHEDULE_DELAY)?.0,
            export_timeout: read.get(&EXPORT_TIMEOUT)?.0,
        }))
    }
}

/// Where spans go.
fn url(read: Reader<'_>) -> Result<Option<String>, Problem> {
    let url = match (read.get(&TRACES_ENDPOINT)?, read.get(&ENDPOINT)?) {
        (Some(whole), _) => Some(whole.show()),
        (None, Some(base)) => Some(format!("{}/v1/traces", base.show().trim_end_matches('/'))),
        (None, None) => None,
    };
    Ok(if read.get(&SDK_DISABLED)? { None } else { url })
}

/// What is wrong with settings that are right one by one.
pub(crate) fn check(sources: &Sources) -> impl Iterator<Item = Problem> {
    let read = Reader(sources);
    check_batch(read).into_iter().chain(check_trust(read))
}

/// A batch is no larger than the queue.
fn check_batch(read: Reader<'_>) -> Option<Problem> {
    let (batch, queue) = (read.get(&MAX_BATCH_SIZE).ok()?, read.get(&MAX_QUEUE_SIZE).ok()?);
    let origin = [&MAX_BATCH_SIZE, &MAX_QUEUE_SIZE]
        .into_iter()
        .find_map(|row| read.0.find(row, None))?
        .origin;
    (batch > queue).then(|| {
        let key = key_of(&MAX_BATCH_SIZE, None);
        let reason = format!("{batch} are more than otel.bsp_max_queue_size, {queue}");
        Problem::new(&key, &origin, reason)
    })
}

/// There is someone to believe.
fn check_trust(read: Reader<'_>) -> Option<Problem> {
    let url = url(read).ok()??;
    Trust::read(read, &url).ok()?.check(read)
}
