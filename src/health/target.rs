//! Where a dependency is and how to ask it, from its URL.

use std::fmt;

use hyper::Uri;
use percent_encoding::percent_decode_str;

use crate::authority::{BadPort, host_and_port, origin_form};
use crate::config::{Secret, SecretError, Value};

/// A dependency's URL. It may hold a password, so it is a secret; where it is read from a file, it
/// is read anew at each check.
#[derive(Clone, Debug)]
pub struct TargetUrl(Secret);

/// A place to connect to, and what to say there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) protocol: Protocol,
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

const KINDS: &str = "expected tcp://host:port, http://host/path, postgres://host/database or redis://host, \
                     or file:/path to a file with one";
const PORT: &str = "expected a port from 1 to 65535 after the host; in a password / ? # @ are written %2F %3F %23 %40";
const TLS: &str = "TLS is not spoken by health checks; check the port with tcp://host:port";

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
    const EXPECTED: &'static str = "tcp://host:port, http://host/path, postgres://host/database or redis://host, or file:/path \
         to a file with one";
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let url = Self(Secret::parse(text)?);
        url.target().map_err(|error| Some(error.to_string()))?;
        Ok(url)
    }

    fn show(&self) -> String {
        self.0.show()
    }
}

fn parse(url: &str) -> Result<Target, &'static str> {
    let uri: Uri = url.parse().map_err(|_| KINDS)?;
    let authority = uri.authority().ok_or(KINDS)?;
    let (host, port) = host_and_port(authority).map_err(|BadPort| PORT)?;
    if host.is_empty() {
        return Err(KINDS);
    }
    let (user, password) = credentials(authority.as_str())?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let (default_port, protocol) = match uri.scheme_str().ok_or(KINDS)? {
        "tcp" => (None, Protocol::Tcp),
        "http" if user.is_some() => {
            return Err("a user in an http URL is not sent by health checks");
        }
        "http" => (
            Some(80),
            Protocol::Http { authority: authority.as_str().to_owned(), path: origin_form(path) },
        ),
        "postgres" | "postgresql" => {
            let user = user.unwrap_or_else(|| "pcf-api".to_owned());
            let database = match uri.path().trim_start_matches('/') {
                "" => user.clone(),
                database => decode(database)?,
            };
            (Some(5432), Protocol::Postgres { user, database })
        }
        "redis" => {
            let user = user.filter(|user| !user.is_empty());
            (Some(6379), Protocol::Redis { user, password })
        }
        "https" | "rediss" => return Err(TLS),
        _ => return Err(KINDS),
    };
    let port = port.or(default_port).ok_or("tcp:// needs a port: tcp://host:port")?;
    Ok(Target { host: host.to_owned(), port, protocol })
}

/// The user and the password in front of the host.
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

    #[test]
    fn each_kind_has_its_default_port() {
        assert_eq!(target("tcp://db.example:1234").port, 1234);
        assert_eq!(
            (target("http://api").port, target("http://[::1]:81/x").host.as_str()),
            (80, "::1")
        );
        assert_eq!((target("postgresql://db").port, target("redis://cache").port), (5432, 6379));
    }

    #[test]
    fn user_password_and_database_are_decoded() {
        let Protocol::Postgres { user, database } =
            target("postgres://a%40b:p%3A@db/or%20ders?x=1").protocol
        else {
            panic!()
        };
        assert_eq!((user.as_str(), database.as_str()), ("a@b", "or ders"));
        let redis = |user: Option<&str>, password: Option<&str>| Protocol::Redis {
            user: user.map(str::to_owned),
            password: password.map(str::to_owned),
        };
        assert_eq!(target("redis://:s%2Fx@cache/0").protocol, redis(None, Some("s/x")));
        assert_eq!(target("redis://me:pw@cache").protocol, redis(Some("me"), Some("pw")));
        assert_eq!(target("redis://cache").protocol, redis(None, None));
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
            "postgres://u:hunter2#x@db/app",
            "postgres://u:hunter2/x@db/app",
            "https://hunter2",
            "rediss://hunter2",
            "postgres://",
            "http://hunter2@host/",
            "redis://:hunter2%0d%0aFLUSHALL@host",
            "postgres://hunter2%00@host",
        ] {
            let error = parse(url).expect_err(url);
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(!format!("{:?}", target("redis://:hunter2@cache")).contains("hunter2"));
    }
}
