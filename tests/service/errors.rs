//! Every status of the contract on the wire, in the one envelope, with its trace.

use serde_json::json;

use super::support::{PATIENCE, Server};

const JSON: &str = "application/json";

#[test]
fn every_error_has_its_status_and_the_envelope() {
    let server = Server::faulty(&[]);
    let client = || server.connect();
    let long = "x".repeat(9 * 1024);

    assert_eq!(client().get("/nope").error(), (404, "NOT_FOUND".into()));
    assert_eq!(client().request("DELETE", "/version").error(), (405, "METHOD_NOT_ALLOWED".into()));
    assert_eq!(client().get("/conflict").error(), (409, "CONFLICT".into()));
    assert_eq!(client().get(&format!("/{long}")).error(), (414, "URI_TOO_LONG".into()));
    assert_eq!(client().get("/fail").error(), (500, "INTERNAL_ERROR".into()));
    assert_eq!(client().get("/panic").error(), (500, "INTERNAL_ERROR".into()));
    assert_eq!(
        client().post("/order", "text/plain", b"x").error(),
        (415, "UNSUPPORTED_MEDIA_TYPE".into())
    );
    assert_eq!(client().post("/order", JSON, b"{").error(), (400, "INVALID_INPUT".into()));
    let wrong = br#"{"item":"tea","count":"two"}"#;
    assert_eq!(client().post("/order", JSON, wrong).error(), (422, "UNPROCESSABLE_ENTITY".into()));
    let long_one = format!(r#"{{"item":"tea","count":"{long}"}}"#);
    let refused = client().post("/order", JSON, long_one.as_bytes());
    assert!(refused.status == 422 && refused.body.len() < 1000, "{refused:?}");
    let right = br#"{"item":"tea","count":2}"#;
    assert_eq!(
        client().post("/order", "application/json; charset=utf-8", right).text(),
        "2 of tea"
    );

    let mut large = client();
    large.send(format!("GET / HTTP/1.1\r\nHost: t\r\nX: {long}\r\nY: {long}\r\n\r\n"));
    assert_eq!(large.response().error(), (431, "HEADER_FIELDS_TOO_LARGE".into()));

    let mut much = client();
    much.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 1048577\r\n\r\n");
    assert_eq!(much.response().error(), (413, "PAYLOAD_TOO_LARGE".into()));

    let hasty = Server::faulty(&[("SERVER__REQUEST_TIMEOUT", "500ms")]);
    assert_eq!(hasty.get("/never").error(), (504, "TIMEOUT".into()));
    let mut half = hasty.connect();
    half.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nhalf");
    assert_eq!(half.response().error(), (408, "REQUEST_TIMEOUT".into()));

    let mut ignored = hasty.connect();
    ignored.send("POST /ignore HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nhalf");
    assert_eq!(ignored.response().error(), (504, "TIMEOUT".into()), "the handler was slow itself");

    for hosts in ["", "Host: a\r\nHost: b\r\n"] {
        let mut hostless = client();
        hostless.send(format!("GET /version HTTP/1.1\r\n{hosts}\r\n"));
        assert_eq!(hostless.response().error(), (400, "INVALID_INPUT".into()));
    }
    let mut old = client();
    old.send("GET /version HTTP/1.0\r\n\r\n");
    assert_eq!(old.response().status, 200, "HTTP/1.0 has no Host");
}

#[test]
fn the_trace_is_the_same_in_header_body_and_log() {
    let server = Server::faulty(&[]);
    let mut client = server.connect();
    client.send(
        "GET /fail HTTP/1.1\r\nHost: t\r\n\
         traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n",
    );
    let response = client.response();
    assert_eq!(response.error().0, 500);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    assert_eq!(response.header("x-request-id"), Some(trace));
    assert!(!response.text().contains("hunter2"), "the cause stays inside");
    let of_trace = |message: &'static str| {
        let (line, _) = server.log_line(message, PATIENCE, move |line| {
            line["message"] == message && line["trace_id"] == trace
        });
        line
    };
    let access = of_trace("request");
    assert_eq!((&access["route"], &access["status"]), (&json!("/fail"), &json!(500)));
    let error = of_trace("something went wrong on our side");
    assert_eq!(error["level"], "ERROR");
    assert_eq!(error["span_id"], access["span_id"]);
    assert_eq!(error["error"], "postgres://app:hunter2@db is down", "the log has the cause");

    server.get("/hello/w%C3%B6rld");
    let (line, _) = server.log_line("greeting", PATIENCE, |line| line["message"] == "greeting");
    assert_eq!(line["name"], "wörld");
    assert_eq!(line["trace_id"].as_str().unwrap().len(), 32, "a handler's own lines have it too");
}

#[test]
fn an_ingress_s_request_id_is_the_trace_s_id() {
    let server = Server::faulty(&[]);
    let mut client = server.connect();
    let trace = "7f0e2d6a5b9c41d8a3e6f1b2c4d5e6f7";
    client.send(format!("GET /fail HTTP/1.1\r\nHost: t\r\nX-Request-ID: {trace}\r\n\r\n"));
    let response = client.response();
    assert_eq!(response.error().0, 500);
    assert_eq!(response.header("x-request-id"), Some(trace));
    server.log_line("the error's", PATIENCE, |line| {
        line["level"] == "ERROR" && line["trace_id"] == trace
    });
}

#[test]
fn a_panic_is_a_500_and_the_connection_lives() {
    let server = Server::faulty(&[]);
    let mut client = server.connect();
    let response = client.get("/panic");
    assert_eq!(response.error(), (500, "INTERNAL_ERROR".into()));
    assert_eq!(client.get("/version").status, 200, "on the same connection");
    let (line, _) = server.log_line("panicked", PATIENCE, |line| line["target"] == "panic");
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["trace_id"].as_str(), response.header("x-request-id"));
    assert!(line["location"].as_str().unwrap().contains("faults.rs"), "{line}");
    assert!((server.metric("http_panics_total") - 1.0).abs() < f64::EPSILON);

    let mut streaming = server.connect();
    streaming.send("GET /panic-later HTTP/1.1\r\nHost: t\r\n\r\n");
    let bytes = streaming.rest_until_close();
    assert!(bytes.starts_with(b"HTTP/1.1 200") && !bytes.ends_with(b"0\r\n\r\n"), "cut, not ended");
    assert!((server.metric("http_panics_total") - 2.0).abs() < f64::EPSILON);
}

#[test]
fn methods_and_targets_of_every_form_are_answered() {
    let server = Server::faulty(&[]);
    let mut client = server.connect();

    let get = client.get("/version");
    let head = client.request("HEAD", "/version");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), get.header("content-length"));
    assert_eq!(client.request("HEAD", "/health").status, 200);
    assert_eq!(client.request("HEAD", "/nope").status, 404);
    for (path, status) in [("/log/0", 204), ("/unchanged", 304)] {
        let head = client.request("HEAD", path);
        assert_eq!((head.status, head.header("content-length")), (status, None), "{path}");
    }

    let refused = client.request("DELETE", "/version");
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    let brewed = client.request("BREW", "/version");
    assert_eq!((brewed.status, brewed.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    assert_eq!(client.request("BREW", "/nope").status, 404);

    let options = client.request("OPTIONS", "/echo");
    assert_eq!((options.status, options.header("allow")), (204, Some("OPTIONS, POST")));
    let all = client.request("OPTIONS", "*");
    assert_eq!(all.status, 204);
    assert!(all.header("allow").unwrap().contains("GET"));

    assert_eq!(client.get("http://elsewhere.test/version").status, 200, "absolute form");
    assert_eq!(client.get("/version?secret=1").status, 200);
    assert_eq!(client.get("//version").status, 404);
    assert_eq!(client.get("/hello/a%2Fb").text(), "Hello, a/b!");
    assert_eq!(client.get("/hello/%ff").error(), (400, "INVALID_INPUT".into()));
    assert_eq!(client.get("/sleep/long").error(), (400, "INVALID_INPUT".into()));
    assert_eq!(client.request("CONNECT", "elsewhere.test:443").status, 404);
}

#[test]
fn a_handler_gets_what_the_query_says() {
    let server = Server::faulty(&[]);
    let mut client = server.connect();
    for (target, expected) in [
        ("/search", json!(null)),
        ("/search?", json!(null)),
        ("/search?p=1&r", json!(null)),
        ("/search?q", json!("")),
        ("/search?q=", json!("")),
        ("/search?p=1&q=tea&q=coffee", json!("tea")),
        ("/search?%71=a+b%2Bc%26d=%3D", json!("a b+c&d==")),
        ("/search?q=w%C3%B6rld", json!("wörld")),
        ("/search?%ff=1&q=tea", json!("tea")),
    ] {
        assert_eq!(client.get(target).json(), expected, "{target}");
    }
    assert_eq!(client.get("/search?q=%ff").error(), (400, "INVALID_INPUT".into()));
}
