//! Where a dependency is and how to ask it, from its URL.

use std::fmt;

use hyper::Uri;
use percent_encoding::percent_decode_str;

use super::security::Security;
use crate::authority::{BadPort, host_and_port, origin_form, without_user};
use crate::settings::{HoldsSecret, Secret, SecretError, Value};

/// Most hosts of one URL: each may have an attempt at the same time.
const MAX_HOSTS: usize = 16;

/// A dependency's URL, as the settings of dependencies and [`DATABASE_URL`](crate::DATABASE_URL) have
/// it; [`Context::watch`](crate::Context::watch) gives its text to a pool. It may hold a password, so it is a secret; where it is read from a file, it
/// is read anew at each check.
#[derive(Clone, Debug)]
pub struct TargetUrl(Secret);

/// Where to connect to, and what to say there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The first one that answers well is the dependency.
    pub(super) hosts: Vec<Host>,
    pub(super) protocol: Protocol,
    /// Whether that is said over TLS.
    pub(super) security: Security,
}

/// A name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) port: u16,
}

/// What is said once the connection stands.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Nothing: it accepts connections.
    Tcp,
    /// A GET that must be answered 2xx.
    Http { authority: String, path: String },
    /// The start of a session, as `pg_isready` does it.
    Postgres { user: String, database: String },
    /// AUTH where there is a password, then PING.
    Redis { user: Option<String>, password: Option<String> },
}

/// SECURITY: nothing of the URL but the kind is shown.
impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Http { .. } => "http",
            Self::Postgres { .. } => "postgres",
            Self::Redis { .. } => "redis",
        })
    }
}

/// Why there is no target. Its text never repeats the URL.
#[derive(Debug)]
pub(super) enum TargetError {
    Secret(SecretError),
    Url(&'static str),
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(error) => error.fmt(f),
            Self::Url(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for TargetError {}

/// Who asks where the URL names nobody; the server refuses that user, and so has answered.
const DEFAULT_USER: &str = "pcf-api";

const KINDS: &str = if cfg!(feature = "tls") {
    "expected tcp://host:port, http:// or https://host/path, postgres://host/database, or redis:// or \
     rediss://host"
} else {
    "expected tcp://host:port, http://host/path, postgres://host/database or redis://host"
};
const PORT: &str = "expected a port from 1 to 65535 after the host; in a password / ? # @ are written %2F %3F %23 %40";
const SOCKET: &str =
    "Unix sockets are not asked by health checks; expected a host's name or address";
const COUNT: &str = "expected 1 to 16 hosts, and one port for all or one for each";

impl TargetUrl {
    /// Whether [`TargetUrl::target`] reads a file, which may take its time.
    pub(super) fn is_in_file(&self) -> bool {
        self.0.is_in_file()
    }

    /// The target as it is now.
    pub(super) fn target(&self) -> Result<Target, TargetError> {
        let url = self.0.read().map_err(TargetError::Secret)?;
        parse(&url).map_err(TargetError::Url)
    }
}

impl Value for TargetUrl {
    const EXPECTED: &'static str = "tcp://host:port, http://host/path, postgres://host/database or redis://host (with the \
         feature tls https:// and rediss:// too), or file:/path to a file with one";
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let secret = Secret::of(text)?;
        let url = secret.read_in_time().map_err(|error| Some(error.to_string()))?;
        parse(&url).map_err(|reason| {
            // In a file no other file is expected.
            let is_file_too = reason == KINDS && !secret.is_in_file();
            let end = if is_file_too { ", or file:/path to a file with one" } else { "" };
            Some(format!("{reason}{end}"))
        })?;
        Ok(Self(secret))
    }

    fn show(&self) -> String {
        self.0.show()
    }
}

impl HoldsSecret for TargetUrl {
    fn secret(&self) -> Option<&Secret> {
        Some(&self.0)
    }
}

fn parse(url: &str) -> Result<Target, &'static str> {
    let (kind, rest) = url.split_once("://").ok_or(KINDS)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end).ok_or(KINDS)?;
    let (user, password) = credentials(authority)?;
    let places = without_user(authority);
    match kind {
        "tcp" => {
            let hosts = hosts(places, None)?;
            Ok(Target { hosts, protocol: Protocol::Tcp, security: Security::NONE })
        }
        "http" | "https" if user.is_some() => {
            Err("a user in an http URL is not sent by health checks")
        }
        "http" => http(url, 80, Security::NONE),
        "https" => http(url, 443, Security::of_scheme()?),
        "postgres" | "postgresql" => postgres(user, places, rest),
        "redis" | "rediss" => {
            let is_encrypted = kind == "rediss";
            let security = if is_encrypted { Security::of_scheme()? } else { Security::NONE };
            let user = user.filter(|user| !user.is_empty());
            let hosts = hosts(places, Some(6379))?;
            Ok(Target { hosts, protocol: Protocol::Redis { user, password }, security })
        }
        _ => Err(KINDS),
    }
}

/// A comma is no more than a letter there: one host.
fn http(url: &str, default_port: u16, security: Security) -> Result<Target, &'static str> {
    let uri: Uri = url.parse().map_err(|_| KINDS)?;
    let authority = uri.authority().ok_or(KINDS)?.as_str().to_owned();
    let host = host(&authority, Some(default_port))?;
    let path = origin_form(uri.path_and_query().map_or("/", |path| path.as_str()));
    Ok(Target { hosts: vec![host], protocol: Protocol::Http { authority, path }, security })
}

/// A URI of libpq, <https://www.postgresql.org/docs/current/libpq-connect.html>. Its parameters
/// that name a place or a person count, and `sslmode` where TLS is spoken; all others
/// (`target_session_attrs`, those of client libraries) concern sessions, of which a check has none.
fn postgres(user: Option<String>, places: &str, rest: &str) -> Result<Target, &'static str> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut user = user;
    let mut database = Some(decode(path.trim_start_matches('/'))?);
    let (mut names, mut ports) = (None, String::new());
    let mut security = Security::NONE;
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "host" if !value.is_empty() => names = Some(decode(value)?),
            "port" => ports = decode(value)?,
            "user" => user = Some(decode(value)?),
            "sslmode" => security = Security::of_sslmode(value)?,
            "dbname" => database = Some(decode(value)?),
            _ => {}
        }
    }
    let is_given = |text: &String| !text.is_empty();
    let user = user.filter(is_given).unwrap_or_else(|| DEFAULT_USER.to_owned());
    let database = database.filter(is_given).unwrap_or_else(|| user.clone());
    let mut hosts = hosts(names.as_deref().unwrap_or(places), Some(5432))?;
    let ports: Vec<&str> = ports.split(',').filter(|port| !port.is_empty()).collect();
    if ports.len() > 1 && ports.len() != hosts.len() {
        return Err(COUNT);
    }
    for (host, port) in hosts.iter_mut().zip(ports.iter().cycle()) {
        host.port = port.parse().ok().filter(|port| *port > 0).ok_or(PORT)?;
    }
    Ok(Target { hosts, protocol: Protocol::Postgres { user, database }, security })
}

/// The hosts of a list, `a,b:81`.
fn hosts(places: &str, default_port: Option<u16>) -> Result<Vec<Host>, &'static str> {
    let hosts: Vec<Host> =
        places.split(',').map(|place| host(place, default_port)).collect::<Result<_, _>>()?;
    if hosts.len() > MAX_HOSTS { Err(COUNT) } else { Ok(hosts) }
}

fn host(place: &str, default_port: Option<u16>) -> Result<Host, &'static str> {
    if place.starts_with(['/', '@']) || place.starts_with("%2") {
        return Err(SOCKET);
    }
    let (name, port) = host_and_port(place).map_err(|BadPort| PORT)?;
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:%".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_letter) {
        return Err(KINDS);
    }
    let port = port.or(default_port).ok_or("tcp:// needs a port: tcp://host:port")?;
    Ok(Host { name: name.to_owned(), port })
}

/// The user and the password in front of the hosts.
fn credentials(authority: &str) -> Result<(Option<String>, Option<String>), &'static str> {
    let Some((userinfo, _)) = authority.rsplit_once('@') else {
        return Ok((None, None));
    };
    match userinfo.split_once(':') {
        Some((user, password)) => Ok((Some(decode(user)?), Some(decode(password)?))),
        None => Ok((Some(decode(userinfo)?), None)),
    }
}

fn decode(text: &str) -> Result<String, &'static str> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_| "is not UTF-8 text")?;
    // They end strings and lines in the protocols that follow.
    if text.contains(['\0', '\r', '\n']) {
        return Err("a control character in the user, password or database");
    }
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    /// The hosts as `name:port`.
    fn places(url: &str) -> String {
        let hosts = target(url).hosts;
        let places = hosts.iter().map(|host| format!("{}:{}", host.name, host.port));
        places.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_kind_has_its_default_port() {
        for (url, expected) in [
            ("tcp://db.example:1234", "db.example:1234"),
            ("http://api", "api:80"),
            ("http://[::1]:81/x", "::1:81"),
            ("postgresql://db", "db:5432"),
            ("redis://cache", "cache:6379"),
        ] {
            assert_eq!(places(url), expected, "{url}");
        }
    }

    #[test]
    fn several_hosts_are_a_list_and_a_port_that_is_missing_is_the_default() {
        for (url, expected) in [
            ("postgres://h1,h2:5433/db", "h1:5432 h2:5433"),
            ("postgres://u:p@h1:1,[::1]:2,h3/db?x=y", "h1:1 ::1:2 h3:5432"),
            ("postgres:///db?host=h1,h2&port=7", "h1:7 h2:7"),
            ("postgres://h0/db?port=8,9&host=h1,h2", "h1:8 h2:9"),
            ("redis://:pw@a,b:6380/0", "a:6379 b:6380"),
            ("tcp://a:1,b:2", "a:1 b:2"),
        ] {
            assert_eq!(places(url), expected, "{url}");
        }
        let most = |count: usize| format!("redis://{}", vec!["a"; count].join(","));
        assert_eq!(target(&most(MAX_HOSTS)).hosts.len(), MAX_HOSTS);
        for wrong in
            [&most(MAX_HOSTS + 1), "postgres://a,b,c/?port=1,2", "postgres://a,,b/", "redis://a,"]
        {
            parse(wrong).expect_err(wrong);
        }
    }

    #[test]
    fn parameters_of_sessions_are_accepted() {
        let url = "postgres://u@h1,h2/db?target_session_attrs=read-write&sslmode=prefer&connect_timeout=3\
                   &options=-c%20geqo%3Doff&statement-cache-capacity=9&nonsense";
        let plain = target("postgres://u@h1,h2/db");
        assert_eq!(target(url), plain);
        assert_eq!(target("postgres://h1,h2?user=u&dbname=db"), plain);
    }

    #[test]
    fn user_password_and_database_are_decoded() {
        let postgres = |user: &str, database: &str| Protocol::Postgres {
            user: user.to_owned(),
            database: database.to_owned(),
        };
        for (url, user, database) in [
            ("postgres://a%40b:p%3A@db/or%20ders?x=1", "a@b", "or ders"),
            ("postgres://u:p@ss@db", "u", "u"),
            ("postgres://db/", DEFAULT_USER, DEFAULT_USER),
        ] {
            assert!(target(url).protocol == postgres(user, database), "{url}");
        }
        let redis = |user: Option<&str>, password: Option<&str>| Protocol::Redis {
            user: user.map(str::to_owned),
            password: password.map(str::to_owned),
        };
        assert_eq!(target("redis://:s%2Fx@cache/0").protocol, redis(None, Some("s/x")));
        assert_eq!(target("redis://me:pw@cache").protocol, redis(Some("me"), Some("pw")));
        assert_eq!(target("redis://cache").protocol, redis(None, None));
    }

    /// scripts/create-secrets.sh goes through the same list.
    #[test]
    fn the_script_for_secrets_takes_what_is_taken_here() {
        let list = include_str!("../../tests/dependency-urls.txt");
        for line in list.lines().filter(|line| !line.starts_with('#')) {
            let (verdict, url) = line.split_once(' ').unwrap();
            let is_taken = verdict == "yes" || (verdict == "tls" && cfg!(feature = "tls"));
            assert_eq!(parse(url).is_ok(), is_taken, "{line}");
        }
    }

    #[test]
    fn the_kinds_that_are_told_are_those_that_this_build_asks() {
        let told = |text: &str| TargetUrl::parse(text).unwrap_err().unwrap();
        let inline = told("ftp://x");
        for kind in ["tcp://", "http://", "postgres://", "redis://", "file:/path"] {
            assert!(inline.contains(kind), "{kind}: {inline}");
        }
        for kind in ["https://", "rediss://"] {
            assert_eq!(inline.contains(kind), cfg!(feature = "tls"), "{kind}: {inline}");
        }
        let path = std::env::temp_dir().join(format!("pcf-api-target-{}", std::process::id()));
        std::fs::write(&path, "ftp://x").unwrap();
        let of_file = told(&format!("file:{}", path.display()));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(of_file, KINDS, "in a file no other file is expected");
    }

    #[test]
    fn what_cannot_be_asked_is_refused_without_repeating_it() {
        for url in [
            "",
            "hunter2",
            "ftp://hunter2/",
            "tcp://hunter2",
            "tcp://host:0",
            "redis://cache:99999",
            "redis://hun ter2",
            "postgres://u:hunter2#x@db/app",
            "postgres://u:hunter2/x@db/app",
            "postgres://db/app?port=hunter2",
            "postgres://%2Fhunter2/app",
            "postgres://db/app?host=/hunter2",
            "https://hunter2 x",
            "rediss://:hunter2",
            "postgres://",
            "http://hunter2@host/",
            "http://host/hunter2 x",
            "redis://:hunter2%0d%0aFLUSHALL@host",
            "postgres://hunter2%00@host",
        ] {
            let error = parse(url).expect_err(url);
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(!format!("{:?}", target("redis://:hunter2@cache")).contains("hunter2"));
    }
}
