//! What a mounted service has without asking: it misbehaves here in every way that it can.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path};
use axum::http::{HeaderMap, Response};
use axum::routing::{any, get, post};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use pcf_api::Routes;
use pcf_api::testing::{self, TestServer};
use tokio::sync::{Notify, mpsc};

use super::client::{Client, metric, pieces, request, run, text, until, whole};

fn serve(router: Router, environment: &[(&str, &str)]) -> TestServer {
    serve_routes(Routes::new().mount("/in", router), environment)
}

fn serve_routes(routes: Routes, environment: &[(&str, &str)]) -> TestServer {
    testing::serve(pcf_api::service!().routes(|_| routes), environment).unwrap()
}

/// The code of an answer in the one envelope.
fn code(text: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(json["error"]["trace_id"].as_str().map(str::len), Some(32), "{text}");
    json["error"]["code"].as_str().expect("a code").to_owned()
}

async fn forever() -> &'static str {
    std::future::pending().await
}

#[test]
fn its_requests_are_counted_by_the_pattern_and_not_by_the_path() {
    let router = Router::new().route("/{name}", any(async |Path(name): Path<String>| name));
    let server = serve(router, &[]);
    for name in 0..20 {
        assert_eq!(server.get(&format!("/in/{name}")).unwrap().text(), name.to_string());
    }
    assert_eq!(server.ask("PURGE", "/in/x", &[], b"").unwrap().status, 200);
    let count = |method: &str| {
        let labels = format!(r#"{{method="{method}",route="/in/{{*rest}}",status="200"}}"#);
        metric(&server, &format!("http_requests_total{labels}"))
    };
    assert_eq!((count("GET"), count("other")), (20, 1));
    assert!(!server.get("/metrics").unwrap().text().contains("/in/7"));
    server.stop().unwrap();
}

#[test]
fn its_panic_is_a_500_and_the_connection_lives_on() {
    async fn broken() -> &'static str {
        panic!("as it was asked to")
    }
    async fn broken_frame(gate: Arc<Notify>) -> Result<Frame<Bytes>, Infallible> {
        gate.notified().await;
        panic!("late")
    }
    let gate = Arc::new(Notify::new());
    let wait = Arc::clone(&gate);
    let late = async move || {
        let first = stream::iter([Ok(Frame::data(Bytes::from_static(b"some")))]);
        Body::new(StreamBody::new(first.chain(stream::once(broken_frame(wait)))))
    };
    let router = Router::new()
        .route("/panic", get(broken))
        .route("/late", get(late))
        .route("/fine", get(async || "fine"));
    let server = serve(router, &[]);
    run(async {
        for mut client in Client::both(server.address()).await {
            let (status, text) = client.get("/in/panic").await;
            assert_eq!((status, code(&text).as_str()), (500, "INTERNAL_ERROR"));
            assert!(!text.contains("as it was asked to"));
            assert_eq!(
                client.get("/in/fine").await,
                (200, "fine".to_owned()),
                "the same connection"
            );
        }
        let mut client = Client::http2(server.address()).await;
        let answer = client.send(request("GET", "/in/late", &[], whole(""))).await;
        let mut body = answer.into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "some");
        gate.notify_one();
        assert!(body.collect().await.is_err(), "broken off, and not ended");
        assert_eq!(client.get("/in/fine").await.0, 200);
    });
    assert_eq!(metric(&server, "http_panics_total "), 3);
    server.stop().unwrap();
}

#[test]
fn limit_and_timeout_of_its_route_hold() {
    let router = Router::new()
        .route("/slow", any(forever))
        .route("/read", post(async |body: Bytes| body.len().to_string()));
    let short = Duration::from_millis(200);
    let limited = Routes::new().mount("/in", router.clone()).timeout(short).max_body_bytes(10);
    let both = limited.mount("/out", router);
    let server = serve_routes(both, &[("SERVER__REQUEST_TIMEOUT", "4s")]);
    run(async {
        for mut client in Client::both(server.address()).await {
            for (path, from, to) in [("/in/slow", 0.2, 3.9), ("/out/slow", 4.0, 20.0)] {
                let began = Instant::now();
                let (status, text) = client.get(path).await;
                assert_eq!((status, code(&text).as_str()), (504, "TIMEOUT"), "{path}");
                let took = began.elapsed().as_secs_f64();
                assert!(from <= took && took < to, "{path} took {took}");
            }
            for (path, status) in [("/out/read", 200), ("/in/read", 413)] {
                let body = pieces(vec![Bytes::from_static(b"eleven byte"); 1]);
                assert_eq!(client.send(request("POST", path, &[], body)).await.status(), status);
            }
        }
    });
    server.stop().unwrap();
}

#[test]
fn what_is_shed_of_it_has_the_envelope() {
    let gate = Arc::new(Notify::new());
    let wait = Arc::clone(&gate);
    let slow = async move || {
        wait.notified().await;
        "done"
    };
    let server = serve(Router::new().route("/slow", get(slow)), &[("SERVER__MAX_IN_FLIGHT", "1")]);
    run(async {
        let mut first = Client::http1(server.address()).await;
        let first = tokio::spawn(async move { first.get("/in/slow").await });
        until("it is in flight", || metric(&server, "http_requests_in_flight ") > 1).await;
        let mut second = Client::http1(server.address()).await;
        let answer = second.send(request("GET", "/in/slow", &[], whole(""))).await;
        assert_eq!(answer.headers()["retry-after"], "1");
        assert_eq!(
            (answer.status().as_u16(), code(&text(answer).await).as_str()),
            (503, "SERVICE_UNAVAILABLE")
        );
        gate.notify_one();
        assert_eq!(first.await.unwrap(), (200, "done".to_owned()));
    });
    let sample = r#"http_requests_shed_total{reason="in_flight"}"#;
    assert_eq!(metric(&server, sample), 1);
    server.stop().unwrap();
}

#[test]
fn its_stream_and_its_trailers_pass_through() {
    let (give, take) = mpsc::unbounded_channel::<Frame<Bytes>>();
    let take = Arc::new(Mutex::new(Some(take)));
    let streamed = async move || {
        let take = take.lock().unwrap().take().expect("asked once");
        let frames = stream::unfold(take, |mut take: mpsc::UnboundedReceiver<_>| async move {
            take.recv().await.map(|frame| (Ok::<_, Infallible>(frame), take))
        });
        Response::new(Body::new(StreamBody::new(frames)))
    };
    let server = serve(Router::new().route("/stream", get(streamed)), &[]);
    run(async {
        let mut client = Client::http2(server.address()).await;
        let answer = client.send(request("GET", "/in/stream", &[], whole(""))).await;
        let mut body = answer.into_body();
        for piece in ["one", "two"] {
            give.send(Frame::data(Bytes::from_static(piece.as_bytes()))).unwrap();
            let frame = body.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), piece, "before the next one is made");
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "6".parse().unwrap());
        give.send(Frame::trailers(trailers)).unwrap();
        drop(give);
        let trailers = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(trailers["x-sum"], "6");
    });
    server.stop().unwrap();
}

#[test]
fn the_memory_of_a_body_that_it_keeps_is_counted() {
    const KEPT: u64 = 4 << 20;
    let gate = Arc::new(Notify::new());
    let wait = Arc::clone(&gate);
    let keep = async move |body: Body| {
        let kept = body.collect().await.unwrap();
        wait.notified().await;
        kept.to_bytes().len().to_string()
    };
    let router = Router::new().route("/keep", post(keep)).layer(DefaultBodyLimit::disable());
    let server = serve_routes(Routes::new().mount("/in", router).max_body_bytes(8 << 20), &[]);
    let held = || metric(&server, "http_buffered_bytes ");
    let before = held();
    let more = || held().saturating_sub(before);
    run(async {
        for mut client in Client::both(server.address()).await {
            let sent = request("POST", "/in/keep", &[], whole(vec![b'x'; 4 << 20]));
            let answer = tokio::spawn(async move { text(client.send(sent).await).await });
            until("all of it is counted", || more() >= KEPT).await;
            gate.notify_one();
            assert_eq!(answer.await.unwrap(), KEPT.to_string());
        }
        until("it is given back", || more() < 128 * 1024).await;
    });
    server.stop().unwrap();
}
