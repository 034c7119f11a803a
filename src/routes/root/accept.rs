//! Which of two representations the client would rather have: RFC 9110, section 12.5.1.

use hyper::HeaderMap;
use hyper::header::ACCEPT;

/// Whether the client would rather have HTML than JSON. A browser names `text/html`; a client that
/// takes anything, or says nothing, gets JSON.
pub(super) fn prefers_html(headers: &HeaderMap) -> bool {
    quality(headers, "text", "html") > quality(headers, "application", "json")
}

/// The weight of a media type: that of the most specific range that matches it.
fn quality(headers: &HeaderMap, wanted_type: &str, wanted_subtype: &str) -> f32 {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut best = (0, 0.0);
    for range in values.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let Some((kind, subtype)) = parts.next().and_then(|range| range.split_once('/')) else {
            continue;
        };
        let specificity = match (kind, subtype) {
            ("*", "*") => 1,
            (kind, "*") if kind.eq_ignore_ascii_case(wanted_type) => 2,
            (kind, subtype)
                if kind.eq_ignore_ascii_case(wanted_type)
                    && subtype.eq_ignore_ascii_case(wanted_subtype) =>
            {
                3
            }
            _ => continue,
        };
        let weight = parts
            .filter_map(|part| part.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
            .map_or(1.0, |(_, q)| q.trim().parse().unwrap_or(0.0_f32).clamp(0.0, 1.0));
        if specificity > best.0 {
            best = (specificity, weight);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html_for(accept: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        prefers_html(&headers)
    }

    #[test]
    fn browsers_get_the_page() {
        for accept in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
            "text/html, application/xhtml+xml, image/jxr, */*;q=0.5",
            "text/html",
            "text/*",
            "TEXT/HTML;Q=1",
            "application/json;q=0.5, text/html;q=0.6",
            "text/html; charset=utf-8; q=0.9, */*; q=0.1",
            "*/*, application/json;q=0.1",
        ] {
            assert!(html_for(accept), "{accept}");
        }
    }

    #[test]
    fn everyone_else_gets_json() {
        for accept in [
            "*/*",
            "application/json",
            "application/json, text/html",
            "application/json, text/html;q=0.9",
            "text/html;q=0",
            "text/html;q=0, */*",
            "text/html;q=nonsense",
            "text/html;q=0.3, application/*;q=0.4",
            "text/plain",
            "html",
            "",
        ] {
            assert!(!html_for(accept), "{accept}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }

    #[test]
    fn several_fields_count_as_one_list() {
        let mut headers = HeaderMap::new();
        headers.append(ACCEPT, "application/json;q=0.1".parse().unwrap());
        headers.append(ACCEPT, "text/html".parse().unwrap());
        assert!(prefers_html(&headers));
    }
}
