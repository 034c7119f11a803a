//! Times as text: UTC, RFC 3339, milliseconds.

use std::io::Write;
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
    let mut text = Vec::new();
    append_rfc3339(&mut text, time);
    String::from_utf8(text).unwrap_or_default()
}

fn append_rfc3339(line: &mut Vec<u8>, time: SystemTime) {
    // Memory takes all of it, and a year of more than four digits is written too.
    let _ = OffsetDateTime::from(time).format_into(line, MILLISECONDS);
}

impl TimestampFormat {
    /// Appends the time as the member of a JSON object that others follow, where one is wanted.
    pub(super) fn append_json(self, line: &mut Vec<u8>, time: SystemTime) {
        match self {
            Self::Rfc3339 => {
                line.extend_from_slice(b"\"timestamp\":\"");
                append_rfc3339(line, time);
                line.extend_from_slice(b"\",");
            }
            Self::UnixMs => drop(write!(line, "\"timestamp\":{},", unix_ms(time))),
            Self::None => {}
        }
    }

    /// Appends the time for people, and a space.
    pub(super) fn append_pretty(self, line: &mut Vec<u8>, time: SystemTime) {
        match self {
            Self::Rfc3339 => append_rfc3339(line, time),
            Self::UnixMs => drop(write!(line, "{}", unix_ms(time))),
            Self::None => return,
        }
        line.push(b' ');
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
        let mut line = Vec::new();
        for format in [TimestampFormat::UnixMs, TimestampFormat::None, TimestampFormat::Rfc3339] {
            format.append_json(&mut line, time);
        }
        let expected = "\"timestamp\":1795339800007,\"timestamp\":\"2026-11-22T09:30:00.007Z\",";
        assert_eq!(String::from_utf8(line).unwrap(), expected);
    }
}
