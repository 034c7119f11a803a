//! What all kinds of metrics of one's own have: a name, labels with closed sets, and cells that are
//! counted in.

use std::fmt::Display;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::super::exposition::Exposition;
use super::super::table::Kind;

/// Most series of one metric.
pub(super) const MAX_SERIES: usize = 1000;

/// What stands for a value that is not declared.
const OTHER: &str = "other";

/// The labels of a metric, each with all of its values.
pub(super) type Labels<const N: usize> = [(&'static str, &'static [&'static str]); N];

/// What all kinds have: a name, labels, and a cell or more for each series.
#[derive(Debug)]
pub(super) struct Family<const N: usize> {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) labels: Labels<N>,
    cells: OnceLock<Box<[AtomicU64]>>,
}

impl<const N: usize> Family<N> {
    pub(super) const fn new(name: &'static str, help: &'static str, labels: Labels<N>) -> Self {
        assert!(is_name(name), "a metric's name is of lower-case letters, digits and underscores");
        assert!(
            series(&labels) <= MAX_SERIES,
            "a metric has at most 1000 series, `other` included"
        );
        Self { name, help, labels, cells: OnceLock::new() }
    }

    /// The cells of one series, of which each has so many.
    pub(super) fn cells(&self, values: [&str; N], width: usize) -> &[AtomicU64] {
        let mut index = 0;
        for ((_, known), value) in self.labels.iter().zip(values) {
            let at = known.iter().position(|known| *known == value).unwrap_or(known.len());
            index = index * (known.len() + 1) + at;
        }
        let all = self
            .cells
            .get_or_init(|| (0..series(&self.labels) * width).map(|_| AtomicU64::new(0)).collect());
        all.get(index * width..(index + 1) * width).unwrap_or_default()
    }

    /// The values of each series that there is, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = [&'static str; N]> + '_ {
        (0..series(&self.labels)).map(|index| {
            let mut rest = index;
            let mut values = [OTHER; N];
            for ((_, known), value) in self.labels.iter().zip(&mut values).rev() {
                *value = known.get(rest % (known.len() + 1)).copied().unwrap_or(OTHER);
                rest /= known.len() + 1;
            }
            values
        })
    }

    pub(super) fn begin(&self, kind: Kind, text: &mut Exposition) {
        text.begin_family(self.name, kind, self.help, self.labels.iter().map(|(name, _)| *name));
    }

    /// Writes the one cell of each series; of those with labels, the ones that were ever counted.
    pub(super) fn write<T: Display>(&self, kind: Kind, text: &mut Exposition, show: fn(u64) -> T) {
        self.begin(kind, text);
        for values in self.all() {
            let bits = self.cells(values, 1).first().map_or(0, |cell| cell.load(Relaxed));
            if N == 0 || bits != 0 {
                text.sample(&values, show(bits));
            }
        }
    }

    pub(super) fn row(&self, kind: Kind) -> String {
        let labels = self.labels.iter();
        let labels: Vec<String> = labels
            .map(|(name, values)| format!("`{name}` ({}, {OTHER})", values.join(", ")))
            .collect();
        let (name, kind, help) = (self.name, kind.as_str(), self.help);
        format!("| `{name}` | {kind} | {help} | {} |\n", labels.join("<br>"))
    }
}

/// How many series the labels make, `other` of each included.
pub(super) const fn series<const N: usize>(labels: &Labels<N>) -> usize {
    let (mut count, mut rest): (usize, &[(&str, &[&str])]) = (1, labels);
    while let [(name, values), others @ ..] = rest {
        assert!(is_name(name), "a label's name is of lower-case letters, digits and underscores");
        count *= values.len() + 1;
        rest = others;
    }
    count
}

const fn is_name(name: &str) -> bool {
    let mut rest = name.as_bytes();
    while let [first, others @ ..] = rest {
        if !matches!(first, b'a'..=b'z' | b'0'..=b'9' | b'_') {
            return false;
        }
        rest = others;
    }
    matches!(name.as_bytes(), [b'a'..=b'z' | b'_', ..])
}

/// Adds to a cell that holds a float.
pub(super) fn add(cell: &AtomicU64, value: f64) {
    let more = |bits| Some((f64::from_bits(bits) + value).to_bits());
    // It never refuses.
    let _ = cell.fetch_update(Relaxed, Relaxed, more);
}
