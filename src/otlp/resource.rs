//! What all spans of the process have: who it is, and where it runs. What is set by hand counts before
//! what is found out.

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;

use super::settings::OtlpConfig;
use crate::identity::Identity;

/// The names are those of <https://opentelemetry.io/docs/specs/semconv/resource/>.
pub(super) fn of(identity: Identity, place: [Option<&str>; 2], config: &OtlpConfig) -> Resource {
    let [pod, node] = place;
    let found = [
        ("service.name", Some(identity.name)),
        ("service.version", Some(identity.version)),
        ("service.instance.id", pod),
        ("k8s.pod.name", pod),
        ("k8s.node.name", node),
        ("k8s.namespace.name", config.pod_namespace.as_deref()),
        ("host.arch", arch()),
    ];
    let found = found.into_iter().filter_map(|(name, value)| Some((name, value?.to_owned())));
    let found = found.map(|(name, value)| KeyValue::new(name, value));
    let set = config.resource_attributes.pairs.iter();
    let set = set.map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    let name = config.service_name.iter().map(|name| KeyValue::new("service.name", name.clone()));
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes(found)
        .with_attributes(set)
        .with_attributes(name)
        .build()
}

/// The processor, by the conventions' name.
fn arch() -> Option<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Some("amd64"),
        "aarch64" => Some("arm64"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::Key;

    use super::*;
    use crate::config;
    use crate::identity;
    use crate::settings::{Reader, Sources};

    #[test]
    fn what_is_set_counts_before_what_is_found() {
        let of = |more: &[(&str, &str)], attribute: &'static str| {
            let all = more.iter().chain(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318")]);
            let all = all.map(|(k, v)| (k.into(), v.into()));
            let sources = Sources::gather(&config::table(), None, all, []);
            let config = OtlpConfig::read(Reader(&sources)).unwrap().unwrap();
            let found =
                super::of(identity::TEST, [Some("p-1"), None], &config).get(&Key::new(attribute));
            found.map(|value| value.to_string())
        };
        let attributes = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,k8s.namespace.name=n");
        let is = |more: &[(&str, &str)], attribute, value: Option<&str>| {
            assert_eq!(of(more, attribute).as_deref(), value, "{attribute}");
        };
        is(&[], "service.name", Some("pcf-api"));
        is(&[attributes], "service.name", Some("a"));
        is(&[attributes, ("OTEL_SERVICE_NAME", "b")], "service.name", Some("b"));
        is(&[attributes], "k8s.namespace.name", Some("n"));
        is(&[], "service.instance.id", Some("p-1"));
        is(&[], "k8s.node.name", None);
        is(&[("POD_NAMESPACE", "m")], "k8s.namespace.name", Some("m"));
        is(&[], "telemetry.sdk.language", Some("rust"));
    }
}
