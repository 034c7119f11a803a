//! HTTP: a GET must be answered 2xx.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{ProbeError, read_more};

const NAME: &str = "HTTP";

pub(super) async fn check(
    stream: &mut TcpStream,
    authority: &str,
    path: &str,
) -> Result<(), ProbeError> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {authority}\r\nuser-agent: pcf-api/{}\r\naccept: */*\r\nconnection: close\r\n\r\n",
        env!("CARGO_PKG_VERSION"),
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 100];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(&answer) {
            Ok(httparse::Status::Partial) => read_more(stream, &mut answer).await?,
            // Interim answers, such as 103, come before the one that counts: RFC 9110, 15.2.
            Ok(httparse::Status::Complete(head)) if matches!(response.code, Some(100..=199)) => {
                answer.drain(..head);
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
