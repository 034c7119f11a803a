//! Work that was refused or given up so that the rest goes on, counted by reason.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Why a request was shed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It came on a connection past the limit.
    Connections,
    /// Too many requests wait already.
    InFlight,
    /// Too many bytes are held already.
    BufferedBytes,
    /// Requests wait too long for their turn on a CPU.
    QueueTime,
    /// It waited for its client, and others needed its place.
    Stalled,
}

impl Reason {
    pub(crate) const ALL: [Self; 5] =
        [Self::Connections, Self::InFlight, Self::BufferedBytes, Self::QueueTime, Self::Stalled];

    /// The reason in words, as in the metric's label and in the log.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::InFlight => "in_flight",
            Self::BufferedBytes => "buffered_bytes",
            Self::QueueTime => "queue_time",
            Self::Stalled => "stalled",
        }
    }
}

/// How many, by reason.
#[derive(Debug, Default)]
pub(crate) struct Shed([AtomicU64; Reason::ALL.len()]);

impl Shed {
    pub(crate) fn count(&self, reason: Reason) {
        if let Some(count) = self.0.get(reason as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn of(&self, reason: Reason) -> u64 {
        self.0.get(reason as usize).map_or(0, |count| count.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_counted_on_its_own() {
        let shed = Shed::default();
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            (0..=index).for_each(|_| shed.count(reason));
        }
        let counts = Reason::ALL.map(|reason| shed.of(reason));
        assert_eq!(counts, [1, 2, 3, 4, 5]);
    }
}
