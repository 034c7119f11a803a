//! The place that a URL or a Host field names, `host:port`.

use std::net::Ipv6Addr;

/// What stands where the port should be is none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadPort;

/// The host, without the brackets of an IPv6 address, and the port where one is named. The user and
/// password have been taken off.
///
/// `Authority::port_u16` takes a port that cannot be for none at all, and the default would be
/// asked: another server, or the rest of a password that was not percent-encoded.
pub(crate) fn host_and_port(place: &str) -> Result<(&str, Option<u16>), BadPort> {
    let address = place.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, port) = match address {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').ok_or(BadPort)?)),
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let port = match port.map(str::parse) {
        None => None,
        Some(Ok(port)) if port > 0 => Some(port),
        Some(_) => return Err(BadPort),
    };
    Ok((host, port))
}

/// What stands behind the user and the password.
pub(crate) fn without_user(authority: &str) -> &str {
    authority.rsplit('@').next().unwrap_or_default()
}

/// Whether a Host field has the form that it must have: RFC 9112, 3.2, by the grammar of RFC 3986,
/// 3.2.2 and 3.2.3. It may be empty.
pub(crate) fn is_host(value: &[u8]) -> bool {
    let end = match value.first() {
        Some(b'[') => value.iter().position(|byte| *byte == b']').map_or(0, |at| at + 1),
        _ => value.iter().position(|byte| *byte == b':').unwrap_or(value.len()),
    };
    let Some((host, port)) = value.split_at_checked(end) else { return false };
    let is_port = match port.split_first() {
        None => true,
        Some((colon, digits)) => *colon == b':' && digits.iter().all(u8::is_ascii_digit),
    };
    let address = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]"));
    let is_name = match address {
        Some(address) => {
            std::str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
        }
        None => is_registered_name(host),
    };
    is_name && is_port
}

fn is_registered_name(name: &[u8]) -> bool {
    let is_encoded = |at: usize| {
        name.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    name.iter().enumerate().all(|(at, byte)| match byte {
        b'%' => is_encoded(at),
        byte => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(byte),
    })
}

/// The path and query to ask for. RFC 9112, 3.2.1: an empty path is sent as `/`.
pub(crate) fn origin_form(path_and_query: &str) -> String {
    if path_and_query.starts_with('/') {
        path_and_query.to_owned()
    } else {
        format!("/{path_and_query}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_a_port_or_a_mistake() {
        assert_eq!(host_and_port("db"), Ok(("db", None)));
        assert_eq!(host_and_port(without_user("u:1@db:65535")), Ok(("db", Some(65535))));
        assert_eq!(host_and_port("[::1]:81"), Ok(("::1", Some(81))));
        assert_eq!(host_and_port(without_user("u:p@[::1]")), Ok(("::1", None)));
        for wrong in ["db:99999", "db:0", "u:hun", "db:1:2", "db:", "[::1]:x", "[::1]81", "::1"] {
            assert_eq!(host_and_port(wrong), Err(BadPort), "{wrong}");
        }
    }

    #[test]
    fn a_host_field_is_a_host_and_perhaps_a_port() {
        for right in [
            "",
            "a",
            "a:",
            "a:80",
            "a.b-c_d~",
            "192.0.2.1:8080",
            "[::1]",
            "[::1]:80",
            "%C3%BC.test",
            "a,b;c=d",
        ] {
            assert!(is_host(right.as_bytes()), "{right}");
        }
        for wrong in [
            "a b", "a/b", "a:b", "a:80:80", "::1", "[::1", "[::1]80", "[a]", "[]", "u@a", "a?b",
            "a#b", "a%", "a%2", "a%zz", "http://a", "a\\b", "\"a\"", "a<b", "ü", ":80:",
        ] {
            assert!(!is_host(wrong.as_bytes()), "{wrong}");
        }
    }

    #[test]
    fn an_empty_path_is_the_root() {
        assert_eq!(origin_form("?x=1"), "/?x=1");
        assert_eq!((origin_form("/a"), origin_form("")), ("/a".to_owned(), "/".to_owned()));
    }
}
