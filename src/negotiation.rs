//! Content negotiation: what a client would rather have, by `Accept`. RFC 9110, section 12.5.1.

use hyper::HeaderMap;
use hyper::header::ACCEPT;

/// How much a client wants a media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Preference {
    /// In thousandths, as there are no more digits: from 0, not at all, to 1000.
    pub(crate) weight: u16,
    /// Whether the type itself is named, and not only a range that holds it, such as `*/*`.
    pub(crate) is_named: bool,
}

/// What the most specific range that matches says of the media type; weight 0 where none does.
pub(crate) fn preference(headers: &HeaderMap, media_type: &str) -> Preference {
    const NAMED: u8 = 3;
    let group = media_type.split('/').next().unwrap_or_default();
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (mut best, mut weight) = (0, 0);
    for range in values.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let range = parts.next().unwrap_or_default();
        let specificity = match range.split_once('/') {
            Some(("*", "*")) => 1,
            Some((kind, "*")) if kind.eq_ignore_ascii_case(group) => 2,
            _ if range.eq_ignore_ascii_case(media_type) => NAMED,
            _ => continue,
        };
        if specificity > best {
            best = specificity;
            weight = parts
                .filter_map(|part| part.split_once('='))
                .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
                .map_or(1000, |(_, q)| thousandths(q.trim()));
        }
    }
    Preference { weight, is_named: best == NAMED }
}

/// A weight, RFC 9110, 12.4.2: `0.85` is 850. More than 1 is 1, and what is none is 0.
fn thousandths(q: &str) -> u16 {
    let (whole, rest) = q.split_once('.').unwrap_or((q, ""));
    let Ok(whole) = whole.parse::<u16>() else { return 0 };
    let mut digits = rest.bytes().chain(std::iter::repeat(b'0')).take(3);
    let rest = digits.try_fold(0, |sum: u16, digit| {
        digit.is_ascii_digit().then(|| 10 * sum + u16::from(digit - b'0'))
    });
    rest.map_or(0, |rest| (whole.min(1) * 1000 + rest).min(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(accept: &[&'static str]) -> (u16, bool) {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(ACCEPT, value.parse().unwrap());
        }
        let Preference { weight, is_named } = preference(&headers, "text/html");
        (weight, is_named)
    }

    #[test]
    fn the_most_specific_range_counts() {
        for (accept, expected) in [
            ("text/html", (1000, true)),
            ("TEXT/HTML;Q=0.5", (500, true)),
            ("text/html; charset=utf-8; q=0.9, */*; q=0.1", (900, true)),
            ("*/*, text/*;q=0.2", (200, false)),
            ("*/*;q=0.3, application/json", (300, false)),
            ("text/html;q=0, */*", (0, true)),
            ("text/html;q=nonsense", (0, true)),
            ("text/html;q=7", (1000, true)),
            ("text/html;q=0.12", (120, true)),
            ("text/html;q=1.", (1000, true)),
            ("text/html;q=0.1x", (0, true)),
            ("text/plain", (0, false)),
            ("html", (0, false)),
            ("", (0, false)),
        ] {
            assert_eq!(html(&[accept]), expected, "{accept}");
        }
    }

    #[test]
    fn several_fields_count_as_one_list_and_none_asks_for_nothing() {
        assert_eq!(html(&["application/json", "text/html;q=0.4"]), (400, true));
        assert_eq!(html(&[]), (0, false));
    }
}
