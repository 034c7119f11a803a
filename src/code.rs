//! What went wrong, for programs: a status from 400 to 599 and a name.

use std::fmt;

use hyper::StatusCode;
use serde::{Serialize, Serializer};

/// The status of an error and its name in the envelope.
///
/// The constants are all statuses of the registry (RFC 9110, 15.5 and 15.6, and the RFCs beside it).
/// A name of one's own:
///
/// ```
/// use pcf_api::Code;
///
/// const OUT_OF_CREDIT: Code = Code::new(402, "OUT_OF_CREDIT");
/// assert_eq!(OUT_OF_CREDIT.status(), 402);
/// assert_eq!(Code::NOT_FOUND.name(), "NOT_FOUND");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    status: u16,
    name: &'static str,
}

macro_rules! codes {
    ($($status:literal $name:ident)*) => {
        #[allow(missing_docs, reason = "each is the status of its name in the registry of IANA")]
        impl Code {
            $(pub const $name: Self = Self { status: $status, name: stringify!($name) };)*

            const REGISTRY: &[Self] = &[$(Self::$name),*];
        }
    };
}

codes! {
    400 INVALID_INPUT
    401 UNAUTHORIZED
    402 PAYMENT_REQUIRED
    403 FORBIDDEN
    404 NOT_FOUND
    405 METHOD_NOT_ALLOWED
    406 NOT_ACCEPTABLE
    407 PROXY_AUTHENTICATION_REQUIRED
    408 REQUEST_TIMEOUT
    409 CONFLICT
    410 GONE
    411 LENGTH_REQUIRED
    412 PRECONDITION_FAILED
    413 PAYLOAD_TOO_LARGE
    414 URI_TOO_LONG
    415 UNSUPPORTED_MEDIA_TYPE
    416 RANGE_NOT_SATISFIABLE
    417 EXPECTATION_FAILED
    418 IM_A_TEAPOT
    421 MISDIRECTED_REQUEST
    422 UNPROCESSABLE_ENTITY
    423 LOCKED
    424 FAILED_DEPENDENCY
    425 TOO_EARLY
    426 UPGRADE_REQUIRED
    428 PRECONDITION_REQUIRED
    429 TOO_MANY_REQUESTS
    431 HEADER_FIELDS_TOO_LARGE
    451 UNAVAILABLE_FOR_LEGAL_REASONS
    500 INTERNAL_ERROR
    501 NOT_IMPLEMENTED
    502 BAD_GATEWAY
    503 SERVICE_UNAVAILABLE
    504 TIMEOUT
    505 HTTP_VERSION_NOT_SUPPORTED
    506 VARIANT_ALSO_NEGOTIATES
    507 INSUFFICIENT_STORAGE
    508 LOOP_DETECTED
    511 NETWORK_AUTHENTICATION_REQUIRED
}

impl Code {
    /// A code of one's own. Meant for constants: what is wrong with it then fails the build.
    ///
    /// # Panics
    ///
    /// Where the status is not from 400 to 599, or the name is not of capitals, digits and
    /// underscores.
    ///
    /// ```compile_fail
    /// const FINE: pcf_api::Code = pcf_api::Code::new(200, "FINE");
    /// # let _ = FINE;
    /// ```
    pub const fn new(status: u16, name: &'static str) -> Self {
        assert!(400 <= status && status <= 599, "a code's status is from 400 to 599");
        assert!(is_name(name.as_bytes()), "a code's name is of capitals, digits and underscores");
        Self { status, name }
    }

    /// The code of a status, by its name in the registry; `INVALID_INPUT` or `INTERNAL_ERROR` for
    /// one that is not there, and for one that is no error.
    pub fn of(status: StatusCode) -> Self {
        let known = Self::REGISTRY.iter().find(|known| known.status == status.as_u16());
        let other =
            if status.is_client_error() { Self::INVALID_INPUT } else { Self::INTERNAL_ERROR };
        known.copied().unwrap_or(other)
    }

    /// The status.
    pub fn status(self) -> StatusCode {
        // From 400 to 599 each is one.
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The name in the envelope.
    pub const fn name(self) -> &'static str {
        self.name
    }
}

const fn is_name(name: &[u8]) -> bool {
    let mut rest = name;
    while let [first, others @ ..] = rest {
        if !matches!(first, b'A'..=b'Z' | b'0'..=b'9' | b'_') {
            return false;
        }
        rest = others;
    }
    !name.is_empty()
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_of_the_registry_has_its_code() {
        for status in 400..600 {
            let status = StatusCode::from_u16(status).unwrap();
            let code = Code::of(status);
            match status.canonical_reason() {
                Some(_) if status.as_u16() != 510 => assert_eq!(code.status(), status),
                _ => assert!([Code::INVALID_INPUT, Code::INTERNAL_ERROR].contains(&code), "{code}"),
            }
        }
        assert_eq!(Code::of(StatusCode::OK), Code::INTERNAL_ERROR);
    }

    #[test]
    fn a_code_of_one_s_own_is_checked() {
        assert_eq!(Code::new(599, "A_1").status(), 599);
        for (status, name) in [(399, "A"), (600, "A"), (400, "a"), (400, "")] {
            std::panic::catch_unwind(|| Code::new(status, name)).unwrap_err();
        }
    }
}
