//! TLS, the feature `tls`: the server's certificate, kept current with its files; who its clients are;
//! and the connections to dependencies that are encrypted. rustls does the rest, with ring.

#[cfg(feature = "tls")]
mod carrier;
#[cfg(feature = "tls")]
mod client;
#[cfg(feature = "tls")]
mod client_certificate;
#[cfg(feature = "tls")]
mod failure;
#[cfg(feature = "tls")]
mod files;
#[cfg(feature = "tls")]
mod keeper;
#[cfg(feature = "tls")]
mod offer;
pub(crate) mod settings;

#[cfg(feature = "tls")]
pub(crate) use self::{
    carrier::Carrier,
    client::{Authorities, AuthoritiesError, Expect, client_config, server_name, why},
    failure::HandshakeFailure,
    keeper::Keeper,
    settings::{TlsConfig, check},
};

#[cfg(feature = "tls")]
pub use client_certificate::ClientCertificate;
