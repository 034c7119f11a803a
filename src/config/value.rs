//! The kinds of value a setting can have: how each is written, read and shown.
//!
//! What is written is text whatever the source (file, environment, flag), so each kind has one
//! parser. Secrets are in [`super::secret`].

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroUsize;
use std::time::Duration;

use crate::telemetry::{Filter, LogFormat, TimestampFormat};

/// A kind of value that a setting can have.
pub trait Value: Sized + Clone + Send + Sync + 'static {
    /// What is accepted, to follow the word "expected".
    const EXPECTED: &'static str;

    /// Whether a value of this kind may hold a secret, and so is never shown.
    const SECRET: bool = false;

    /// Reads a value. The error says what is wrong where [`Value::EXPECTED`] does not tell enough;
    /// it never repeats a secret.
    fn parse(text: &str) -> Result<Self, Option<String>>;

    /// Writes the value so that [`Value::parse`] reads it back.
    fn show(&self) -> String;

    /// Whether the value lies in a range, ends included. Kinds without an order take any.
    fn is_within(&self, _low: &Self, _high: &Self) -> bool {
        true
    }
}

impl Value for String {
    const EXPECTED: &'static str = "up to 200 visible characters";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        if text.chars().count() > 200 || text.chars().any(char::is_control) {
            return Err(None);
        }
        Ok(text.to_owned())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl Value for u16 {
    const EXPECTED: &'static str = "a whole number";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        text.parse().map_err(|_| None)
    }

    fn show(&self) -> String {
        self.to_string()
    }

    fn is_within(&self, low: &Self, high: &Self) -> bool {
        (low..=high).contains(&self)
    }
}

impl Value for usize {
    const EXPECTED: &'static str = "a whole number";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        text.parse().map_err(|_| None)
    }

    fn show(&self) -> String {
        self.to_string()
    }

    fn is_within(&self, low: &Self, high: &Self) -> bool {
        (low..=high).contains(&self)
    }
}

/// How many worker threads: a number, or as many as the machine grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub enum WorkerCount {
    /// As many as there are CPUs that the cgroup and the affinity mask grant.
    Auto,
    /// Exactly this many.
    Fixed(NonZeroUsize),
}

impl Value for WorkerCount {
    const EXPECTED: &'static str = "a whole number from 1 to 512, or auto";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let count: NonZeroUsize = text.parse().map_err(|_| None)?;
        if count.get() > 512 {
            return Err(None);
        }
        Ok(Self::Fixed(count))
    }

    fn show(&self) -> String {
        match self {
            Self::Auto => "auto".to_owned(),
            Self::Fixed(count) => count.to_string(),
        }
    }
}

/// A duration is a whole number and its unit: `500ms`, `5s`, `2m`, `1h`; or a plain `0`.
impl Value for Duration {
    const EXPECTED: &'static str = "a duration such as 500ms, 5s or 2m";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits).ok_or(None)?;
        let number: u64 = number.parse().map_err(|_| None)?;
        let seconds = |factor: u64| number.checked_mul(factor).map(Self::from_secs).ok_or(None);
        match unit {
            "ms" => Ok(Self::from_millis(number)),
            "s" => seconds(1),
            "m" => seconds(60),
            "h" => seconds(3600),
            "" if number == 0 => Ok(Self::ZERO),
            _ => Err(None),
        }
    }

    fn show(&self) -> String {
        let ms = self.as_millis();
        match ms {
            0 => "0s".to_owned(),
            _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
            _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
            _ if ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
            _ => format!("{ms}ms"),
        }
    }

    fn is_within(&self, low: &Self, high: &Self) -> bool {
        (low..=high).contains(&self)
    }
}

/// A size in bytes, written as a plain number of bytes or as `16KiB`, `1MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub struct Size(pub usize);

impl Value for Size {
    const EXPECTED: &'static str = "a size in bytes, such as 8192, 16KiB or 1MiB";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let (number, factor) = match text {
            _ if text.ends_with("KiB") => (text.strip_suffix("KiB"), 1024),
            _ if text.ends_with("MiB") => (text.strip_suffix("MiB"), 1024 * 1024),
            _ => (Some(text), 1),
        };
        let number: usize = number.ok_or(None)?.parse().map_err(|_| None)?;
        number.checked_mul(factor).map(Self).ok_or(None)
    }

    fn show(&self) -> String {
        match self.0 {
            n if n > 0 && n.is_multiple_of(1024 * 1024) => format!("{}MiB", n / (1024 * 1024)),
            n if n > 0 && n.is_multiple_of(1024) => format!("{}KiB", n / 1024),
            n => n.to_string(),
        }
    }

    fn is_within(&self, low: &Self, high: &Self) -> bool {
        (low..=high).contains(&self)
    }
}

/// `localhost` is taken without a look-up, so that a health check never waits for a name server.
impl Value for IpAddr {
    const EXPECTED: &'static str = "an IP address, such as 0.0.0.0, 127.0.0.1 or ::1, or localhost";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        if text == "localhost" {
            return Ok(Self::V4(Ipv4Addr::LOCALHOST));
        }
        text.parse().map_err(|_| None)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for LogFormat {
    const EXPECTED: &'static str = "json, pretty or auto (pretty on a terminal, else json)";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        match text {
            "auto" => Ok(Self::Auto),
            "json" => Ok(Self::Json),
            "pretty" => Ok(Self::Pretty),
            _ => Err(None),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Auto => "auto",
            Self::Json => "json",
            Self::Pretty => "pretty",
        }
        .to_owned()
    }
}

impl Value for TimestampFormat {
    const EXPECTED: &'static str = "rfc3339, unix_ms or none";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        match text {
            "rfc3339" => Ok(Self::Rfc3339),
            "unix_ms" => Ok(Self::UnixMs),
            "none" => Ok(Self::None),
            _ => Err(None),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Rfc3339 => "rfc3339",
            Self::UnixMs => "unix_ms",
            Self::None => "none",
        }
        .to_owned()
    }
}

impl Value for Filter {
    const EXPECTED: &'static str = "a level (error, warn, info, debug, trace, off) or target=level pairs, \
         such as info,pcf_api::health=debug";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        Self::parse(text).map_err(|_| None)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Value>(text: &str) -> Option<T> {
        T::parse(text).ok()
    }

    #[test]
    fn durations_need_a_unit_and_survive_being_shown() {
        for (text, ms) in [("500ms", 500), ("5s", 5000), ("2m", 120_000), ("1h", 3_600_000)] {
            let value = read::<Duration>(text);
            assert_eq!(value, Some(Duration::from_millis(ms)), "{text}");
            assert_eq!(value.unwrap().show(), text);
        }
        assert_eq!(read::<Duration>("0"), Some(Duration::ZERO));
        for wrong in ["", "5", "s", "-5s", "5 s", "1.5s", "5sec", "99999999999999999999s", "5ſ"] {
            assert_eq!(read::<Duration>(wrong), None, "{wrong}");
        }
        assert_eq!(read::<Duration>("18446744073709551615h"), None, "no overflow");
    }

    #[test]
    fn sizes_are_bytes_or_binary_units() {
        for (text, bytes) in [("8192", "8KiB"), ("16KiB", "16KiB"), ("1MiB", "1MiB"), ("7", "7")] {
            assert_eq!(read::<Size>(text).unwrap().show(), bytes, "{text}");
        }
        for wrong in ["", "KiB", "16kb", "1.5MiB", "-1", "18446744073709551615MiB"] {
            assert_eq!(read::<Size>(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn localhost_is_an_address_and_other_names_are_not() {
        assert_eq!(read::<IpAddr>("localhost"), Some(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert_eq!(read::<IpAddr>("::1").unwrap().show(), "::1");
        assert_eq!(read::<IpAddr>("example.test"), None);
    }

    #[test]
    fn workers_are_counted_or_automatic() {
        assert_eq!(read::<WorkerCount>("auto"), Some(WorkerCount::Auto));
        assert_eq!(read::<WorkerCount>("3").unwrap().show(), "3");
        for wrong in ["0", "513", "-1", "two"] {
            assert_eq!(read::<WorkerCount>(wrong), None, "{wrong}");
        }
    }
}
