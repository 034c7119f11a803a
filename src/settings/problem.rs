//! What is wrong with a configuration, told all at once.

use std::fmt;

use super::sources::Origin;

/// One mistake: the key, where it was written and what would be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(String);

impl Problem {
    /// A mistake at this key. `reason` must not repeat a secret.
    pub fn new(key: &str, origin: &Origin, reason: impl fmt::Display) -> Self {
        match (key, origin) {
            ("", Origin::File(path, 0)) => Self(format!("file {}: {reason}", path.display())),
            ("", origin) => Self(format!("({origin}): {reason}")),
            // Nobody has written anything.
            (key, Origin::Default) => Self(format!("{key}: {reason}")),
            _ => Self(format!("{key} ({origin}): {reason}")),
        }
    }

    /// A value that its setting does not take.
    pub fn value(key: &str, shown: &str, origin: &Origin, reason: &str) -> Self {
        Self(format!("{key} = {shown} ({origin}): {reason}"))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Every mistake of a configuration: the service does not start with any.
#[derive(Debug)]
pub struct ConfigError(pub Vec<Problem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("1 mistake in the configuration")?,
            n => write!(f, "{n} mistakes in the configuration")?,
        }
        for problem in &self.0 {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
