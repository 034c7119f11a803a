//! Content negotiation: what a client would rather have, by `Accept`. RFC 9110, section 12.5.1.

use hyper::HeaderMap;
use hyper::header::ACCEPT;

/// How much a client wants a media type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Preference {
    /// From 0, not at all, to 1.
    pub(crate) weight: f32,
    /// Whether the type itself is named, and not only a range that holds it, such as `*/*`.
    pub(crate) is_named: bool,
}

/// What the most specific range that matches says of the media type; weight 0 where none does.
pub(crate) fn preference(headers: &HeaderMap, media_type: &str) -> Preference {
    const NAMED: u8 = 3;
    let group = media_type.split('/').next().unwrap_or_default();
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (mut best, mut weight) = (0, 0.0);
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
                .map_or(1.0, |(_, q)| q.trim().parse().unwrap_or(0.0_f32).clamp(0.0, 1.0));
        }
    }
    Preference { weight, is_named: best == NAMED }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(accept: &[&'static str]) -> (f32, bool) {
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
            ("text/html", (1.0, true)),
            ("TEXT/HTML;Q=0.5", (0.5, true)),
            ("text/html; charset=utf-8; q=0.9, */*; q=0.1", (0.9, true)),
            ("*/*, text/*;q=0.2", (0.2, false)),
            ("*/*;q=0.3, application/json", (0.3, false)),
            ("text/html;q=0, */*", (0.0, true)),
            ("text/html;q=nonsense", (0.0, true)),
            ("text/html;q=7", (1.0, true)),
            ("text/plain", (0.0, false)),
            ("html", (0.0, false)),
            ("", (0.0, false)),
        ] {
            assert_eq!(html(&[accept]), expected, "{accept}");
        }
    }

    #[test]
    fn several_fields_count_as_one_list_and_none_asks_for_nothing() {
        assert_eq!(html(&["application/json", "text/html;q=0.4"]), (0.4, true));
        assert_eq!(html(&[]), (0.0, false));
    }
}
