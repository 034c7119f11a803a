//! Why a client's handshake came to nothing.

use std::io;

use rustls::Error;

/// Why; the closed set of the metric's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandshakeFailure {
    /// It took longer than it may.
    Timeout,
    /// The client closed, or was lost.
    Closed,
    /// The client does not speak TLS.
    Plaintext,
    /// It has no version or cipher in common with the server.
    Incompatible,
    /// It presented no certificate where one is needed, or one that is not accepted.
    ClientCertificate,
    /// It does not accept the server: it does not know the issuer, or expects another name.
    Refused,
    /// What it sent is wrong.
    Invalid,
}

impl HandshakeFailure {
    pub(crate) const ALL: [Self; 7] = [
        Self::Timeout,
        Self::Closed,
        Self::Plaintext,
        Self::Incompatible,
        Self::ClientCertificate,
        Self::Refused,
        Self::Invalid,
    ];

    /// As the metric's label has it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Plaintext => "plaintext",
            Self::Incompatible => "incompatible",
            Self::ClientCertificate => "client_certificate",
            Self::Refused => "refused",
            Self::Invalid => "invalid",
        }
    }

    /// What an error of the handshake means.
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            None => Self::Closed,
            Some(Error::PeerIncompatible(_)) => Self::Incompatible,
            Some(Error::NoCertificatesPresented | Error::InvalidCertificate(_)) => {
                Self::ClientCertificate
            }
            Some(Error::AlertReceived(_)) => Self::Refused,
            Some(_) => Self::Invalid,
        }
    }
}
