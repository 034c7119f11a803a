//! The files that the server's certificate comes from.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::settings::{CERTIFICATE, CLIENT_CA, KEY};
use crate::settings::{Describe, in_time, read_regular};

/// Most bytes of one file: a chain has some kilobytes, a bundle of issuers some hundred.
pub(super) const MAX_BYTES: usize = 1024 * 1024;

/// Where they are.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) client_ca: Option<PathBuf>,
}

/// What is in them. It has the key: nothing shows it.
#[derive(PartialEq, Eq)]
pub(crate) struct Contents {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Vec<u8>,
    pub(super) client_ca: Option<Vec<u8>>,
}

/// Why the files give no certificate. Names the setting, and never what is in the file.
pub(crate) struct LoadError {
    pub(crate) setting: &'static dyn Describe,
    pub(crate) reason: String,
}

impl LoadError {
    pub(super) fn new(setting: &'static dyn Describe, reason: impl Into<String>) -> Self {
        Self { setting, reason: reason.into() }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting.key(), self.reason)
    }
}

impl fmt::Debug for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for LoadError {}

impl Files {
    /// Reads them at the start, within two seconds each.
    pub(crate) fn read_in_time(&self) -> Result<Contents, LoadError> {
        self.read_by(|path| in_time(path, MAX_BYTES, read_regular))
    }

    /// Reads them. One that does not answer makes the caller wait.
    pub(super) fn read(&self) -> Result<Contents, LoadError> {
        self.read_by(|path| read_regular(path, MAX_BYTES))
    }

    fn read_by(&self, read: fn(&Path) -> io::Result<Vec<u8>>) -> Result<Contents, LoadError> {
        let read = |setting: &'static dyn Describe, path: &Path| {
            read(path).map_err(|error| {
                LoadError::new(setting, format!("cannot read {}: {error}", path.display()))
            })
        };
        Ok(Contents {
            certificate: read(&CERTIFICATE, &self.certificate)?,
            key: read(&KEY, &self.key)?,
            client_ca: self.client_ca.as_deref().map(|path| read(&CLIENT_CA, path)).transpose()?,
        })
    }
}
