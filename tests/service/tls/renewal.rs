//! The certificate's files change under load, as the kubelet changes them: a new folder, and a link to
//! it that is swapped.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use std::{fs, thread};

use super::super::support::{PATIENCE, Server, eventually};
use super::certificates::{Authority, Pair};
use super::client::{Client, metric};

/// Puts a pair where the service looks, by a swap of `..data`.
fn mount(folder: &Path, number: u32, pair: &Pair) {
    let version = folder.join(format!("..{number}"));
    fs::create_dir(&version).unwrap();
    fs::copy(&pair.certificate, version.join("tls.crt")).unwrap();
    fs::copy(&pair.key, version.join("tls.key")).unwrap();
    symlink(format!("..{number}"), folder.join("..next")).unwrap();
    fs::rename(folder.join("..next"), folder.join("..data")).unwrap();
    for name in ["tls.crt", "tls.key"] {
        let _ = symlink(format!("..data/{name}"), folder.join(name));
    }
}

fn start(authority: &Authority, pair: &Pair) -> (Server, std::path::PathBuf) {
    let folder = authority.folder.0.join("mount");
    fs::create_dir(&folder).unwrap();
    mount(&folder, 0, pair);
    let path = |name: &str| folder.join(name).display().to_string();
    let server = Server::faulty(&[
        ("SERVER__TLS_CERTIFICATE", &path("tls.crt")),
        ("SERVER__TLS_KEY", &path("tls.key")),
    ]);
    (server, folder)
}

fn pair(authority: &Authority, number: u32) -> Pair {
    authority.issue(&format!("pair{number}"), &format!("/CN=server{number}"), "DNS:localhost", 30)
}

#[test]
fn three_renewals_under_load_lose_nothing_and_new_connections_get_the_new_one() {
    let authority = Authority::new("issuer");
    let (server, folder) = start(&authority, &pair(&authority, 0));
    let connect = || Client::connect(server.port, &authority.certificate);
    let mut kept = connect().unwrap();
    assert_eq!(kept.get("/hello/you").unwrap().0, 200);
    let (stop, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let load = |is_kept: bool| {
            let (stop, asked) = (&stop, &asked);
            scope.spawn(move || {
                let mut failures = Vec::new();
                let mut client = None;
                while !stop.load(SeqCst) {
                    let answer = match client.take().map_or_else(connect, Ok) {
                        Ok(mut connected) => {
                            let answer = connected.get("/hello/you");
                            client = is_kept.then_some(connected);
                            answer
                        }
                        Err(error) => Err(error),
                    };
                    asked.fetch_add(1, SeqCst);
                    if !matches!(answer, Ok((200, _))) {
                        failures.push(format!("{answer:?}"));
                    }
                    thread::sleep(Duration::from_millis(2));
                }
                failures
            })
        };
        let loads = [load(false), load(false), load(true)];
        for number in 1..=3 {
            let before = connect().unwrap().server();
            mount(&folder, number, &pair(&authority, number));
            eventually("the new certificate", PATIENCE, || {
                let now = connect().unwrap().server();
                if now == before { Err("still the old one".to_owned()) } else { Ok(()) }
            });
        }
        stop.store(true, SeqCst);
        for load in loads {
            let failures = load.join().unwrap();
            assert!(failures.is_empty(), "{} of {asked:?}: {failures:?}", failures.len());
        }
    });
    assert!(asked.load(SeqCst) > 300, "{asked:?}");
    assert_eq!(kept.get("/hello/you").unwrap().0, 200, "one from before all of them goes on");
}

#[test]
fn a_broken_renewal_leaves_the_old_certificate_and_is_told_and_counted() {
    let authority = Authority::new("issuer");
    let (first, second) = (pair(&authority, 0), pair(&authority, 1));
    let (server, folder) = start(&authority, &first);
    let failures =
        || metric(server.port, &authority.certificate, "tls_certificate_reload_failures_total");
    let expiry =
        || metric(server.port, &authority.certificate, "tls_certificate_expiry_timestamp_seconds");
    let before = Client::connect(server.port, &authority.certificate).unwrap().server();
    assert!(failures() < 0.5);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let days = (expiry() - now.as_secs_f64()) / 86_400.0;
    assert!((29.0..31.0).contains(&days), "{days}");

    let mixed = Pair { certificate: second.certificate.clone(), key: first.key.clone() };
    mount(&folder, 1, &mixed);
    let (line, _) = server.log_line("the renewal", PATIENCE, |line| line["level"] == "WARN");
    assert_eq!(
        line["error"],
        "server.tls_key: the key does not fit the certificate of server.tls_certificate"
    );
    assert!(failures() > 0.5);
    assert_eq!(Client::connect(server.port, &authority.certificate).unwrap().server(), before);

    mount(&folder, 2, &second);
    server.log_line("the new one", PATIENCE, |line| {
        line["message"] == "the certificate has changed; the new one is in use"
    });
    assert_ne!(Client::connect(server.port, &authority.certificate).unwrap().server(), before);
    fs::remove_file(folder.join("..data")).unwrap();
    let gone = |line: &serde_json::Value| line["error"].to_string().contains("cannot read");
    server.log_line("that the files are gone", PATIENCE, gone);
}
