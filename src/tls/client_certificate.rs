//! Who a client is, by the certificate that it has presented.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// The certificate of a client that has proved to have its key. An issuer of `server.tls_client_ca`
/// vouches for it. [`Request::client_certificate`](crate::Request::client_certificate) gives it.
#[derive(Clone, Debug)]
pub struct ClientCertificate(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    subject: String,
    der: CertificateDer<'static>,
}

impl ClientCertificate {
    /// None where it is no certificate of X.509, which a handshake does not let through.
    pub(crate) fn of(der: &CertificateDer<'_>) -> Option<Self> {
        let subject = Certificate::from_der(der).ok()?.tbs_certificate.subject.to_string();
        Some(Self(Arc::new(Parts { subject, der: der.clone().into_owned() })))
    }

    /// Its subject as text, RFC 4514: `CN=shop,O=Example`, the most specific part first.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The whole certificate, DER of X.509, for what else is to be known of it.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }
}
