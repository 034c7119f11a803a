//! A real Redis that comes, goes and refuses, under every way it may want to be sure of its clients; and
//! what the checks leave in its log.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use super::support::databases::Redis;
use super::support::health::{NOTICED, answers, becomes, checks, has_answered, status, tells};
use super::support::peers::{Folder, Peer, free_port};
use super::support::{PATIENCE, Server, eventually, has_tool};

#[test]
fn it_comes_goes_and_refuses_and_its_new_password_is_used_without_a_restart() {
    if !has_tool("redis-server") {
        return;
    }
    let (port, folder) = (free_port(), Folder::new());
    let url = |password: &str| format!("redis://:{password}@127.0.0.1:{port}/0\n");
    let file = folder.file("url", &url("first"));
    let server = Server::start(&[
        ("DEPENDENCIES__CACHE__URL", &format!("file:{file}")),
        ("DEPENDENCIES__CACHE__CRITICALITY", "important"),
        ("DEPENDENCIES__CACHE__GRACE", "0s"),
    ]);
    becomes(&server, "cache", "unhealthy");
    assert_eq!(status(&server), (200, "degraded".into()), "an important one");
    let cache = Redis::with_password(port, "first");
    answers(&server, "cache");

    drop(cache);
    becomes(&server, "cache", "unhealthy");
    let cache = Redis::with_password(port, "second");
    tells(&server, "cache", "rejected: WRONGPASS");
    folder.file("url", &url("second"));
    answers(&server, "cache");
    server.log_line("the change told", NOTICED, |line| {
        line["message"] == "a dependency's URL has changed; the new one is in use"
    });

    // A file that is gone or broken for a moment changes nothing.
    std::fs::remove_file(&file).unwrap();
    checks(&server, &["cache"], 2.0);
    assert!(has_answered(&server.health()["services"]["cache"]));

    cache.signal("STOP");
    tells(&server, "cache", "no answer within 2000 ms");
    cache.signal("CONT");
    answers(&server, "cache");
    let log = server.raw_lines().join("\n");
    assert!(!log.contains("first") && !log.contains("second"), "{log}");
}

/// An address of this machine that is not the loopback's; none where there is no network.
fn outer_address() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // Nothing is sent: the route alone decides.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(address) if !address.is_loopback() => Some(address),
        _ => None,
    }
}

#[test]
fn its_log_has_no_line_of_the_checks_whoever_it_lets_in() {
    if !has_tool("redis-server") {
        return;
    }
    let (secured, protected) = (free_port(), free_port());
    let mut users = vec!["--bind", "127.0.0.1", "--requirepass", "pw"];
    users.extend(["--user", "app", "on", ">pw", "+ping", "--user", "mute", "on", ">pw"]);
    let secured_redis = Redis::start(secured, &users);
    let protected_redis = Redis::start(protected, &["--bind", "0.0.0.0"]);
    for redis in [&secured_redis, &protected_redis] {
        eventually("ready", PATIENCE, || {
            let log = redis.log();
            if log.contains("Ready to accept connections") { Ok(()) } else { Err(log) }
        });
    }
    let before = [secured_redis.log(), protected_redis.log()];
    let mut cases = vec![
        ("PASSWORD", format!("redis://:pw@127.0.0.1:{secured}"), None),
        ("USER", format!("redis://app:pw@127.0.0.1:{secured}"), None),
        ("NOBODY", format!("redis://127.0.0.1:{secured}"), Some("rejected: NOAUTH")),
        ("WRONG", format!("redis://app:no@127.0.0.1:{secured}"), Some("rejected: WRONGPASS")),
        ("MUTE", format!("redis://mute:pw@127.0.0.1:{secured}"), Some("rejected: NOPERM")),
        ("LOCAL", format!("redis://127.0.0.1:{protected}"), None),
    ];
    match outer_address() {
        Some(address) => {
            cases.push((
                "OUTER",
                format!("redis://{address}:{protected}"),
                Some("rejected: DENIED"),
            ));
        }
        None => eprintln!("skipped in part: this machine has no address but the loopback's"),
    }
    let pairs: Vec<(String, &str)> = cases
        .iter()
        .flat_map(|(name, url, _)| {
            let setting = |last| format!("DEPENDENCIES__{name}__{last}");
            [(setting("URL"), url.as_str()), (setting("GRACE"), "0s")]
        })
        .collect();
    let environment: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let server = Server::start(&environment);
    let names: Vec<String> = cases.iter().map(|(name, ..)| name.to_lowercase()).collect();
    for (name, (_, _, refusal)) in names.iter().zip(&cases) {
        match refusal {
            None => drop(answers(&server, name)),
            Some(refusal) => drop(tells(&server, name, refusal)),
        }
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    checks(&server, &names, 2.0);
    assert_eq!([secured_redis.log(), protected_redis.log()], before);
}

#[test]
fn of_several_hosts_one_that_is_up_is_enough() {
    if !has_tool("redis-server") {
        return;
    }
    let port = free_port();
    let _redis = Redis::with_password(port, "pw");
    let silent = Peer::start(None);
    let places = format!("127.0.0.1:1,127.0.0.1:{},127.0.0.1:{port}", silent.port);
    let server = Server::start(&[("DEPENDENCIES__CACHE__URL", &format!("redis://:pw@{places}/0"))]);
    answers(&server, "cache");
}
