//! What a client can do as often as it likes makes no log without an end.

use std::time::Duration;

use super::support::{PATIENCE, Server, eventually};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A PING that answers one which was never sent: RFC 9113, 6.7.
const STRAY_PONG: &[u8] = b"\0\0\x08\x06\x01\0\0\0\0strayed!";

#[test]
fn a_library_s_warnings_are_bounded_and_those_left_out_are_counted() {
    const COUNT: usize = 20_000;
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send(PREFACE);
    for _ in 0..COUNT / 100 {
        client.try_send(STRAY_PONG.repeat(100));
    }
    let of_h2 = || {
        let log = server.log().into_iter();
        log.filter(|line| line["target"].as_str().unwrap().starts_with("h2")).count()
    };
    eventually("the first of them", PATIENCE, || match of_h2() {
        0 => Err("none".to_owned()),
        _ => Ok(()),
    });
    // Any line tells what was left out once its time is over.
    eventually("what was left out", Duration::from_secs(60), || {
        server.get("/version");
        let log = server.log();
        let told = log
            .iter()
            .find(|line| line["message"] == "lines of h2 were left out: there were too many");
        let told = told.ok_or_else(|| format!("{} lines of h2", of_h2()))?;
        assert!(told["lines"].as_u64().unwrap() > 0, "{told}");
        Ok(())
    });
    // Ten in ten seconds, of which a slow machine may need a few.
    assert!(of_h2() <= 60, "{} lines", of_h2());
}
