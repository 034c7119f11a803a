//! Layers of tower-http around handlers, and its files.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::client::serve;

const ORIGIN: (&str, &str) = ("origin", "https://shop.example");
const JSON: (&str, &str) = ("content-type", "application/json");
const GZIP: (&str, &str) = ("content-encoding", "gzip");

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn cors_answers_the_preflight_and_marks_errors_too() {
    let server = serve(&[]);
    let asks = [ORIGIN, ("access-control-request-method", "POST")];
    let preflight = server.ask("OPTIONS", "/api/sum", &asks, b"").unwrap();
    assert_eq!(preflight.status, 200);
    assert_eq!(preflight.header("access-control-allow-methods"), Some("GET,POST"));
    for (method, path, body, status) in [
        ("GET", "/api/squares/7", "", 200),
        ("GET", "/api/squares/seven", "", 400),
        ("GET", "/api/squares/700", "", 404),
        ("DELETE", "/api/squares", "", 405),
        ("POST", "/api/sum", "{", 400),
    ] {
        let headers = if body.is_empty() { vec![ORIGIN] } else { vec![ORIGIN, JSON] };
        let answer = server.ask(method, path, &headers, body.as_bytes()).unwrap();
        assert_eq!(answer.status, status, "{method} {path}");
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(allowed, Some("https://shop.example"), "{method} {path}");
        if status >= 400 {
            assert_eq!(answer.json()["error"]["path"], path, "the envelope");
        }
    }
    let outside = server.ask("GET", "/notes", &[ORIGIN], b"").unwrap();
    assert_eq!(outside.header("access-control-allow-origin"), None, "the group's layer alone");
    server.stop().unwrap();
}

#[test]
fn what_the_group_answers_is_packed_for_those_who_can_unpack_it() {
    let server = serve(&[]);
    let plain = server.get("/api/squares").unwrap();
    assert_eq!(plain.header("content-encoding"), None);
    for path in ["/api/squares", "/api/squares/700"] {
        let gzip = server.ask("GET", path, &[("accept-encoding", "gzip")], b"").unwrap();
        assert_eq!(gzip.header("content-encoding"), Some("gzip"), "{path}");
        assert!(gzip.header("vary").is_some_and(|vary| vary.contains("accept-encoding")));
        let mut text = String::new();
        GzDecoder::new(&gzip.body[..]).read_to_string(&mut text).unwrap();
        if gzip.status == 200 {
            assert_eq!(text, plain.text());
            assert!(gzip.body.len() < plain.body.len() / 2);
        } else {
            assert!(text.contains("NOT_FOUND"), "{text}");
        }
    }
    let head = server.ask("HEAD", "/api/squares", &[("accept-encoding", "gzip")], b"").unwrap();
    assert_eq!((head.status, head.body.len()), (200, 0));
    server.stop().unwrap();
}

#[test]
fn a_packed_body_is_unpacked_up_to_the_route_s_limit() {
    let server = serve(&[]);
    let sum = |body: &[u8]| server.ask("POST", "/api/sum", &[JSON, GZIP], &packed(body)).unwrap();
    assert_eq!(sum(br#"{"numbers":[1,2,3]}"#).text(), "6");
    let bomb = format!(r#"{{"numbers":[{}0]}}"#, "0,".repeat(1 << 20));
    assert!(packed(bomb.as_bytes()).len() < 64 * 1024, "far below the limit");
    let refused = sum(bomb.as_bytes());
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (413, &"PAYLOAD_TOO_LARGE".into())
    );
    server.stop().unwrap();
}

#[test]
fn files_are_served_with_all_that_browsers_ask_for() {
    let server = serve(&[]);
    let get = |path: &str, headers: &[(&str, &str)]| server.ask("GET", path, headers, b"").unwrap();
    let index = get("/files/", &[]);
    assert_eq!((index.status, index.header("content-type")), (200, Some("text/html")));
    assert_eq!(get("/files/index.html", &[]).body, index.body);
    let head = server.ask("HEAD", "/files/", &[], b"").unwrap();
    let size = index.body.len().to_string();
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(size.as_str()));
    let since = index.header("last-modified").unwrap();
    let unchanged = get("/files/", &[("if-modified-since", since)]);
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    let part = get("/files/", &[("range", "bytes=2-8")]);
    assert_eq!((part.status, part.text().as_str()), (206, "doctype"));
    assert_eq!(get("/files/", &[("range", "bytes=9999-")]).status, 416);
    let folder = get("/files/help", &[]);
    assert_eq!((folder.status, folder.header("location")), (307, Some("/files/help/")));
    assert_eq!(get("/files/help/", &[]).status, 200);
    for path in ["/files/none", "/files/../Cargo.toml", "/files/%2e%2e/Cargo.toml"] {
        assert_eq!(get(path, &[]).status, 404, "{path}");
    }
    assert_eq!(server.ask("POST", "/files/", &[], b"x").unwrap().status, 405);
    server.stop().unwrap();
}
