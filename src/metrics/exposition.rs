//! Metrics as text: the Prometheus format 0.0.4, or OpenMetrics 1.0.0 for who asks for it.

use std::fmt::{Display, Write};

use hyper::HeaderMap;
use hyper::header::HeaderValue;

use super::histogram::{Counts, Histogram};
use super::table::{Family, Kind, Metric};
use crate::negotiation::preference;

/// Which text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Prometheus,
    OpenMetrics,
}

impl Format {
    /// What the request's `Accept` asks for: OpenMetrics where it is named and not wanted less than
    /// plain text.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let open_metrics = preference(headers, "application/openmetrics-text");
        let is_wanted = open_metrics.weight > 0.0
            && open_metrics.weight >= preference(headers, "text/plain").weight;
        if open_metrics.is_named && is_wanted { Self::OpenMetrics } else { Self::Prometheus }
    }

    pub(crate) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        })
    }
}

/// The text of a scrape, written metric by metric.
pub(crate) struct Exposition {
    format: Format,
    text: String,
    family: Family,
}

impl Exposition {
    pub(crate) fn new(format: Format) -> Self {
        // The family is replaced before the first sample is written.
        let family = Metric::BuildInfo.family();
        Self { format, text: String::with_capacity(16 * 1024), family }
    }

    /// Begins a metric: what follows are its samples.
    pub(crate) fn begin(&mut self, metric: Metric) {
        self.family = metric.family();
        let kind = match self.family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // In OpenMetrics `_total` belongs to the sample, not to the family.
        let name = match self.format {
            Format::OpenMetrics => self.family.name.trim_end_matches("_total"),
            Format::Prometheus => self.family.name,
        };
        let _ = writeln!(self.text, "# HELP {name} {}", self.family.help);
        let _ = writeln!(self.text, "# TYPE {name} {kind}");
    }

    /// A sample of a counter or a gauge. The values are those of the family's labels, in order.
    pub(crate) fn sample(&mut self, labels: &[&str], value: impl Display) {
        self.name("", labels, None);
        let _ = writeln!(self.text, " {value}");
    }

    /// All samples of one histogram, which may be spread over shards.
    pub(crate) fn histogram<'a>(
        &mut self,
        labels: &[&str],
        shards: impl IntoIterator<Item = &'a Histogram>,
    ) {
        let mut counts = Counts::default();
        for shard in shards {
            shard.add_to(&mut counts);
        }
        if counts.total() == 0 {
            return;
        }
        for (bound, count) in counts.cumulative() {
            self.name("_bucket", labels, Some(bound));
            let _ = writeln!(self.text, " {count}");
        }
        self.name("_sum", labels, None);
        let _ = writeln!(self.text, " {}", counts.sum_seconds());
        self.name("_count", labels, None);
        let _ = writeln!(self.text, " {}", counts.total());
    }

    pub(crate) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    fn name(&mut self, suffix: &str, labels: &[&str], bound: Option<&str>) {
        let _ = write!(self.text, "{}{suffix}", self.family.name);
        let names = self.family.labels.iter().map(|label| label.name).chain(["le"]);
        let mut separator = '{';
        for (name, value) in names.zip(labels.iter().copied().chain(bound)) {
            let _ = write!(self.text, "{separator}{name}=\"");
            for character in value.chars() {
                match character {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    other => self.text.push(other),
                }
            }
            self.text.push('"');
            separator = ',';
        }
        if separator == ',' {
            self.text.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hyper::header::ACCEPT;

    use super::*;

    fn accepting(value: &'static str) -> Format {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, value.parse().unwrap());
        Format::of(&headers)
    }

    #[test]
    fn openmetrics_is_for_who_asks_for_it() {
        let prometheus =
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2,*/*;q=0.1";
        assert_eq!(accepting(prometheus), Format::OpenMetrics);
        assert_eq!(accepting("text/plain, application/openmetrics-text"), Format::OpenMetrics);
        assert_eq!(accepting("application/openmetrics-text;q=0"), Format::Prometheus);
        let less = "application/openmetrics-text;q=0.2, text/plain;q=0.9";
        assert_eq!(accepting(less), Format::Prometheus);
        assert_eq!(accepting("*/*"), Format::Prometheus);
        assert_eq!(Format::of(&HeaderMap::new()), Format::Prometheus);
    }

    #[test]
    fn samples_carry_the_family_s_labels_escaped() {
        let mut text = Exposition::new(Format::OpenMetrics);
        text.begin(Metric::HttpRequests);
        text.sample(&["GET", "/a\"b\\c\n", "200"], 3);
        text.begin(Metric::HttpPanics);
        text.sample(&[], 0);
        assert_eq!(
            text.finish(),
            "# HELP http_requests Requests answered.\n# TYPE http_requests counter\n\
             http_requests_total{method=\"GET\",route=\"/a\\\"b\\\\c\\n\",status=\"200\"} 3\n\
             # HELP http_panics Handlers that panicked.\n# TYPE http_panics counter\n\
             http_panics_total 0\n# EOF\n"
        );
    }

    #[test]
    fn a_histogram_adds_its_shards_up_and_is_left_out_while_it_is_empty() {
        let (one, two) = (Histogram::default(), Histogram::default());
        let mut text = Exposition::new(Format::Prometheus);
        text.begin(Metric::DependencyCheckDuration);
        text.histogram(&["empty"], [&one, &two]);
        one.record(Duration::from_millis(1));
        two.record(Duration::from_secs(1));
        text.histogram(&["db"], [&one, &two]);
        let text = text.finish();
        for part in [
            "# TYPE dependency_check_duration_seconds histogram\n",
            "dependency_check_duration_seconds_bucket{dependency=\"db\",le=\"0.001\"} 1\n",
            "dependency_check_duration_seconds_bucket{dependency=\"db\",le=\"+Inf\"} 2\n",
            "dependency_check_duration_seconds_sum{dependency=\"db\"} 1.001\n",
            "dependency_check_duration_seconds_count{dependency=\"db\"} 2\n",
        ] {
            assert!(text.contains(part), "{part:?} is not in:\n{text}");
        }
        assert!(!text.contains("empty"));
    }
}
