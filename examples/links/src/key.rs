//! The layer around what changes links: who does not know the key gets 401.

use pcf_api::http::header::AUTHORIZATION;
use pcf_api::{Error, RequestBody, Watched, http};
use subtle::ConstantTimeEq;
use tower::filter::FilterLayer;

use crate::error::LinkError;

type Asked = http::Request<RequestBody>;

/// Lets those pass who know the key as it is now.
pub fn layer(
    key: Watched,
) -> FilterLayer<impl Fn(Asked) -> Result<Asked, Error> + Clone + Send + Sync + 'static> {
    FilterLayer::new(move |request| check(request, &key.get()))
}

fn check<B>(request: http::Request<B>, key: &str) -> Result<http::Request<B>, Error> {
    let value = request.headers().get(AUTHORIZATION).map(|value| value.as_bytes());
    let given = value.and_then(|value| value.strip_prefix(b"Bearer ")).unwrap_or_default();
    // SECURITY: in a time that tells nothing of how much of the key was right.
    if bool::from(given.ct_eq(key.as_bytes())) {
        Ok(request)
    } else {
        Err(LinkError::WrongKey.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_key_lets_pass() {
        for (value, may_pass) in
            [("Bearer abc", true), ("Bearer ab", false), ("abc", false), ("Bearer ", false)]
        {
            let request = http::Request::builder().header(AUTHORIZATION, value).body(()).unwrap();
            assert_eq!(check(request, "abc").is_ok(), may_pass, "{value}");
        }
        assert!(check(http::Request::new(()), "abc").is_err());
    }
}
