//! The kinds of value that OpenTelemetry's variables have.

use std::fmt;
use std::time::Duration;

use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use super::connector::HAS_TLS;
use crate::settings::{Secret, Value};

/// The URL of a collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(String);

impl Value for Endpoint {
    const EXPECTED: &'static str = "a URL such as http://collector:4318";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let uri: Uri = text.parse().map_err(|_| None)?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(None)?;
        match uri.scheme_str() {
            Some("https") if !HAS_TLS => Err(Some(format!(
                "TLS is not spoken by this build, which is without the Cargo feature tls; name a \
                 collector that takes http, on the node or beside the service: http://{host}:4318"
            ))),
            Some("http" | "https") if uri.query().is_none() => Ok(Self(text.to_owned())),
            _ => Err(None),
        }
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

/// The encoding of spans: one is built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol;

impl Value for Protocol {
    const EXPECTED: &'static str =
        "http/protobuf, which collectors take on port 4318; grpc is not built in";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        if text == "http/protobuf" { Ok(Self) } else { Err(None) }
    }

    fn show(&self) -> String {
        "http/protobuf".to_owned()
    }
}

/// Whether what is sent is made smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// It is not.
    None,
    /// By gzip.
    Gzip,
}

impl Value for Compression {
    const EXPECTED: &'static str = "gzip or none";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        match text {
            "none" => Ok(Self::None),
            "gzip" => Ok(Self::Gzip),
            _ => Err(None),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
        }
        .to_owned()
    }
}

/// A duration that may also be a plain number of milliseconds, as OpenTelemetry writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub struct Milliseconds(pub Duration);

impl Value for Milliseconds {
    const EXPECTED: &'static str = "milliseconds, such as 10000, or a duration such as 10s";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        match text.parse() {
            Ok(number) => Ok(Self(Duration::from_millis(number))),
            Err(_) => Duration::parse(text).map(Self).map_err(|_| None),
        }
    }

    fn show(&self) -> String {
        self.0.show()
    }

    fn is_within(&self, low: &Self, high: &Self) -> bool {
        (low..=high).contains(&self)
    }
}

/// Header fields for the collector. SECURITY: they may hold a token, and are never shown.
#[derive(Clone, Default)]
pub struct Headers {
    secret: Option<Secret>,
    /// As they were at the start.
    pairs: Fields,
}

type Fields = Vec<(HeaderName, HeaderValue)>;

impl Headers {
    /// The fields as they are now: those of a file are read again, and are those of the start while it
    /// holds none. A file that does not answer makes the caller wait.
    pub(super) fn read(&self) -> Fields {
        let file = self.secret.as_ref().filter(|secret| secret.is_in_file());
        let text = file.and_then(|file| file.read().ok());
        text.and_then(|text| fields(&text)).unwrap_or_else(|| self.pairs.clone())
    }
}

fn fields(text: &str) -> Option<Fields> {
    let field = |(name, value): (String, String)| {
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
    };
    pairs(text)?.into_iter().map(field).collect()
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show())
    }
}

impl Value for Headers {
    const EXPECTED: &'static str =
        "name=value,name=value, percent-encoded, or file:/path to read that from a file";
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let secret = Secret::of(text)?;
        let text = secret.read_in_time().map_err(|error| Some(error.to_string()))?;
        let pairs = fields(&text).ok_or(None)?;
        Ok(Self { secret: Some(secret), pairs })
    }

    fn show(&self) -> String {
        self.secret.as_ref().map(Secret::show).unwrap_or_default()
    }
}

/// What all spans of the process have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceAttributes {
    text: String,
    pub(super) pairs: Vec<(String, String)>,
}

impl Value for ResourceAttributes {
    const EXPECTED: &'static str = "name=value,name=value, percent-encoded";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let pairs = pairs(text).ok_or(None)?;
        Ok(Self { text: text.to_owned(), pairs })
    }

    fn show(&self) -> String {
        self.text.clone()
    }
}

/// `name=value,name=value`, values percent-encoded, as in W3C Baggage; none where it is not that.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let pair = |part: &str| {
        let (name, value) = part.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        let name = name.trim();
        (!name.is_empty()).then(|| (name.to_owned(), value.into_owned()))
    };
    parts.map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_url_that_can_be_asked() {
        for right in ["http://collector:4318", "http://[::1]:4318/base", "http://10.0.0.1:4318/"] {
            assert_eq!(Endpoint::parse(right).ok().unwrap().show(), right);
        }
        for wrong in
            ["collector:4318", "", "http://", "grpc://c:4317", "http://c/?a", "no url", "/v1"]
        {
            assert_eq!(Endpoint::parse(wrong), Err(None), "{wrong}");
        }
        let encrypted = Endpoint::parse("https://collector.example");
        assert_eq!(encrypted.is_ok(), HAS_TLS);
        if let Err(told) = encrypted {
            let told = told.unwrap();
            assert!(told.contains("feature tls") && told.contains("http://collector.example:4318"));
        }
    }

    #[test]
    fn milliseconds_are_a_number_or_a_duration() {
        for (text, shown) in [("10000", "10s"), ("250ms", "250ms"), ("5s", "5s")] {
            assert_eq!(Milliseconds::parse(text).ok().unwrap().show(), shown);
        }
        assert_eq!(Milliseconds::parse("ten"), Err(None));
    }

    #[test]
    fn pairs_are_decoded_and_headers_are_not_shown() {
        let attributes = ResourceAttributes::parse("a=1, k8s.pod.name=p%2C1 ,").unwrap();
        let expected = [("a", "1"), ("k8s.pod.name", "p,1")].map(|(k, v)| (k.into(), v.into()));
        assert_eq!(attributes.pairs, expected);
        assert!(ResourceAttributes::parse("novalue").is_err());
        assert!(ResourceAttributes::parse("=1").is_err());
        let headers = Headers::parse("authorization=Bearer%20hunter2").unwrap();
        assert_eq!(headers.read()[0].1, "Bearer hunter2");
        assert!(
            !format!("{headers:?} {} {:?}", headers.show(), headers.read()).contains("hunter2")
        );
        assert!(matches!(Headers::parse("a b=hunter2"), Err(None)));
        assert!(matches!(Headers::parse("a=hunter2%0A"), Err(None)));
    }

    #[test]
    fn a_token_in_a_file_is_the_one_that_is_there_now() {
        let path = std::env::temp_dir().join(format!("pcf-api-headers-{}", std::process::id()));
        std::fs::write(&path, "authorization=first").unwrap();
        let headers = Headers::parse(&format!("file:{}", path.display())).unwrap();
        std::fs::write(&path, "authorization=second").unwrap();
        assert_eq!(headers.read()[0].1, "second");
        std::fs::write(&path, "no fields").unwrap();
        assert_eq!(headers.read()[0].1, "first", "rather than none");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(headers.read()[0].1, "first");
    }
}
