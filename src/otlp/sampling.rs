//! Which traces are kept: OpenTelemetry's own samplers, by the names of `OTEL_TRACES_SAMPLER`.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanKind, TraceContextExt, TraceId};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample};

use crate::settings::Value;

/// The name of a sampler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SamplerName {
    is_parent_based: bool,
    root: Root,
}

/// What is done with a trace that begins here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Root {
    AlwaysOn,
    AlwaysOff,
    TraceIdRatio,
}

impl Value for SamplerName {
    const EXPECTED: &'static str =
        "always_on, always_off, traceidratio, or one of these behind parentbased_";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let root = text.strip_prefix("parentbased_");
        let is_parent_based = root.is_some();
        let root = match root.unwrap_or(text) {
            "always_on" => Root::AlwaysOn,
            "always_off" => Root::AlwaysOff,
            "traceidratio" => Root::TraceIdRatio,
            _ => return Err(None),
        };
        Ok(Self { is_parent_based, root })
    }

    fn show(&self) -> String {
        let root = match self.root {
            Root::AlwaysOn => "always_on",
            Root::AlwaysOff => "always_off",
            Root::TraceIdRatio => "traceidratio",
        };
        format!("{}{root}", if self.is_parent_based { "parentbased_" } else { "" })
    }
}

/// A part of all traces, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio(f64);

impl Value for Ratio {
    const EXPECTED: &'static str = "a number from 0 to 1, such as 0.01";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let ratio: f64 = text.parse().map_err(|_| None)?;
        if (0.0..=1.0).contains(&ratio) { Ok(Self(ratio)) } else { Err(None) }
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// Decides which traces are sampled.
#[derive(Clone, Debug)]
pub(super) struct Sampling {
    pub(super) sampler: Sampler,
    /// As it is shown to people.
    pub(super) shown: String,
}

impl Sampling {
    pub(super) fn new(name: SamplerName, ratio: Ratio) -> Self {
        let root = match name.root {
            Root::AlwaysOn => Sampler::AlwaysOn,
            Root::AlwaysOff => Sampler::AlwaysOff,
            Root::TraceIdRatio => Sampler::TraceIdRatioBased(ratio.0),
        };
        let is_parent_based = name.is_parent_based;
        let sampler = if is_parent_based { Sampler::ParentBased(Box::new(root)) } else { root };
        let shown = match name.root {
            Root::TraceIdRatio => format!("{} {}", name.show(), ratio.show()),
            _ => name.show(),
        };
        Self { sampler, shown }
    }

    /// Whether a span of this trace is sampled.
    pub(super) fn decide(&self, trace_id: TraceId, parent: Option<&SpanContext>) -> bool {
        let parent = parent.map(|parent| Context::new().with_remote_span_context(parent.clone()));
        let decided =
            self.sampler.should_sample(parent.as_ref(), trace_id, "", &SpanKind::Server, &[], &[]);
        decided.decision == SamplingDecision::RecordAndSample
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanId, TraceFlags, TraceState};

    use super::*;

    fn sampling(name: &str, ratio: &str) -> Sampling {
        Sampling::new(SamplerName::parse(name).unwrap(), Ratio::parse(ratio).unwrap())
    }

    #[test]
    fn names_and_ratios_are_those_of_the_specification() {
        for name in ["always_on", "always_off", "traceidratio", "parentbased_traceidratio"] {
            assert_eq!(SamplerName::parse(name).ok().unwrap().show(), name);
        }
        for wrong in ["", "parentbased_", "jaeger_remote", "ALWAYS_ON", "parentbased_xray"] {
            assert!(SamplerName::parse(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "-0.1", "1.01", "NaN", "half", "inf"] {
            assert!(Ratio::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(sampling("traceidratio", "0.010").shown, "traceidratio 0.01");
    }

    #[test]
    fn the_parent_decides_where_the_sampler_is_based_on_it() {
        let id = TraceId::from(7);
        let parent =
            |flags| SpanContext::new(id, SpanId::from(9), flags, true, TraceState::default());
        let (kept, not) = (parent(TraceFlags::SAMPLED), parent(TraceFlags::default()));
        for (name, of_root, of_kept, of_not) in [
            ("always_on", true, true, true),
            ("always_off", false, false, false),
            ("parentbased_always_on", true, true, false),
            ("parentbased_always_off", false, true, false),
        ] {
            let sampling = sampling(name, "1");
            assert_eq!(sampling.decide(id, None), of_root, "{name}");
            assert_eq!(sampling.decide(id, Some(&kept)), of_kept, "{name}");
            assert_eq!(sampling.decide(id, Some(&not)), of_not, "{name}");
        }
    }

    #[test]
    fn a_ratio_keeps_that_part_of_the_traces() {
        let sampling = sampling("parentbased_traceidratio", "0.1");
        let kept = (0..10_000)
            .filter(|_| sampling.decide(TraceId::from(fastrand::u128(1..)), None))
            .count();
        assert!((800..1200).contains(&kept), "{kept}");
    }
}
