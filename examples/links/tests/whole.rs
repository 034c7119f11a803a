//! The whole service on a real PostgreSQL.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop where it fails"
)]

mod support;

use std::fs;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use pcf_api::testing::{self, Answer, TestServer};
use serde_json::json;

use support::client::{connect, read_head};
use support::postgres::Postgres;
use support::target::Target;
use support::{Folder, KEY, WITH_KEY, has_tools};

const JSON: (&str, &str) = ("content-type", "application/json");

/// The service with this URL of its database, and these settings.
fn serve(url: &str, more: &[(&str, &str)]) -> TestServer {
    let settings = [
        ("DATABASE_URL", url),
        ("LINKS__API_KEY", KEY),
        ("LOG__LEVEL", "warn"),
        // A busy machine sheds requests, which is not what is looked at here.
        ("SERVER__MAX_QUEUE_TIME", "10s"),
    ];
    testing::serve(links::service(), &[&settings, more].concat()).unwrap()
}

fn create(server: &TestServer, target: &str) -> Answer {
    let body = json!({ "target": target }).to_string();
    server.ask("POST", "/api/links", &[JSON, WITH_KEY], body.as_bytes()).unwrap()
}

/// Waits until it is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "not in 30 s: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_link_is_made_listed_visited_counted_and_expires() {
    let Some(postgres) = Postgres::start() else { return };
    let server =
        serve(&postgres.url("first"), &[("LINKS__KEEP", "10s"), ("LINKS__EXPIRE_EVERY", "1s")]);
    let made = create(&server, "https://example.org/a?b=c");
    assert_eq!(made.status, 201, "{}", made.text());
    let slug = made.json()["slug"].as_str().unwrap().to_owned();

    let visit = server.get(&format!("/{slug}")).unwrap();
    assert_eq!((visit.status, visit.header("location")), (307, Some("https://example.org/a?b=c")));
    assert_eq!(server.get("/nothing").unwrap().status, 404);
    assert_eq!(server.get("/api/links").unwrap().json()[0]["slug"], json!(slug));
    let ready = server.get("/health/ready").unwrap().text();
    assert!(ready.contains("\"pool\""), "{ready}");

    let scrape = server.get("/metrics").unwrap().text();
    for line in [
        // All tests of this process count here.
        "links_created_total{by=\"api\"} ",
        "links_visits_total{outcome=\"found\"} 1",
        "links_visits_total{outcome=\"unknown\"} 1",
    ] {
        assert!(scrape.contains(line), "{line} is not in {scrape}");
    }
    until("it expires", || server.get(&format!("/{slug}")).unwrap().status == 404);
    server.stop().unwrap();
}

#[test]
fn what_is_wrong_is_told_by_its_status() {
    let Some(postgres) = Postgres::start() else { return };
    let server = serve(&postgres.url("first"), &[("LINKS__MAX_LENGTH", "30")]);
    let body = br#"{"target":"https://example.org/"}"#;
    let wrong_key = ("authorization", "Bearer no");
    for (headers, body, status, name) in [
        (vec![JSON], &body[..], 401, "UNAUTHORIZED"),
        (vec![JSON, wrong_key], &body[..], 401, "UNAUTHORIZED"),
        (vec![WITH_KEY], &body[..], 415, "UNSUPPORTED_MEDIA_TYPE"),
        (
            vec![JSON, WITH_KEY],
            &br#"{"target":"ftp://example.org/"}"#[..],
            422,
            "UNPROCESSABLE_ENTITY",
        ),
        (
            vec![JSON, WITH_KEY],
            &br#"{"target":"https://example.org/12345678901234567890"}"#[..],
            422,
            "UNPROCESSABLE_ENTITY",
        ),
    ] {
        let answer = server.ask("POST", "/api/links", &headers, body).unwrap();
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.json()["error"]["code"], json!(name));
    }
    server.stop().unwrap();
}

#[test]
fn browsers_of_other_sites_may_ask_and_lists_are_packed() {
    let Some(postgres) = Postgres::start() else { return };
    let server = serve(&postgres.url("first"), &[]);
    let site = ("origin", "https://site.example");
    let asks = [site, ("access-control-request-method", "POST")];
    let preflight = server.ask("OPTIONS", "/api/links", &asks, b"").unwrap();
    assert_eq!(preflight.status, 200, "a browser has no key with it: {}", preflight.text());
    assert_eq!(preflight.header("access-control-allow-methods"), Some("GET,POST"));
    for n in 0..20 {
        assert_eq!(create(&server, &format!("https://example.org/{n}")).status, 201);
    }
    let packed =
        server.ask("GET", "/api/links", &[site, ("accept-encoding", "gzip")], b"").unwrap();
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(packed.header("access-control-allow-origin"), Some("*"));
    // An error, too, can be read by the page that asked.
    let refused = server.ask("POST", "/api/links", &[site], b"").unwrap();
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, Some("*")));
    server.stop().unwrap();
}

#[test]
fn an_import_is_whole_or_not_at_all() {
    let Some(postgres) = Postgres::start() else { return };
    let server = serve(&postgres.url("first"), &[]);
    let import = |body: &[u8]| server.ask("POST", "/api/import", &[WITH_KEY], body).unwrap();
    // 40 MiB, far more than any other request may have.
    let line = format!("https://example.org/{}\n", "x".repeat(2000));
    let count = (40 << 20) / line.len();
    let done = import(line.repeat(count).as_bytes());
    assert_eq!((done.status, done.json()["created"].as_u64()), (201, Some(count as u64)));
    let wrong = import(format!("{}nonsense\n", line.repeat(1500)).as_bytes());
    assert_eq!(wrong.status, 422);
    assert!(wrong.text().contains("line 1501: "), "{}", wrong.text());
    let large = import(line.repeat((51 << 20) / line.len()).as_bytes());
    assert_eq!(large.status, 413, "{}", large.text());
    let other = server.ask("POST", "/api/links", &[JSON, WITH_KEY], &vec![b' '; 2 << 20]).unwrap();
    assert_eq!(other.status, 413, "the limit of all others");
    let scrape = server.get("/metrics").unwrap().text();
    assert!(scrape.contains(&format!("links_created_total{{by=\"import\"}} {count}")), "{scrape}");
    server.stop().unwrap();
}

#[test]
fn a_look_at_a_target_speaks_tls_and_gives_the_trace_on() {
    let Some(postgres) = Postgres::start() else { return };
    if !has_tools(&["openssl"]) {
        return;
    }
    let target = Target::start();
    let server = serve(&postgres.url("first"), &[("LINKS__LOOK_CA", &target.ca())]);
    let made = create(&server, &format!("https://localhost:{}/page", target.port));
    let look = format!("/api/links/{}/look", made.json()["slug"].as_str().unwrap());
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let seen = server.ask("GET", &look, &[WITH_KEY, ("traceparent", &parent)], b"").unwrap();
    assert_eq!((seen.status, seen.json()["status"].as_u64()), (200, Some(200)), "{}", seen.text());
    let asked = target.asked.lock().unwrap().to_ascii_lowercase();
    assert!(asked.starts_with("head /page "), "{asked}");
    assert!(asked.contains(&format!("traceparent: 00-{trace}-")), "{asked}");
    assert!(!asked.contains("00f067aa0ba902b7"), "a span of its own: {asked}");

    let made = create(&server, "https://localhost:1/");
    let look = format!("/api/links/{}/look", made.json()["slug"].as_str().unwrap());
    assert_eq!(server.ask("GET", &look, &[WITH_KEY], b"").unwrap().status, 502);
    let scrape = server.get("/metrics").unwrap().text();
    assert!(scrape.contains("links_look_duration_seconds_count 2"), "{scrape}");
    server.stop().unwrap();
}

#[test]
fn a_new_password_in_the_file_is_used_without_a_restart() {
    let Some(postgres) = Postgres::start() else { return };
    let folder = Folder::new();
    let file = folder.path("url");
    fs::write(&file, postgres.url("first")).unwrap();
    let server = serve(&format!("file:{file}"), &[]);
    assert_eq!(create(&server, "https://example.org/").status, 201);
    postgres.sql("ALTER ROLE links PASSWORD 'second'");
    fs::write(&file, postgres.url("second")).unwrap();
    // Open connections would live on for half an hour.
    until("the new password is in use", || {
        postgres.end_connections();
        create(&server, "https://example.org/").status == 201
    });
    assert_eq!(create(&server, "https://example.org/").status, 201);
    until("it is ready", || server.get("/health/ready").unwrap().status == 200);
    server.stop().unwrap();
}

#[test]
fn links_of_any_instance_are_told_to_the_readers_of_each_until_the_drain() {
    let Some(postgres) = Postgres::start() else { return };
    let (one, other) = (serve(&postgres.url("first"), &[]), serve(&postgres.url("first"), &[]));
    let mut stream = connect(one.address()).unwrap();
    stream.get_mut().write_all(b"GET /api/events HTTP/1.1\r\nhost: links\r\n\r\n").unwrap();
    assert_eq!(read_head(&mut stream).unwrap().0, 200);
    let text = Arc::new(Mutex::new(String::new()));
    let read = Arc::clone(&text);
    let reader = thread::spawn(move || {
        support::client::read_chunks(&mut stream, |chunk| {
            read.lock().unwrap().push_str(&String::from_utf8_lossy(chunk));
        })
    });
    // What listens begins once the service serves: what is made before, nobody hears of.
    until("a link of the other instance is told", || {
        assert_eq!(create(&other, "https://example.org/last").status, 201);
        text.lock().unwrap().contains("\"target\":\"https://example.org/last\"}\n\n")
    });
    let began = Instant::now();
    one.stop().unwrap();
    assert!(began.elapsed() < Duration::from_secs(15), "the stream has held the drain");
    reader.join().unwrap().expect("it ends as it should");
    let text = text.lock().unwrap();
    assert!(text.starts_with("retry: 500\n\n"), "{text}");
    other.stop().unwrap();
}

#[test]
fn a_start_without_a_database_is_refused_and_says_why() {
    let told = |settings: &[(&str, &str)]| testing::serve(links::service(), settings).unwrap_err();
    let error = told(&[("LINKS__API_KEY", KEY)]);
    assert!(error.contains("database_url"), "{error}");
    let Some(postgres) = Postgres::start() else { return };
    let error = told(&[("LINKS__API_KEY", KEY), ("DATABASE_URL", &postgres.url("wrong"))]);
    assert!(error.contains("password authentication failed"), "{error}");
    assert!(!error.contains("wrong"), "{error}");
}
