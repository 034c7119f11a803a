//! The kinds of value a setting can have: how each is written, read and shown.
//!
//! What is written is text whatever the source (file, environment, flag), so each kind has one
//! parser. Secrets are in [`super::secret`].

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::text::is_deceptive;

/// A kind of value that a setting can have. A type of one's own becomes one by this trait.
///
/// ```
/// use pcf_api::{Setting, Value};
///
/// #[derive(Clone, Copy, Debug, PartialEq)]
/// enum Colour {
///     Red,
///     Green,
/// }
///
/// impl Value for Colour {
///     const EXPECTED: &'static str = "red or green";
///
///     fn parse(text: &str) -> Result<Self, Option<String>> {
///         match text {
///             "red" => Ok(Self::Red),
///             "green" => Ok(Self::Green),
///             _ => Err(None),
///         }
///     }
///
///     fn show(&self) -> String {
///         if *self == Self::Red { "red" } else { "green" }.to_owned()
///     }
/// }
///
/// static COLOUR: Setting<Colour> = Setting::new("shop.colour", "Of the page.").default("red");
/// ```
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

    /// The value where none is given, of kinds that may be left out.
    fn absent() -> Option<Self> {
        None
    }
}

/// A setting that may be left out.
impl<T: Value> Value for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;
    const SECRET: bool = T::SECRET;

    fn parse(text: &str) -> Result<Self, Option<String>> {
        T::parse(text).map(Some)
    }

    fn show(&self) -> String {
        self.as_ref().map(T::show).unwrap_or_default()
    }

    fn is_within(&self, low: &Self, high: &Self) -> bool {
        match (self, low, high) {
            (Some(value), Some(low), Some(high)) => value.is_within(low, high),
            _ => true,
        }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl Value for bool {
    const EXPECTED: &'static str = "true or false";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        text.parse().map_err(|_| None)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for String {
    const EXPECTED: &'static str = "up to 200 visible characters";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        if text.chars().count() > 200 || text.chars().any(is_deceptive) {
            return Err(None);
        }
        Ok(text.to_owned())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

macro_rules! whole_numbers {
    ($($number:ty)*) => {$(
        impl Value for $number {
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
    )*};
}

whole_numbers!(u16 u32 u64 i64 usize);

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
}
