//! Metrics as text: the Prometheus format 0.0.4, or OpenMetrics 1.0.0 for who asks for it.

use std::fmt::{self, Display, Write};

use hyper::HeaderMap;
use hyper::header::HeaderValue;

use super::exemplars::{Exemplar, Exemplars};
use super::histogram::{Buckets, Counts};
use super::table::{Family, Kind, Metric};
use crate::negotiation::preference;

/// Which text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Prometheus,
    OpenMetrics,
}

impl Format {
    pub(crate) const ALL: [Self; 2] = [Self::Prometheus, Self::OpenMetrics];

    /// What the request's `Accept` asks for: OpenMetrics where it is named and not wanted less than
    /// plain text.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let open_metrics = preference(headers, "application/openmetrics-text");
        let is_wanted = open_metrics.weight > 0
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

/// A number that is not whole, in the fewest digits. As JSON writes it, whose code is in the program
/// anyway: that of the standard library would be 6 KB more of the image.
#[derive(Clone, Copy)]
pub(crate) struct Float(pub(crate) f64);

impl Display for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let special = match self.0 {
            value if value.is_nan() => Some("NaN"),
            f64::INFINITY => Some("+Inf"),
            f64::NEG_INFINITY => Some("-Inf"),
            _ => None,
        };
        if let Some(special) = special {
            return f.write_str(special);
        }
        let text = serde_json::to_string(&self.0).unwrap_or_default();
        f.write_str(text.strip_suffix(".0").unwrap_or(&text))
    }
}

/// The text of a scrape, written metric by metric.
pub(crate) struct Exposition {
    format: Format,
    text: String,
    name: &'static str,
    labels: Vec<&'static str>,
}

impl Exposition {
    pub(crate) fn new(format: Format) -> Self {
        Self { format, text: String::with_capacity(16 * 1024), name: "", labels: Vec::new() }
    }

    /// Begins a metric of the table: what follows are its samples.
    pub(crate) fn begin(&mut self, metric: Metric) {
        let Family { name, kind, help, labels } = metric.family();
        self.begin_family(name, kind, help, labels.iter().map(|label| label.name));
    }

    /// Begins a metric, also one of the service's own.
    pub(crate) fn begin_family(
        &mut self,
        name: &'static str,
        kind: Kind,
        help: &str,
        labels: impl IntoIterator<Item = &'static str>,
    ) {
        self.name = name;
        self.labels.clear();
        self.labels.extend(labels);
        // In OpenMetrics `_total` belongs to the sample, not to the family.
        let name = match self.format {
            Format::OpenMetrics => name.trim_end_matches("_total"),
            Format::Prometheus => name,
        };
        let _ = writeln!(self.text, "# HELP {name} {help}");
        let _ = writeln!(self.text, "# TYPE {name} {}", kind.as_str());
    }

    /// A sample of a counter or a gauge. The values are those of the family's labels, in order.
    pub(crate) fn sample(&mut self, labels: &[&str], value: impl Display) {
        self.line("", labels, None, &value, None);
    }

    /// All samples of one histogram, which may be spread over shards. Exemplars are of OpenMetrics alone.
    pub(crate) fn histogram<'a>(
        &mut self,
        labels: &[&str],
        shards: impl IntoIterator<Item = &'a Buckets>,
        exemplars: Option<&Exemplars>,
    ) {
        let mut counts = Counts::default();
        for shard in shards {
            shard.add_to(&mut counts);
        }
        // One without labels is there from the start: nothing that could be asked for makes it.
        if counts.total() == 0 && !labels.is_empty() {
            return;
        }
        let (sum, total) = (counts.sum_seconds(), counts.total());
        let exemplars = exemplars.filter(|_| self.format == Format::OpenMetrics);
        self.buckets(labels, counts.cumulative(), sum, total, exemplars);
    }

    /// One histogram: its buckets' upper ends with how many observations lie at or below each, the
    /// sum of all and their number.
    pub(crate) fn buckets(
        &mut self,
        labels: &[&str],
        buckets: impl Iterator<Item = (impl Display, u64)>,
        sum: f64,
        total: u64,
        exemplars: Option<&Exemplars>,
    ) {
        for (index, (bound, count)) in buckets.enumerate() {
            let exemplar = exemplars.and_then(|exemplars| exemplars.of(index));
            self.line("_bucket", labels, Some(&bound), &count, exemplar);
        }
        self.line("_sum", labels, None, &Float(sum), None);
        self.line("_count", labels, None, &total, None);
    }

    pub(crate) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    /// One sample. It is apart, so that there is one of it for all kinds of numbers.
    #[inline(never)]
    fn line(
        &mut self,
        suffix: &str,
        labels: &[&str],
        bound: Option<&dyn Display>,
        value: &dyn Display,
        exemplar: Option<Exemplar>,
    ) {
        self.write_name(suffix, labels, bound);
        let _ = write!(self.text, " {value}");
        if let Some(exemplar) = exemplar {
            let _ = write!(self.text, " {exemplar}");
        }
        self.text.push('\n');
    }

    fn write_name(&mut self, suffix: &str, labels: &[&str], bound: Option<&dyn Display>) {
        let _ = write!(self.text, "{}{suffix}", self.name);
        let mut separator = '{';
        for (name, value) in self.labels.iter().zip(labels) {
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
        if let Some(bound) = bound {
            let _ = write!(self.text, "{separator}le=\"{bound}\"");
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
    fn numbers_are_written_as_prometheus_reads_them() {
        for (number, text) in [
            (0.0, "0"),
            (4.0, "4"),
            (-0.5, "-0.5"),
            (0.000_000_1, "1e-7"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(Float(number).to_string(), text);
        }
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
        let (one, two) = (Buckets::default(), Buckets::default());
        let mut text = Exposition::new(Format::Prometheus);
        text.begin(Metric::DependencyCheckDuration);
        text.histogram(&["empty"], [&one, &two], None);
        one.record(Duration::from_millis(1));
        two.record(Duration::from_secs(1));
        text.histogram(&["db"], [&one, &two], None);
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
