//! Times as text: UTC, RFC 3339, milliseconds.

use std::fmt::Write;
use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;

/// How a log line's time is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimestampFormat {
    /// `2026-11-22T09:30:00.123Z`
    #[default]
    Rfc3339,
    /// Milliseconds since 1970, a number.
    UnixMs,
    /// Left out: what collects the lines adds its own.
    None,
}

const MILLISECONDS: StaticFormatDescription =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// A time as RFC 3339 in UTC with milliseconds.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    OffsetDateTime::from(time).format(MILLISECONDS).unwrap_or_default()
}

impl TimestampFormat {
    /// Appends the time as a JSON value; false where none is wanted.
    pub(super) fn append_json(self, line: &mut String, time: SystemTime) -> bool {
        match self {
            Self::Rfc3339 => {
                line.push('"');
                line.push_str(&rfc3339(time));
                line.push('"');
            }
            Self::UnixMs => drop(write!(line, "{}", unix_ms(time))),
            Self::None => return false,
        }
        true
    }

    /// Appends the time for people, and a space.
    pub(super) fn append_pretty(self, line: &mut String, time: SystemTime) {
        match self {
            Self::Rfc3339 => line.push_str(&rfc3339(time)),
            Self::UnixMs => drop(write!(line, "{}", unix_ms(time))),
            Self::None => return,
        }
        line.push(' ');
    }
}

fn unix_ms(time: SystemTime) -> u128 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_utc_with_milliseconds() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_339_800_007);
        assert_eq!(rfc3339(time), "2026-11-22T09:30:00.007Z");
        let mut line = String::new();
        assert!(TimestampFormat::UnixMs.append_json(&mut line, time));
        assert!(!TimestampFormat::None.append_json(&mut line, time));
        assert_eq!(line, "1795339800007");
    }
}
