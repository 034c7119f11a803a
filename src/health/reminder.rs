//! When something that lasts is told: as it begins, and again every 30 s.

use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(30);

/// What has been told of something that comes, lasts and goes.
#[derive(Debug, Default)]
pub(super) struct Reminder {
    told_at: Option<Instant>,
}

impl Reminder {
    /// Whether it is to be told now that it is there. If so, it counts as told.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.told_at.is_none_or(|at| now.saturating_duration_since(at) >= EVERY);
        if is_due {
            self.told_at = Some(now);
        }
        is_due
    }

    /// It is gone. Whether that is a change, which is to be told.
    pub(super) fn end(&mut self) -> bool {
        self.told_at.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_told_as_it_begins_and_every_30_seconds_and_its_end_once() {
        let mut reminder = Reminder::default();
        let began = Instant::now();
        let after = |seconds| began + Duration::from_secs(seconds);
        assert!(!reminder.end(), "it was not there");
        let told: Vec<u64> = (0..95).filter(|s| reminder.is_due(after(*s))).collect();
        assert_eq!(told, [0, 30, 60, 90]);
        assert_eq!([reminder.end(), reminder.end()], [true, false]);
        assert!(reminder.is_due(after(96)), "it is there anew");
    }
}
