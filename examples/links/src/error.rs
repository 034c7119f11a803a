//! Everything that can go wrong with links, and what clients get of it.

use std::borrow::Cow;

use pcf_api::{Code, HttpError};

/// What went wrong. What asks the database or a target returns it; handlers return
/// [`pcf_api::Error`], which `?` makes of it.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("this needs authorization: Bearer and the service's key")]
    WrongKey,
    #[error("there is no such link, or it has expired")]
    NoSuchLink,
    #[error("a target is a URL that begins with http:// or https://")]
    NoTarget,
    #[error("a target has {0} characters at most")]
    TooLong(usize),
    #[error("the target does not answer")]
    NoAnswer(#[source] reqwest::Error),
    #[error("something went wrong on our side; try again later")]
    Database(#[source] sqlx::Error),
}

impl HttpError for LinkError {
    fn code(&self) -> Code {
        match self {
            Self::WrongKey => Code::UNAUTHORIZED,
            Self::NoSuchLink => Code::NOT_FOUND,
            Self::NoTarget | Self::TooLong(_) => Code::UNPROCESSABLE_ENTITY,
            Self::NoAnswer(_) => Code::BAD_GATEWAY,
            // All connections are in use, or the database is away: worth another try.
            Self::Database(sqlx::Error::PoolTimedOut | sqlx::Error::Io(_)) => {
                Code::SERVICE_UNAVAILABLE
            }
            Self::Database(_) => Code::INTERNAL_ERROR,
        }
    }

    /// No words of ours tell anything internal; the causes go to the log alone.
    fn message(&self) -> Cow<'static, str> {
        self.to_string().into()
    }
}

impl From<sqlx::Error> for LinkError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::RowNotFound => Self::NoSuchLink,
            error => Self::Database(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_away_is_worth_another_try_and_says_nothing_of_itself() {
        let away = LinkError::from(sqlx::Error::Io(std::io::Error::other("10.0.0.7 refused")));
        assert_eq!(away.code(), Code::SERVICE_UNAVAILABLE);
        assert!(!away.message().contains("10.0.0.7"));
        assert_eq!(LinkError::from(sqlx::Error::RowNotFound).code(), Code::NOT_FOUND);
        assert_eq!(LinkError::from(sqlx::Error::WorkerCrashed).code(), Code::INTERNAL_ERROR);
    }
}
