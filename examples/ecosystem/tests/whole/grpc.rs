//! tonic: calls, trailers, streams, the drain, and the tools of gRPC themselves.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{HeaderMap, Response};

use super::client::{Client, metric, pieces, request, run, serve, until, whole};

const CHECK: &str = "/grpc.health.v1.Health/Check";
const WATCH: &str = "/grpc.health.v1.Health/Watch";

/// A message with no field set: the whole service is asked for.
const ASK: &[u8] = &[0, 0, 0, 0, 0];
const SERVING: &[u8] = &[0, 0, 0, 0, 2, 8, 1];
const NOT_SERVING: &[u8] = &[0, 0, 0, 0, 2, 8, 2];

async fn call(client: &mut Client, path: &str, message: &'static [u8]) -> Response<Incoming> {
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    client.send(request("POST", path, &headers, whole(message))).await
}

async fn message(answer: &mut Response<Incoming>) -> Bytes {
    answer.body_mut().frame().await.unwrap().unwrap().into_data().expect("a message")
}

async fn trailers(answer: &mut Response<Incoming>) -> HeaderMap {
    answer.body_mut().frame().await.unwrap().unwrap().into_trailers().expect("trailers")
}

#[test]
fn a_call_has_its_trailers_and_its_route_in_the_metrics() {
    let server = serve(&[]);
    run(async {
        let mut client = Client::http2(server.address()).await;
        let mut answer = call(&mut client, CHECK, ASK).await;
        assert_eq!((answer.status().as_u16(), message(&mut answer).await), (200, SERVING.into()));
        assert_eq!(trailers(&mut answer).await["grpc-status"], "0");
        assert!(answer.headers().contains_key("x-request-id"));
        let unknown = call(&mut client, "/grpc.health.v1.Health/Heal", ASK).await;
        assert_eq!(unknown.headers()["grpc-status"], "12", "unimplemented");
    });
    let sample = r#"http_requests_total{method="POST",route="/grpc.health.v1.Health/{*method}",status="200"}"#;
    // Over HTTP/2 a client has its answer a moment before the request is over.
    run(until("both are counted", || metric(&server, sample) == 2));
    server.stop().unwrap();
}

#[test]
fn a_message_over_the_route_s_limit_is_no_success() {
    let server = serve(&[("SERVER__MAX_BODY_BYTES", "4KiB")]);
    run(async {
        let mut client = Client::http2(server.address()).await;
        // Field 1, a text of 6 000 bytes.
        let head: &[u8] = &[0, 0, 0, 0x17, 0x73, 0x0a, 0xf0, 0x2e];
        let body = vec![head.into(), Bytes::from(vec![b'x'; 3000]), Bytes::from(vec![b'x'; 3000])];
        let headers = [("content-type", "application/grpc"), ("te", "trailers")];
        let mut answer = client.send(request("POST", CHECK, &headers, pieces(body))).await;
        let status = match answer.headers().get("grpc-status") {
            Some(status) => status.clone(),
            None => trailers(&mut answer).await["grpc-status"].clone(),
        };
        assert_ne!(status, "0");
        assert_ne!(status, "5", "it reached the service");
    });
    server.stop().unwrap();
}

#[test]
fn a_stream_is_told_of_the_drain_and_ended_by_it() {
    let server = serve(&[("SERVER__DRAIN_TIMEOUT", "20s")]);
    run(async {
        let mut client = Client::http2(server.address()).await;
        let mut answer = call(&mut client, WATCH, ASK).await;
        assert_eq!(message(&mut answer).await, SERVING);
        let began = Instant::now();
        let end = tokio::task::spawn_blocking(move || server.stop());
        assert_eq!(message(&mut answer).await, NOT_SERVING);
        assert_eq!(trailers(&mut answer).await["grpc-status"], "0");
        end.await.unwrap().unwrap();
        assert!(began.elapsed() < Duration::from_secs(10), "long before the drain timeout");
    });
}

/// What a tool says to this server; none where it is not installed.
fn tool(name: &str, arguments: &[&str], address: SocketAddr) -> Option<(Option<i32>, String)> {
    let address = address.to_string();
    let arguments = arguments.iter().map(|argument| argument.replace("ADDRESS", &address));
    let output = match Command::new(name).args(arguments).output() {
        Ok(output) => output,
        Err(error) if std::env::var_os("ECOSYSTEM_TOOLS").is_some() => panic!("{name}: {error}"),
        Err(error) => {
            eprintln!("skipped: {name}: {error}; `go install` gives it, see .ci/run");
            return None;
        }
    };
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.code(), String::from_utf8_lossy(&text).into_owned()))
}

#[test]
fn grpc_health_probe_is_answered() {
    let server = serve(&[]);
    let probe = |arguments: &[&str]| tool("grpc-health-probe", arguments, server.address());
    let Some((code, text)) = probe(&["-addr=ADDRESS"]) else { return };
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("status: SERVING"), "{text}");
    let (code, text) = probe(&["-addr=ADDRESS", "-service=other"]).unwrap();
    assert_ne!(code, Some(0), "{text}");
    server.stop().unwrap();
}
