//! How an error of another kind becomes one that a client gets: what it says itself, what it holds, and
//! else 500.

use std::borrow::Cow;
use std::io;

use http_body_util::LengthLimitError;

use super::{Error, INTERNAL};
use crate::body::BoxError;
use crate::code::Code;

/// An error type of one's own that says what a client gets of it; `?` makes an [`Error`] of it.
///
/// ```
/// use pcf_api::{Code, Error, HttpError, Request, Response, response};
///
/// #[derive(Debug)]
/// enum ShopError {
///     SoldOut(String),
///     Database(std::io::Error),
/// }
///
/// impl std::fmt::Display for ShopError {
///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
///         match self {
///             Self::SoldOut(item) => write!(f, "{item} is sold out"),
///             Self::Database(error) => error.fmt(f),
///         }
///     }
/// }
///
/// impl std::error::Error for ShopError {}
///
/// impl HttpError for ShopError {
///     fn code(&self) -> Code {
///         match self {
///             Self::SoldOut(_) => Code::GONE,
///             Self::Database(_) => Code::INTERNAL_ERROR,
///         }
///     }
/// }
///
/// fn take(item: &str) -> Result<(), ShopError> {
///     Err(ShopError::SoldOut(item.to_owned()))
/// }
///
/// // 410 {"error":{"code":"GONE","message":"tea is sold out",…}}
/// async fn buy(request: Request) -> Result<Response, Error> {
///     take(&request.param("item")?)?;
///     Ok(response::text("yours"))
/// }
/// ```
///
/// A handler may also return its own type, `Result<Response, ShopError>`; then a variant that holds an
/// [`Error`] as its source, and has its code, lets `?` take those of the request too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which status a client gets of it",
    note = "implement `HttpError` for an error type of your own, or call `.or_internal()?` where \
            it means 500"
)]
pub trait HttpError: std::error::Error + Send + Sync + 'static {
    /// The status and its name.
    fn code(&self) -> Code;

    /// What the client reads. Nothing internal belongs into it. By default the error's own words
    /// where the client can mend it (below 500), and a general sentence otherwise; the words and
    /// all causes are logged in either case.
    fn message(&self) -> Cow<'static, str> {
        if self.code().status().is_client_error() {
            self.to_string().into()
        } else {
            INTERNAL.into()
        }
    }
}

/// For errors that are none of the client's business, such as those of a database.
///
/// ```
/// use pcf_api::{Error, Request, Response, ResultExt, response};
///
/// async fn motto(_: Request) -> Result<Response, Error> {
///     let number: u32 = "seven".parse().or_internal()?; // 500, and its cause in the log
///     Ok(response::text(number.to_string()))
/// }
/// ```
pub trait ResultExt<T> {
    /// The value; else an error that is `INTERNAL_ERROR` to the client and whole in the log. One
    /// that was caused by the request's body keeps its status, such as 413, also where another
    /// library has wrapped it.
    fn or_internal(self) -> Result<T, Error>;
}

impl<T, E: Into<BoxError>> ResultExt<T> for Result<T, E> {
    fn or_internal(self) -> Result<T, Error> {
        self.map_err(|error| Error::from(error.into()))
    }
}

/// One that holds an [`Error`] among its causes, and has its code, is what that one is: words, header
/// fields and extensions.
impl<E: HttpError> From<E> for Error {
    fn from(error: E) -> Self {
        let mut next = std::error::Error::source(&error);
        while let Some(cause) = next {
            match cause.downcast_ref::<Self>() {
                Some(own) if own.code == error.code() => {
                    return own.without_cause().caused_by(error);
                }
                _ => next = cause.source(),
            }
        }
        Self::new(error.code(), error.message()).caused_by(error)
    }
}

/// One that another library has wrapped keeps its status: that of a body past its limit is 413 also
/// behind multer or axum.
impl From<BoxError> for Error {
    fn from(error: BoxError) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(error) => return *error,
            Err(error) => error,
        };
        let mut next: Option<&(dyn std::error::Error + 'static)> = Some(&*error);
        while let Some(cause) = next {
            if let Some(own) = cause.downcast_ref::<Self>() {
                let own = own.without_cause();
                return own.caused_by(error);
            }
            if cause.is::<LengthLimitError>() {
                let message = "the body is larger than the limit";
                return Self::new(Code::PAYLOAD_TOO_LARGE, message).caused_by(error);
            }
            next = match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
                // What such an error holds is not its source, but that one's source is.
                Some(held) => Some(held as _),
                None => cause.source(),
            };
        }
        Self::internal(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::from(BoxError::from(error))
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(error)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;
    use crate::bounds::Reason;

    #[derive(Debug)]
    struct Own(u16);

    impl fmt::Display for Own {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "own {}", self.0)
        }
    }

    impl std::error::Error for Own {}

    impl HttpError for Own {
        fn code(&self) -> Code {
            Code::new(self.0, "OWN")
        }
    }

    #[test]
    fn an_error_of_one_s_own_has_its_status_and_its_words_only_where_they_are_for_the_client() {
        for (status, message) in [(402, "own 402"), (505, INTERNAL)] {
            let error = Error::from(Own(status));
            assert_eq!((error.code().status().as_u16(), &*error.message), (status, message));
            assert!(std::error::Error::source(&error).is_some());
        }
    }

    #[derive(Debug)]
    struct Holds(Error);

    impl fmt::Display for Holds {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("of the request")
        }
    }

    impl std::error::Error for Holds {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    impl HttpError for Holds {
        fn code(&self) -> Code {
            self.0.code()
        }
    }

    #[test]
    fn an_error_of_one_s_own_that_holds_one_is_what_that_one_is() {
        let held = Error::new(Code::UNAUTHORIZED, "who are you?").with("a", 1);
        let error = Error::from(Holds(held));
        assert_eq!((error.message(), error.code()), ("who are you?", Code::UNAUTHORIZED));
        assert_eq!(error.extensions["a"], 1);
    }

    #[test]
    fn a_status_survives_the_libraries_that_wrap_it() {
        let wrapped = |error: BoxError| Error::from(BoxError::from(io::Error::other(error)));
        let code = |error: BoxError| wrapped(error).code();
        assert_eq!(code(Box::new(Error::new(Code::GONE, "gone"))), Code::GONE);
        assert_eq!(code("else".into()), Code::INTERNAL_ERROR);
        let shed = wrapped(Box::new(Error::shed(Reason::BufferedBytes)));
        assert_eq!((shed.shed_reason(), shed.headers().len()), (Some(Reason::BufferedBytes), 1));
    }
}
