//! The pool on the workers: under load beside a handler that blocks its thread, and at the drain.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop where it fails"
)]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use links::{LinkError, Links};
use pcf_api::testing::{self, TestServer};
use pcf_api::{Error, Request, Response, response};

use support::KEY;
use support::client::Client;
use support::postgres::Postgres;

/// Blocks its thread, as a handler should not.
async fn blocks(_: Request) -> Result<Response, Error> {
    thread::sleep(Duration::from_secs(6));
    Ok(response::no_content())
}

/// Waits for the database for four seconds.
async fn waits(_: Request, links: Arc<Links>) -> Result<Response, Error> {
    let asked = sqlx::query("SELECT pg_sleep(4)").execute(&links.pool).await;
    asked.map_err(LinkError::from)?;
    Ok(response::no_content())
}

fn serve(postgres: &Postgres) -> TestServer {
    let service = links::builder()
        .routes(|links| links::routes(links).get("/test/blocks", blocks).get("/test/waits", waits));
    let settings = [
        ("DATABASE_URL", postgres.url("first")),
        ("LINKS__API_KEY", KEY.to_owned()),
        ("SERVER__WORKERS", "2".to_owned()),
        // Tens of thousands of requests' lines would hide what a test says.
        ("RUST_LOG", "warn".to_owned()),
        // A busy machine sheds requests, which is not what is looked at here.
        ("SERVER__MAX_QUEUE_TIME", "10s".to_owned()),
        // Requests that are on their way when it is told to stop still come in.
        ("SERVER__DRAIN_DELAY", "1s".to_owned()),
    ];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    testing::serve(service, &settings).unwrap()
}

/// The longest time that a visit of a link that is not there took, of so many readers, until then.
fn load(address: SocketAddr, readers: usize, until: &Arc<AtomicBool>) -> (Duration, usize) {
    let readers: Vec<_> = (0..readers)
        .map(|_| {
            let until = Arc::clone(until);
            thread::spawn(move || {
                let (mut client, mut longest, mut count) = (Client::default(), Duration::ZERO, 0);
                while !until.load(SeqCst) {
                    let began = Instant::now();
                    let (status, _) = client.ask(address, "GET /nothing HTTP/1.1", "").unwrap();
                    assert_eq!(status, 404);
                    longest = longest.max(began.elapsed());
                    count += 1;
                }
                (longest, count)
            })
        })
        .collect();
    let done = readers.into_iter().map(|reader| reader.join().unwrap());
    done.fold((Duration::ZERO, 0), |(longest, sum), (own, count)| (longest.max(own), sum + count))
}

#[test]
fn a_handler_that_blocks_stops_no_other_route_s_database() {
    let Some(postgres) = Postgres::start() else { return };
    let server = serve(&postgres);
    let address = server.address();
    // The pool makes its connections before.
    let is_warm = Arc::new(AtomicBool::new(false));
    let warm = Arc::clone(&is_warm);
    let warming = thread::spawn(move || {
        thread::sleep(Duration::from_secs(3));
        warm.store(true, SeqCst);
    });
    let (longest, count) = load(address, 16, &is_warm);
    warming.join().unwrap();
    eprintln!("before: {count} requests, the longest took {longest:?}");
    let is_over = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&is_over);
    let blocked = thread::spawn(move || {
        let (status, _) = Client::default().ask(address, "GET /test/blocks HTTP/1.1", "").unwrap();
        ended.store(true, SeqCst);
        status
    });
    thread::sleep(Duration::from_millis(100));
    let (longest, count) = load(address, 16, &is_over);
    assert_eq!(blocked.join().unwrap(), 204);
    eprintln!("beside a blocked handler: {count} requests, the longest took {longest:?}");
    assert!(longest < Duration::from_secs(4), "one has waited {longest:?} for the blocked one");
    assert!(count > 50, "only {count} requests in 6 s");
    server.stop().unwrap();
}

#[test]
fn a_request_that_waits_for_the_database_at_the_drain_is_answered_before_the_pool_closes() {
    let Some(postgres) = Postgres::start() else { return };
    let server = serve(&postgres);
    let address = server.address();
    let answered = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let answered = Arc::clone(&answered);
            thread::spawn(move || {
                let asked = Client::default().ask(address, "GET /test/waits HTTP/1.1", "");
                assert_eq!(asked.unwrap().0, 204);
                answered.fetch_add(1, SeqCst);
            })
        })
        .collect();
    // All of them have come, and none is answered; the scrape is one too.
    let began = Instant::now();
    while !server.get("/metrics").unwrap().text().contains("\nhttp_requests_in_flight 9\n") {
        assert!(began.elapsed() < Duration::from_secs(30), "they are not in flight all at once");
        thread::sleep(Duration::from_millis(20));
    }
    server.stop().unwrap();
    for client in clients {
        client.join().unwrap();
    }
    assert_eq!(answered.load(SeqCst), 8);
}
