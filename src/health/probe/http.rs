//! HTTP: a GET must be answered 2xx.

use tokio::io::AsyncWriteExt;

use super::{ProbeError, Stream, read_more};
use crate::identity::Identity;

const NAME: &str = "HTTP";

/// Most interim answers, such as 103, before the one that counts. An honest server sends one or two;
/// one that sends them without an end would keep a CPU busy until the check times out.
const MAX_INTERIM: usize = 8;

pub(super) async fn check(
    stream: &mut impl Stream,
    authority: &str,
    path: &str,
    asker: Identity,
) -> Result<(), ProbeError> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {authority}\r\nuser-agent: {}/{}\r\naccept: */*\r\nconnection: close\r\n\r\n",
        asker.name, asker.version,
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    let (mut head, mut interim) = (0, 0);
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 100];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(answer.get(head..).unwrap_or_default()) {
            // All that came counts for its bound, interim answers too.
            Ok(httparse::Status::Partial) => read_more(stream, &mut answer).await?,
            // Interim answers come before the one that counts: RFC 9110, 15.2.
            Ok(httparse::Status::Complete(length)) if matches!(response.code, Some(100..=199)) => {
                interim += 1;
                if interim > MAX_INTERIM {
                    let reason = "interim answers without an end";
                    return Err(ProbeError::Rejected(reason.to_owned()));
                }
                head += length;
            }
            Ok(httparse::Status::Complete(_)) => {
                return match response.code {
                    Some(200..=299) => Ok(()),
                    Some(code) => Err(ProbeError::Rejected(format!("status {code}"))),
                    None => Err(ProbeError::NotTheProtocol(NAME)),
                };
            }
            Err(_) => return Err(ProbeError::NotTheProtocol(NAME)),
        }
    }
}
