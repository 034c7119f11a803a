//! The axum Router: extractors, limits, a stream and the drain.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt;

use super::client::{Client, pieces, request, run, serve, text, whole};

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "multipart/form-data; boundary=B");

/// A form with one file of so many bytes, in pieces of 8 KiB.
fn form(bytes: usize) -> Vec<Bytes> {
    let head = "--B\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\n";
    let mut form = vec![Bytes::from_static(head.as_bytes())];
    form.extend(vec![b'x'; bytes].chunks(8192).map(Bytes::copy_from_slice));
    form.push(Bytes::from_static(b"\r\n--B--\r\n"));
    form
}

#[test]
fn its_extractors_work_below_the_prefix() {
    let server = serve(&[]);
    let created = server.ask("POST", "/notes", &[JSON], br#"{"text":"milk"}"#).unwrap();
    assert_eq!(created.status, 201);
    for path in ["/notes", "/notes/"] {
        assert_eq!(server.get(path).unwrap().text(), r#"[{"text":"milk"}]"#, "{path}");
    }
    let refused = server.ask("POST", "/notes", &[JSON], b"{}").unwrap();
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert_eq!(refused.header("x-request-id").map(str::len), Some(32), "has a trace all the same");
    let sent = server.ask("POST", "/notes/files", &[FORM], &form(5).concat()).unwrap();
    assert_eq!(sent.text(), r#"[{"name":"a.bin","bytes":5}]"#);
    assert_eq!(server.get("/notes/nothing").unwrap().status, 404);
    server.stop().unwrap();
}

#[test]
fn a_body_over_the_route_s_limit_is_413_whatever_reads_it() {
    let server = serve(&[("SERVER__MAX_BODY_BYTES", "64KiB")]);
    let json = || {
        let text =
            format!(r#"{{"text":"{}","numbers":[{}1]}}"#, "x".repeat(70_000), "1,".repeat(9));
        text.into_bytes().chunks(8192).map(Bytes::copy_from_slice).collect::<Vec<_>>()
    };
    let cases = [
        ("/notes", JSON, json()),
        ("/notes/files", FORM, form(70_000)),
        ("/api/sum", JSON, json()),
        ("/api/upload", FORM, form(70_000)),
    ];
    run(async {
        for (path, media_type, body) in cases {
            for mut client in Client::both(server.address()).await {
                let sent = request("POST", path, &[media_type], pieces(body.clone()));
                assert_eq!(client.send(sent).await.status(), 413, "{path}, while it is read");
                let mut other = Client::http1(server.address()).await;
                let sent = request("POST", path, &[media_type], whole(body.concat()));
                let answer = other.send(sent).await;
                assert_eq!(answer.status(), 413, "{path}, by its length");
                assert!(text(answer).await.contains("PAYLOAD_TOO_LARGE"), "{path}");
            }
        }
    });
    for (path, body) in [("/notes/files", form(60_000)), ("/api/upload", form(60_000))] {
        assert_eq!(server.ask("POST", path, &[FORM], &body.concat()).unwrap().status, 200);
    }
    server.stop().unwrap();
}

#[test]
fn its_events_come_at_once_and_end_with_the_drain() {
    let server = serve(&[]);
    run(async {
        let [one, two] = Client::both(server.address()).await;
        let mut streams = Vec::new();
        for mut client in [one, two] {
            let answer = client.send(request("GET", "/notes/events", &[], whole(""))).await;
            assert_eq!(answer.headers()["content-type"], "text/event-stream");
            streams.push((client, answer.into_body()));
        }
        let began = Instant::now();
        server.ask("POST", "/notes", &[JSON], br#"{"text":"milk"}"#).unwrap();
        for (_, body) in &mut streams {
            let mut seen = String::new();
            while !seen.contains("data: 1") {
                let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
                seen.push_str(std::str::from_utf8(&piece).unwrap());
            }
        }
        let end = tokio::task::spawn_blocking(move || server.stop());
        for (_, body) in streams {
            let rest = body.collect().await.expect("ended, and not broken off");
            assert!(rest.to_bytes().is_empty());
        }
        end.await.unwrap().unwrap();
        assert!(began.elapsed() < Duration::from_secs(10), "long before the drain timeout");
    });
}
