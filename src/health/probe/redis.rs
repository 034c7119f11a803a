//! Redis: PING must be answered PONG, after AUTH where the URL has a password.
//! <https://redis.io/docs/latest/develop/reference/protocol-spec/>

use std::fmt::Write;

use tokio::io::AsyncWriteExt;

use super::{ProbeError, Stream, quoted, read_more};

const NAME: &str = "Redis";

pub(super) async fn check(
    stream: &mut impl Stream,
    user: Option<&str>,
    password: Option<&str>,
) -> Result<(), ProbeError> {
    if let Some(password) = password {
        let words: Vec<&str> = ["AUTH"].into_iter().chain(user).chain([password]).collect();
        ask(stream, &words, "OK").await?;
    }
    ask(stream, &["PING"], "PONG").await
}

async fn ask(stream: &mut impl Stream, words: &[&str], expected: &str) -> Result<(), ProbeError> {
    let mut command = format!("*{}\r\n", words.len());
    for word in words {
        let _ = write!(command, "${}\r\n{word}\r\n", word.len());
    }
    stream.write_all(command.as_bytes()).await?;
    let mut answer = Vec::new();
    loop {
        read_more(stream, &mut answer).await?;
        if let Some(verdict) = judge(&answer, expected) {
            return verdict;
        }
    }
}

/// The verdict of an answer, once its line is whole.
fn judge(answer: &[u8], expected: &str) -> Option<Result<(), ProbeError>> {
    let not_redis = || Some(Err(ProbeError::NotTheProtocol(NAME)));
    if !matches!(answer.first()?, b'+' | b'-') {
        return not_redis();
    }
    let end = answer.iter().position(|byte| *byte == b'\r')?;
    match answer.get(..end)?.split_first()? {
        (b'+', words) if words == expected.as_bytes() => Some(Ok(())),
        // The first word is the kind (LOADING, NOAUTH, WRONGPASS); the rest is not ours to repeat.
        (b'-', words) => {
            let kind = words.split(|byte| *byte == b' ').next().unwrap_or_default();
            Some(Err(ProbeError::Rejected(quoted(kind))))
        }
        _ => not_redis(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_expected_words_are_good() {
        assert!(matches!(judge(b"+PONG\r\n", "PONG"), Some(Ok(()))));
        assert!(judge(b"+PON", "PONG").is_none());
        assert!(judge(b"", "PONG").is_none());
        let loading = judge(b"-LOADING Redis is loading the dataset\r\n", "PONG");
        assert_eq!(loading.unwrap().unwrap_err().to_string(), "rejected: LOADING");
        for other in [&b"HTTP/1.1 400\r\n"[..], b"+OK\r\n", b"\x00"] {
            assert!(matches!(judge(other, "PONG"), Some(Err(ProbeError::NotTheProtocol(_)))));
        }
    }
}
