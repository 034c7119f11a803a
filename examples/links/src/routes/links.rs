//! Making, listing, visiting and looking after links.

use std::sync::Arc;
use std::time::Instant;

use pcf_api::http::StatusCode;
use pcf_api::http::header::{HeaderValue, LOCATION};
use pcf_api::{Error, Request, Response, ResultExt, response, trace};
use reqwest::Url;
use serde::Deserialize;
use serde_json::json;

use crate::error::LinkError;
use crate::metrics::{CREATED, LOOK, VISITS};
use crate::start::Links;
use crate::store;

#[derive(Deserialize)]
struct Wanted {
    target: String,
}

pub async fn create(request: Request, links: Arc<Links>) -> Result<Response, Error> {
    let wanted: Wanted = request.json().await?;
    let target = target(&wanted.target, links.max_length)?;
    let link = store::create(&links.pool, &target, links.keep).await?;
    CREATED.with(["api"]).inc();
    response::json_with(StatusCode::CREATED, &link)
}

pub async fn list(_: Request, links: Arc<Links>) -> Result<Response, Error> {
    response::json(&store::last(&links.pool, 100).await?)
}

pub async fn visit(request: Request, links: Arc<Links>) -> Result<Response, Error> {
    let link = store::find(&links.pool, &request.param("slug")?).await;
    VISITS.with([if link.is_ok() { "found" } else { "unknown" }]).inc();
    let location = HeaderValue::try_from(link?.target).or_internal()?;
    let mut response = response::no_content();
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// Whether a link's target answers.
///
/// SECURITY: this asks whatever address a link names, of those that the service can reach. It is for
/// those who know the key, and tells them the status alone.
pub async fn look(request: Request, links: Arc<Links>) -> Result<Response, Error> {
    let link = store::find(&links.pool, &request.param("slug")?).await?;
    let began = Instant::now();
    let asked = links.client.head(&link.target).headers(trace::headers()).send().await;
    LOOK.observe_duration(began.elapsed());
    let status = asked.map_err(LinkError::NoAnswer)?.status().as_u16();
    response::json(&json!({ "target": link.target, "status": status }))
}

/// A target as it is kept: a whole URL, in visible characters of ASCII.
pub fn target(text: &str, max_length: usize) -> Result<String, LinkError> {
    let url = Url::parse(text).map_err(|_| LinkError::NoTarget)?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(LinkError::NoTarget);
    }
    let url = String::from(url);
    if url.len() > max_length { Err(LinkError::TooLong(max_length)) } else { Ok(url) }
}

#[cfg(test)]
mod tests {
    use pcf_api::{Code, testing};

    use super::*;

    /// Of a handler's answer to a link with this target, while the database is away.
    async fn code_of(target: &str) -> Code {
        let links = Arc::new(Links::away(testing::drain().drain()));
        let request = testing::post("/api/links").json(&json!({ "target": target })).request();
        create(request, links).await.unwrap_err().code()
    }

    #[tokio::test]
    async fn a_wrong_target_is_refused_before_the_database_is_asked() {
        assert_eq!(code_of("ftp://example.org/").await, Code::UNPROCESSABLE_ENTITY);
        assert_eq!(code_of("https://example.org/").await, Code::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn a_target_is_a_url_of_the_web_that_is_not_too_long() {
        let target_of_100 = |text| target(text, 100);
        assert_eq!(
            target_of_100("https://exämple.org/ü").unwrap(),
            "https://xn--exmple-cua.org/%C3%BC"
        );
        for text in ["", "example.org", "javascript:alert(1)", "file:///etc/passwd"] {
            assert!(matches!(target_of_100(text), Err(LinkError::NoTarget)), "{text}");
        }
        assert!(matches!(target("https://example.org/", 19), Err(LinkError::TooLong(19))));
    }
}
