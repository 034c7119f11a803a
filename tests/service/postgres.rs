//! A real PostgreSQL that comes, goes, hangs, shuts down and recovers, under every way it may want to
//! be sure of its clients; and what the checks leave in its log.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::support::databases::Postgres;
use super::support::health::{NOTICED, answers, becomes, checks, status, tells};
use super::support::peers::{Peer, free_port};
use super::support::{PATIENCE, Server, eventually, has_tool};

/// The service with a dependency for each user of this server, named like the user.
fn server_of(users: &[&str], port: u16) -> Server {
    let pairs: Vec<(String, String)> = users
        .iter()
        .flat_map(|user| {
            let name = user.to_uppercase();
            let url = format!("postgres://{user}:hunter2@127.0.0.1:{port}/postgres");
            [
                (format!("DEPENDENCIES__{name}__URL"), url),
                (format!("DEPENDENCIES__{name}__GRACE"), "0s".to_owned()),
                // After a check that is cut, a server that refuses is asked, and logs it, once more.
                (format!("DEPENDENCIES__{name}__TIMEOUT"), "5s".to_owned()),
            ]
        })
        .collect();
    let environment: Vec<_> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    Server::start(&environment)
}

#[test]
fn it_comes_goes_hangs_and_shuts_down() {
    if !has_tool("initdb") || !has_tool("pg_ctl") {
        return;
    }
    let port = free_port();
    let postgres = Postgres::new(port);
    let url = format!("postgres://app:hunter2@127.0.0.1:{port}/postgres");
    let server = Server::start(&[("DATABASE_URL", &url)]);

    assert_eq!(status(&server), (503, "starting".into()), "down at the start, within its grace");
    postgres.start();
    // Within its grace it is unhealthy, and no longer starting, only once it has answered in time.
    let (report, _) = eventually("an answer in time", NOTICED, || {
        let report = answers(&server, "database");
        if report["consecutive_failures"] == 0 { Ok(report) } else { Err(report.to_string()) }
    });
    assert_eq!(report["criticality"], "critical");

    postgres.signal_all("STOP");
    tells(&server, "database", "no answer within 2000 ms");
    assert_eq!(status(&server), (503, "unhealthy".into()));
    assert_eq!(server.get("/health").status, 200, "liveness needs nobody");
    postgres.signal_all("CONT");
    answers(&server, "database");

    // A session that stays open keeps a server that shuts down smartly there, and refusing.
    let session = psql_session(port);
    postgres.stop("smart");
    tells(&server, "database", "rejected: the database system is shutting down");
    drop(session);
    tells(&server, "database", "connection refused");
    postgres.start();
    answers(&server, "database");

    eventually("a change of state is one line", PATIENCE, || {
        let log = server.log();
        let of_database = log.iter().filter(|line| line["dependency"] == "database");
        let changes: Vec<_> = of_database.filter(|line| !line["from"].is_null()).collect();
        // How fast it answers decides between healthy and the rest, and is the machine's affair.
        let is_up = |line: &&&serde_json::Value| {
            let reason = line["reason"].as_str().unwrap_or_default();
            line["message"] != "dependency is unhealthy" || reason.starts_with("too slow")
        };
        let kinds: Vec<bool> = changes.iter().map(|line| is_up(&line)).collect();
        let mut turns = kinds.clone();
        turns.dedup();
        let is_told = turns == [true, false, true, false, true];
        if is_told { Ok(()) } else { Err(format!("{changes:?}")) }
    });
    assert!(!server.raw_lines().join("\n").contains("hunter2"));
    assert_eq!(server.stop(), 0);
}

/// A session that is authenticated and stays, without a client library: startup, then silence.
fn psql_session(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let body = b"\0\x03\0\0user\0app\0database\0postgres\0\0";
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    stream.write_all(&[&length[..], body].concat()).unwrap();
    assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
    stream
}

/// How a server may want to be sure of its clients, and the user that each line is for.
const METHODS: &str = "
host all trust 127.0.0.1/32 trust
host all password 127.0.0.1/32 password
host all md5 127.0.0.1/32 md5
host all scram 127.0.0.1/32 scram-sha-256
hostssl all clientcert 127.0.0.1/32 scram-sha-256 clientcert=verify-full
hostssl all cert 127.0.0.1/32 cert
host all rejected 127.0.0.1/32 reject
";

/// Those that get to say who they are; the others are refused as soon as they have named themselves.
const ASKED: [&str; 4] = ["trust", "password", "md5", "scram"];
const REFUSED: [&str; 4] = ["clientcert", "cert", "rejected", "stranger"];

#[test]
fn its_log_has_no_line_of_the_checks_under_any_method() {
    if !["initdb", "pg_ctl", "psql", "openssl"].iter().all(|tool| has_tool(tool)) {
        return;
    }
    let port = free_port();
    let postgres = Postgres::with_tls(port);
    postgres.allow(METHODS);
    postgres.start();
    for user in ASKED {
        let method = if user == "md5" { "md5" } else { "scram-sha-256" };
        postgres.sql(&format!(
            "SET password_encryption='{method}'; CREATE ROLE {user} LOGIN PASSWORD 'x'"
        ));
    }
    let all: Vec<&str> = [ASKED, REFUSED].concat();
    let before = postgres.log();
    let server = server_of(&all, port);
    for user in &all {
        answers(&server, user);
    }
    checks(&server, &all, 2.0);
    let log = postgres.log();
    let new = log[before.len()..].lines().filter(|line| !line.contains("checkpoint"));
    let new: Vec<&str> = new.collect();
    // Only asking tells whether a server refuses; it is not asked that twice.
    for user in REFUSED {
        let of_user = new.iter().filter(|line| line.contains(&format!("user \"{user}\"")));
        assert_eq!(of_user.count(), 1, "{user}: {new:#?}");
    }
    assert_eq!(new.len(), REFUSED.len(), "{new:#?}");

    // Nor is a shutdown or a restart hidden by that.
    postgres.stop("fast");
    for user in &all {
        tells(&server, user, "connection refused");
    }
    postgres.start();
    for user in &all {
        answers(&server, user);
    }
}

#[test]
fn a_server_that_recovers_is_told_from_one_that_is_up() {
    if !has_tool("initdb") || !has_tool("pg_ctl") {
        return;
    }
    let port = free_port();
    let postgres = Postgres::new(port);
    postgres.allow(METHODS);
    postgres.start_as_standby();
    let users = ["trust", "scram", "cert", "stranger"];
    let server = server_of(&users, port);
    for user in users {
        tells(&server, user, "rejected: the database system is not accepting connections");
    }
    postgres.promote();
    for user in users {
        answers(&server, user);
    }
}

#[test]
fn of_several_hosts_one_that_is_up_is_enough() {
    if !has_tool("initdb") || !has_tool("pg_ctl") {
        return;
    }
    let port = free_port();
    let postgres = Postgres::new(port);
    postgres.start();
    // Refuses, says nothing, speaks something else, is not there.
    let silent = Peer::start(None);
    let web = Peer::start(Some("HTTP/1.1 400 Bad Request\r\n\r\n"));
    let places = format!(
        "127.0.0.1:1,127.0.0.1:{},127.0.0.1:{},no-such-host.invalid,127.0.0.1:{port}",
        silent.port, web.port
    );
    let url = format!("postgres://app@{places}/postgres?target_session_attrs=read-write");
    let server = Server::start(&[("DATABASE_URL", &url)]);
    answers(&server, "database");
    postgres.stop("fast");
    becomes(&server, "database", "unhealthy");

    let nowhere = format!("postgres://127.0.0.1:1,127.0.0.1:{}/db", web.port);
    let server = Server::start(&[("DATABASE_URL", &nowhere)]);
    tells(&server, "database", "connection refused; answered, but not as PostgreSQL");
}
