//! `/` is a page for a browser and JSON for everyone else; what Chromium makes of the page is tested in
//! `tests/page`.

use super::support::{Server, client::Response};

const BROWSER: &str =
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

fn ask(server: &Server, method: &str, accept: &str) -> Response {
    let mut client = server.connect();
    client.send(format!("{method} / HTTP/1.1\r\nHost: t\r\nAccept: {accept}\r\n\r\n"));
    client.response_to(method)
}

#[test]
fn a_browser_gets_a_page_under_a_strict_policy_and_everyone_else_json() {
    let server = Server::start(&[("REVISION", "4f1c2ab")]);
    let page = ask(&server, "GET", BROWSER);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert!(!page.text().contains("4f1c2ab"), "the page is the same for every server");

    let head = ask(&server, "HEAD", BROWSER);
    assert_eq!(head.header("content-length"), Some(&*page.body.len().to_string()));
    assert_eq!(head.header("content-security-policy"), Some(policy));

    let json = ask(&server, "GET", "*/*");
    assert_eq!(json.header("content-type"), Some("application/json"));
    assert_eq!(json.json()["revision"], "4f1c2ab");
    for response in [&page, &head, &json] {
        assert_eq!(response.status, 200);
        assert_eq!(response.header("vary"), Some("accept"));
        assert_eq!(response.header("cache-control"), Some("no-cache"));
    }
}

#[test]
fn the_figures_are_those_of_the_metrics() {
    let server = Server::faulty(&[]);
    for path in ["/version", "/nope", "/fail", "/sleep/30"] {
        server.get(path);
    }
    let requests = server.get("/").json()["requests"].clone();
    let scrape = server.get("/metrics").text();
    assert_eq!(requests["total"], 4);
    assert_eq!(requests["server_errors"], 1);
    let durations = &requests["duration_seconds"];
    assert!(durations["sum"].as_f64().unwrap() >= 0.03);
    let buckets = durations["buckets"].as_array().unwrap();
    assert_eq!(buckets.len(), 15);
    let at = |bound: &str| buckets.iter().find(|pair| pair[0] == bound).unwrap()[1].clone();
    // How many were quick is the machine's affair: the metrics tell, in which `/` itself is by now.
    let is_quick = |line: &&str| {
        line.starts_with("http_request_duration_seconds_bucket{")
            && line.contains("le=\"0.025\"")
            && !line.contains("route=\"/\"")
    };
    let count = |line: &str| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap();
    let quick: u64 = scrape.lines().filter(is_quick).map(count).sum();
    assert!(quick <= 3, "one has slept: {scrape}");
    assert_eq!((at("0.025"), at("10"), at("+Inf")), (quick.into(), 4.into(), 4.into()));
}
