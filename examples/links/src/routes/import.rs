//! Making many links at once: an upload of targets, one a line, all of them or none.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};
use http_body_util::BodyDataStream;
use pcf_api::http::StatusCode;
use pcf_api::{Code, Error, Request, RequestBody, Response, response};
use serde_json::json;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};
use tokio_util::io::StreamReader;

use super::links::target;
use crate::error::LinkError;
use crate::metrics::CREATED;
use crate::start::Links;
use crate::store;

/// It is never whole in memory: what has arrived goes to the database, and that sets the pace.
pub async fn import(request: Request, links: Arc<Links>) -> Result<Response, Error> {
    let mut batches = pin!(targets(request.into_body(), links.max_length).try_chunks(1000));
    let mut transaction = links.pool.begin().await.map_err(LinkError::from)?;
    let mut count = 0;
    while let Some(batch) = batches.try_next().await.map_err(|error| error.1)? {
        count += store::create_many(&mut transaction, &batch, links.keep).await?;
    }
    transaction.commit().await.map_err(LinkError::from)?;
    CREATED.with(["import"]).add(count);
    response::json_with(StatusCode::CREATED, &json!({ "created": count }))
}

/// The targets of a body, as they arrive.
fn targets(
    body: RequestBody,
    max_length: usize,
) -> impl futures_util::Stream<Item = Result<String, Error>> {
    let bytes = BodyDataStream::new(body).map_err(io::Error::other);
    let lines =
        FramedRead::new(StreamReader::new(bytes), LinesCodec::new_with_max_length(max_length));
    lines.enumerate().map(move |(index, line)| {
        let wrong = |error: LinkError| {
            let reason = format!("line {}: {error}", index + 1);
            Error::new(Code::UNPROCESSABLE_ENTITY, reason)
        };
        match line {
            Ok(line) => target(line.trim(), max_length).map_err(wrong),
            Err(LinesCodecError::MaxLineLengthExceeded) => {
                Err(wrong(LinkError::TooLong(max_length)))
            }
            // Of a body past its limit too, which stays 413.
            Err(LinesCodecError::Io(error)) => Err(error.into()),
        }
    })
}

#[cfg(test)]
mod tests {
    use pcf_api::testing;

    use super::*;

    async fn read(body: &str) -> Result<Vec<String>, Error> {
        let request = testing::post("/api/import").body(body.to_owned()).request();
        targets(request.into_body(), 30).try_collect().await
    }

    #[tokio::test]
    async fn each_line_is_a_target_and_the_wrong_one_is_named() {
        assert_eq!(
            read("https://a.b/\r\nhttp://c.d/e").await.unwrap(),
            ["https://a.b/", "http://c.d/e"]
        );
        assert!(read("").await.unwrap().is_empty());
        for body in ["https://a.b/\nnonsense", "https://a.b/\nhttps://a.b/123456789012345678901"] {
            let error = read(body).await.unwrap_err();
            assert_eq!(error.code(), Code::UNPROCESSABLE_ENTITY);
            assert!(error.to_string().contains("line 2: "), "{error}");
        }
    }
}
