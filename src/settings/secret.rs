//! Values that may hold a secret: given in place, or as `file:/path` to be read from a file.
//!
//! SECURITY: nothing here shows a secret: not `Debug`, not an error, not `pcf-api config`.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::file;
use super::value::Value;

/// The most that a secret's file may hold, in bytes; more is surely the wrong file.
const MAX_BYTES: usize = 64 * 1024;

/// A secret, or where to read it: the value itself, or `file:/path`.
///
/// ```
/// use pcf_api::{Context, Secret, Setting};
///
/// static API_KEY: Setting<Secret> = Setting::new("shop.api_key", "What clients must know.");
///
/// fn key(context: &Context) -> Result<String, pcf_api::SecretError> {
///     context.get(&API_KEY).read()
/// }
/// ```
///
/// A file is read anew at each [`Secret::read`], so a mounted Kubernetes Secret or a file of the
/// Vault agent takes effect when it changes, without a restart.
#[derive(Clone)]
pub struct Secret(Place);

#[derive(Clone)]
enum Place {
    Inline(String),
    File(PathBuf),
}

/// Why a secret could not be read. Its text names the file and never the content.
#[derive(Debug)]
pub enum SecretError {
    /// The file could not be opened or read, is larger than 64 KiB, or does not answer.
    Unreadable(PathBuf, io::Error),
    /// The file is not UTF-8 text.
    NotText(PathBuf),
    /// The file holds nothing but white space.
    Empty(PathBuf),
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::NotText(path) => write!(f, "{} is not UTF-8 text", path.display()),
            Self::Empty(path) => write!(f, "{} is empty", path.display()),
        }
    }
}

impl std::error::Error for SecretError {}

impl Secret {
    /// The secret that a setting's text is or names. Nothing is read.
    pub fn of(text: &str) -> Result<Self, Option<String>> {
        match text.strip_prefix("file:") {
            Some(path) if path.starts_with('/') => Ok(Self(Place::File(path.into()))),
            Some(_) => Err(Some("file: needs an absolute path behind it".to_owned())),
            None => Ok(Self(Place::Inline(text.to_owned()))),
        }
    }

    /// Whether [`Secret::read`] reads a file, which may take its time.
    pub fn is_in_file(&self) -> bool {
        matches!(self.0, Place::File(_))
    }

    /// The secret as it is now, without white space around it. A file that does not answer makes
    /// the caller wait.
    pub fn read(&self) -> Result<String, SecretError> {
        match &self.0 {
            Place::Inline(value) => Ok(value.clone()),
            Place::File(path) => text(path, file::read_regular(path, MAX_BYTES)),
        }
    }

    /// The same at the start, which waits for two seconds at most.
    pub fn read_in_time(&self) -> Result<String, SecretError> {
        match &self.0 {
            Place::Inline(value) => Ok(value.clone()),
            Place::File(path) => text(path, file::in_time(path, MAX_BYTES, file::read_regular)),
        }
    }
}

fn text(path: &Path, read: io::Result<Vec<u8>>) -> Result<String, SecretError> {
    let bytes = read.map_err(|error| SecretError::Unreadable(path.to_owned(), error))?;
    let text = String::from_utf8(bytes).map_err(|_| SecretError::NotText(path.to_owned()))?;
    match file::without_mark(&text).trim() {
        "" => Err(SecretError::Empty(path.to_owned())),
        text => Ok(text.to_owned()),
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show())
    }
}

impl Value for Secret {
    const EXPECTED: &'static str = "the value itself, or file:/path to read it from a file";
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let secret = Self::of(text)?;
        secret.read_in_time().map_err(|error| Some(error.to_string()))?;
        Ok(secret)
    }

    fn show(&self) -> String {
        match &self.0 {
            Place::Inline(_) => "<redacted>".to_owned(),
            Place::File(path) => format!("file:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_anew_each_time_and_trimmed() {
        let path = std::env::temp_dir().join(format!("pcf-api-secret-{}", std::process::id()));
        std::fs::write(&path, "first\n").unwrap();
        let secret = Secret::parse(&format!("file:{}", path.display())).unwrap();
        assert_eq!(secret.read().unwrap(), "first");
        std::fs::write(&path, " second \n").unwrap();
        assert_eq!(secret.read().unwrap(), "second");
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(secret.read(), Err(SecretError::Empty(_))));
        std::fs::write(&path, vec![b'x'; 70_000]).unwrap();
        let told = secret.read().unwrap_err().to_string();
        assert!(told.ends_with("it is larger than 64 KiB"), "{told}");
        std::fs::write(&path, "\u{feff}marked\r\n").unwrap();
        assert_eq!(secret.read().unwrap(), "marked");
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(secret.read(), Err(SecretError::NotText(_))));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(secret.read(), Err(SecretError::Unreadable(..))));
    }

    #[test]
    fn nothing_shows_a_secret() {
        let secret = Secret::parse("hunter2").unwrap();
        assert_eq!(format!("{secret:?} {}", secret.show()), "<redacted> <redacted>");
        assert!(Secret::parse("file:relative").is_err());
        assert!(Secret::parse("file:/no/such/file").is_err());
    }
}
