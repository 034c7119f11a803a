//! An HTTP answer, read from what has come so far.

use std::io::ErrorKind;

use super::NoAnswer;

/// Most interim answers, such as 103, before the one that counts.
const MAX_INTERIM: usize = 8;

/// What the server said.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// The answer, once it is whole: its head, and its body as long as that says it is, or until the end.
/// An answer that breaks off is none.
pub(super) fn parse(mut bytes: &[u8], is_end: bool) -> Result<Option<Answer>, NoAnswer> {
    // Interim answers come before the one that counts: RFC 9110, 15.2.
    for _ in 0..=MAX_INTERIM {
        match parse_one(bytes, is_end)? {
            Parsed::Interim(rest) => bytes = rest,
            Parsed::Whole(answer) => return Ok(Some(answer)),
            Parsed::Part if is_end => {
                return Err(NoAnswer::Broken(ErrorKind::UnexpectedEof.into()));
            }
            Parsed::Part => return Ok(None),
        }
    }
    Err(NoAnswer::NotHttp)
}

enum Parsed<'a> {
    Interim(&'a [u8]),
    Whole(Answer),
    Part,
}

fn parse_one(bytes: &[u8], is_end: bool) -> Result<Parsed<'_>, NoAnswer> {
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut response = httparse::Response::new(&mut headers);
    let head = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if is_end => return Err(NoAnswer::NotHttp),
        Ok(httparse::Status::Partial) => return Ok(Parsed::Part),
        Err(_) => return Err(NoAnswer::NotHttp),
    };
    let status = response.code.ok_or(NoAnswer::NotHttp)?;
    let field = |name: &str| {
        let found = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.and_then(|header| std::str::from_utf8(header.value).ok())
    };
    let rest = bytes.get(head..).unwrap_or_default();
    if (100..200).contains(&status) {
        return Ok(Parsed::Interim(rest));
    }
    // How long the body is: RFC 9112, 6.3.
    let is_chunked = |codings: &str| {
        let last = codings.rsplit(',').next().unwrap_or_default().trim();
        last.eq_ignore_ascii_case("chunked")
    };
    let body = match (field("transfer-encoding"), field("content-length")) {
        _ if matches!(status, 204 | 304) => Some(Vec::new()),
        (Some(codings), _) if is_chunked(codings) => joined_chunks(rest)?,
        (None, Some(length)) => {
            let length: usize = length.trim().parse().map_err(|_| NoAnswer::NotHttp)?;
            rest.get(..length).map(<[u8]>::to_vec)
        }
        _ => is_end.then(|| rest.to_vec()),
    };
    Ok(body.map_or(Parsed::Part, |body| Parsed::Whole(Answer { status, body })))
}

/// The body that came in chunks, once the last one is there: RFC 9112, 7.1.
fn joined_chunks(mut bytes: &[u8]) -> Result<Option<Vec<u8>>, NoAnswer> {
    let mut body = Vec::new();
    loop {
        let (head, size) = match httparse::parse_chunk_size(bytes) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(NoAnswer::NotHttp),
        };
        let rest = bytes.get(head..).unwrap_or_default();
        if size == 0 {
            // Trailers may follow; an empty line is the end.
            let is_whole =
                rest.starts_with(b"\r\n") || rest.windows(4).any(|end| end == b"\r\n\r\n");
            return Ok(is_whole.then_some(body));
        }
        let size = usize::try_from(size).map_err(|_| NoAnswer::NotHttp)?;
        let Some((chunk, rest)) = rest.split_at_checked(size) else {
            return Ok(None);
        };
        body.extend_from_slice(chunk);
        bytes = match rest.split_first_chunk() {
            Some((b"\r\n", rest)) => rest,
            Some(_) => return Err(NoAnswer::NotHttp),
            None => return Ok(None),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_only_when_it_is_whole() {
        for whole in [
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nO\r\n001;x=y\r\nK\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, Chunked\r\n\r\n2\r\nOK\r\n0\r\nA: b\r\n\r\n",
        ] {
            for length in 0..whole.len() {
                let part = &whole.as_bytes()[..length];
                assert!(parse(part, false).unwrap().is_none(), "{length} of {whole:?}");
                assert!(parse(part, true).is_err(), "{length} of {whole:?}");
            }
            let answer = parse(whole.as_bytes(), false).unwrap().unwrap();
            assert_eq!((answer.status, answer.body.as_slice()), (200, &b"OK"[..]), "{whole:?}");
        }
        let unsized_ = b"HTTP/1.0 503 No\r\n\r\nwhy";
        assert!(parse(unsized_, false).unwrap().is_none());
        let answer = parse(unsized_, true).unwrap().unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (503, &b"why"[..]));
    }

    #[test]
    fn interim_answers_are_passed_over_up_to_a_bound() {
        let status = |bytes: &[u8]| parse(bytes, false).map(|found| found.map(|a| a.status));
        let hints = "HTTP/1.1 103 Early Hints\r\n\r\n";
        assert!(matches!(status(hints.as_bytes()), Ok(None)));
        let answer = "HTTP/1.1 204 No Content\r\n\r\n";
        let with = |count: usize| hints.repeat(count) + answer;
        assert!(matches!(status(with(MAX_INTERIM).as_bytes()), Ok(Some(204))));
        assert!(matches!(status(with(MAX_INTERIM + 1).as_bytes()), Err(NoAnswer::NotHttp)));
    }

    #[test]
    fn what_is_no_http_is_told() {
        for garbage in [
            "SSH-2.0-OpenSSH\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nOK",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nOK\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nOK\r\n",
        ] {
            assert!(
                matches!(parse(garbage.as_bytes(), false), Err(NoAnswer::NotHttp)),
                "{garbage:?}"
            );
        }
    }
}
