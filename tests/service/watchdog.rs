//! Workers that stand still: the others go on without them, and where all do, liveness tells.

use std::thread;
use std::time::{Duration, Instant};

use super::support::{Client, PATIENCE, Server, eventually};

fn live(server: &Server) -> Result<u16, String> {
    let mut client = server.connect();
    client.stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    client.send("GET /health HTTP/1.1\r\nHost: t\r\n\r\n");
    client.try_response_to("GET").map(|response| response.status)
}

#[test]
fn liveness_fails_when_all_workers_are_stuck_and_returns_when_one_goes_on() {
    let server = Server::faulty(&[("SERVER__WORKERS", "2")]);
    let mut stuck: Vec<Client> = (0..2).map(|_| server.connect()).collect();
    for client in &mut stuck {
        client.send("GET /block/12000 HTTP/1.1\r\nHost: t\r\n\r\n");
    }
    // After five seconds, in which a stall of the machine counts as a fifth of one, however long it is.
    let ((), took) = eventually("503", Duration::from_secs(11), || match live(&server) {
        Ok(503) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert!(took > Duration::from_secs(3), "not for a short stall: {took:?}");
    server.log_line("told", PATIENCE, |line| {
        line["target"] == "pcf_api::server::pulse" && line["level"] == "ERROR"
    });
    assert_eq!(stuck[0].response().text(), "blocked");
    eventually("200", Duration::from_secs(5), || match live(&server) {
        Ok(200) => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

#[test]
fn blocked_workers_are_seen_in_a_scrape_while_it_lasts_and_as_busy_time_after_it() {
    for workers in [1_u32, 2] {
        let count = workers.to_string();
        let server = Server::faulty(&[("SERVER__WORKERS", &count)]);
        // The main thread answers it, which waits for no handler.
        let mut scraper = server.connect();
        let mut scrape = move |names: [&str; 2]| {
            let text = scraper.get("/metrics").text();
            names.map(|name| {
                let value =
                    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
                value.unwrap_or_else(|| panic!("no {name} in:\n{text}")).parse::<f64>().unwrap()
            })
        };
        let delays = ["_bucket{le=\"1\"}", "_count"];
        let delays = delays.map(|suffix| format!("runtime_scheduling_delay_seconds{suffix}"));
        let long = |[short, all]: [f64; 2]| all - short;
        let [threads, busy] = scrape(["runtime_workers", "runtime_busy_seconds_total"]);
        assert!((threads - f64::from(workers)).abs() < 0.1, "{threads}");
        let mut stuck: Vec<Client> = (0..workers).map(|_| server.connect()).collect();
        for client in &mut stuck {
            client.send("GET /block/4500 HTTP/1.1\r\nHost: t\r\n\r\n");
        }
        eventually("delays above a second", PATIENCE, || {
            match long(scrape([&delays[0], &delays[1]])) {
                seen if seen >= 3.0 => Ok(()),
                seen => Err(seen.to_string()),
            }
        });
        let [tasks, queued] = scrape(["runtime_tasks_alive", "runtime_queue_depth"]);
        assert!(tasks >= f64::from(workers) && queued >= 1.0, "{tasks} {queued}");
        for client in &mut stuck {
            assert_eq!(client.response().text(), "blocked");
        }
        let blocked = 4.4 * f64::from(workers);
        eventually("busy time", PATIENCE, || {
            match scrape(["runtime_workers", "runtime_busy_seconds_total"])[1] - busy {
                seen if seen >= blocked => Ok(()),
                seen => Err(format!("{seen} s, not {blocked}")),
            }
        });
    }
}

#[test]
fn a_blocked_handler_stalls_no_other_connection_and_liveness_is_well() {
    let server = Server::faulty(&[("SERVER__WORKERS", "2")]);
    let mut others: Vec<Client> = (0..8).map(|_| server.connect()).collect();
    for client in &mut others {
        assert_eq!(client.get("/sleep/1").status, 200);
    }
    let mut stuck = server.connect();
    // The last round, too, is over long before the block is.
    stuck.send("GET /block/10000 HTTP/1.1\r\nHost: t\r\n\r\n");
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(5) {
        for client in &mut others {
            assert_eq!(client.get("/sleep/5").status, 200);
        }
        assert_eq!(server.get("/version").status, 200, "on a new connection");
        assert_eq!(live(&server), Ok(200));
        assert!(stuck.is_open_after(Duration::from_millis(20)));
    }
    assert_eq!(stuck.response().text(), "blocked");
}

/// Those that come in the same moment as the one that blocks, to the same worker.
#[test]
fn no_request_waits_behind_the_one_that_blocks_its_worker() {
    for _ in 0..12 {
        let server = Server::faulty(&[("SERVER__WORKERS", "8")]);
        let mut others: Vec<Client> = (0..8).map(|_| server.connect()).collect();
        for client in &mut others {
            assert_eq!(client.get("/sleep/1").status, 200);
        }
        for _ in 0..6 {
            let mut stuck = server.connect();
            stuck.send("GET /block/20000 HTTP/1.1\r\nHost: t\r\n\r\n");
            for client in &mut others {
                client.send("GET /hello/you HTTP/1.1\r\nHost: t\r\n\r\n");
            }
            for client in &mut others {
                assert_eq!(client.response().status, 200);
            }
            assert!(stuck.is_open_after(Duration::from_millis(1)));
        }
    }
}

#[test]
fn a_queue_that_is_long_is_not_called_stuck() {
    let server = Server::faulty(&[("SERVER__WORKERS", "2"), ("SERVER__MAX_QUEUE_TIME", "1h")]);
    // Seven seconds of work for two workers, in pieces.
    let mut waiting: Vec<Client> = (0..70).map(|_| server.connect()).collect();
    for client in &mut waiting {
        client.send("GET /block/200 HTTP/1.1\r\nHost: t\r\n\r\n");
    }
    for client in &mut waiting {
        assert_eq!(live(&server), Ok(200));
        assert_eq!(client.response().text(), "blocked");
    }
    assert!(server.log().iter().all(|line| line["target"] != "pcf_api::server::pulse"));
}

#[test]
fn a_frozen_process_is_alive_when_it_goes_on() {
    let server = Server::start(&[]);
    server.signal("STOP");
    thread::sleep(Duration::from_secs(8));
    server.signal("CONT");
    for _ in 0..30 {
        assert_eq!(server.get("/health").status, 200);
        thread::sleep(Duration::from_millis(50));
    }
}
