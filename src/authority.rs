//! The authority of a URL, `user:password@host:port`: what health checks connect to.

use hyper::http::uri::Authority;

/// What stands where the port should be is none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadPort;

/// The host, without the brackets of an IPv6 address, and the port where one is named.
///
/// `Authority::port_u16` takes a port that cannot be for none at all, and the default would be
/// asked: another server, or the rest of a password that was not percent-encoded.
pub(crate) fn host_and_port(authority: &Authority) -> Result<(&str, Option<u16>), BadPort> {
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let place = authority.as_str().rsplit('@').next().unwrap_or_default();
    let after_address = place.rsplit(']').next().unwrap_or_default();
    match after_address.split_once(':') {
        None => Ok((host, None)),
        Some((_, port)) => match port.parse() {
            Ok(port) if port > 0 => Ok((host, Some(port))),
            _ => Err(BadPort),
        },
    }
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
        let of = |text: &'static str| {
            let authority = Authority::from_static(text);
            host_and_port(&authority).map(|(host, port)| (host.to_owned(), port))
        };
        assert_eq!(of("db"), Ok(("db".to_owned(), None)));
        assert_eq!(of("u:1@db:65535"), Ok(("db".to_owned(), Some(65535))));
        assert_eq!(of("[::1]:81"), Ok(("::1".to_owned(), Some(81))));
        assert_eq!(of("u:p@[::1]"), Ok(("::1".to_owned(), None)));
        for wrong in ["db:99999", "db:0", "u:hun", "[::1]:x"] {
            assert_eq!(of(wrong), Err(BadPort), "{wrong}");
        }
    }

    #[test]
    fn an_empty_path_is_the_root() {
        assert_eq!(origin_form("?x=1"), "/?x=1");
        assert_eq!((origin_form("/a"), origin_form("")), ("/a".to_owned(), "/".to_owned()));
    }
}
