//! What can be set beside what every service has: `links --help` shows it all.

use std::time::Duration;

use pcf_api::{Describe, Secret, Setting};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

pub static API_KEY: Setting<Secret> = Setting::new(
    "links.api_key",
    "What who changes links sends: authorization: Bearer and this key.",
);

/// PostgreSQL tells of a link in 8000 bytes at most, and JSON may double the longest target.
pub static MAX_LENGTH: Setting<usize> =
    Setting::new("links.max_length", "Most characters of a target.")
        .default("2048")
        .range(16, 3500);

pub static KEEP: Setting<Duration> = Setting::new("links.keep", "How long a link is kept.")
    .default("8760h")
    .range(SECOND, Duration::from_secs(10 * 365 * 86_400));

pub static EXPIRE_EVERY: Setting<Duration> =
    Setting::new("links.expire_every", "How often expired links are deleted.")
        .default("1m")
        .range(SECOND, HOUR);

pub static MAX_CONNECTIONS: Setting<u32> =
    Setting::new("links.max_connections", "Most connections to the database; one of them listens.")
        .default("10")
        .range(2, 1000);

pub static LOOK_CA: Setting<Option<String>> = Setting::new(
    "links.look_ca",
    "A file of certificates (PEM) that a look at a target trusts beside those of the machine.",
);

pub static ALL: [&dyn Describe; 6] =
    [&API_KEY, &MAX_LENGTH, &KEEP, &EXPIRE_EVERY, &MAX_CONNECTIONS, &LOOK_CA];
