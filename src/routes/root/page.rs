//! The status page: one HTML document that holds all it needs, and the policy that keeps a browser
//! from running or loading anything else. The document is the same for everyone: its script asks
//! the same address for JSON and shows that, so the page costs nothing while nobody looks.

use hyper::StatusCode;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY};

use crate::response::{self, Response};

const PAGE: &str = concat!(
    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<style>",
    include_str!("page.css"),
    "</style>\n",
    include_str!("page.html"),
    "<script>",
    include_str!("page.js"),
    "</script>\n"
);

/// SECURITY: names the style and the script by their hashes, so that text which got into the page by
/// whatever way is never run. Written by `just docs`; a test holds it to the files.
const POLICY: &str = include_str!("policy.txt").trim_ascii_end();

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

const HEADERS: [(HeaderName, HeaderValue); 2] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

pub(super) fn response() -> Response {
    let mut response = response::with_type(StatusCode::OK, HTML, PAGE);
    response.headers_mut().extend(HEADERS);
    response
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};

    use super::*;

    /// What is between the only two of these tags.
    fn element(name: &str) -> &'static str {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        assert_eq!((PAGE.matches(&open).count(), PAGE.matches(&close).count()), (1, 1));
        PAGE.split_once(&open).unwrap().1.split_once(&close).unwrap().0
    }

    fn hash(text: &str) -> String {
        format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
    }

    #[test]
    fn the_policy_is_part_of_the_documentation_and_names_the_hashes_of_the_files() {
        let policy = format!(
            "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'\n",
            hash(element("script")),
            hash(element("style")),
        );
        crate::pages::assert_page("src/routes/root/policy.txt", &policy);
    }

    #[test]
    fn nothing_comes_from_elsewhere() {
        for outside in ["http:", "https:", "src=", "@import", "url(", "//cdn"] {
            // The name of SVG is an address that nobody asks.
            let page = PAGE.replace("http://www.w3.org/2000/svg", "");
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
