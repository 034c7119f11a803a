//! Connections of our own: to dependencies, and the health check's to its server.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::files::MAX_BYTES;
use super::offer::roots;
use crate::settings::{in_time, read_regular};

/// Who is believed.
#[derive(Clone, Debug)]
pub(crate) enum Authorities {
    /// Those of the system: `SSL_CERT_FILE`, `SSL_CERT_DIR`, or where the distribution has them.
    System,
    /// Those in this file, PEM.
    File(PathBuf),
}

/// What a server's certificate must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// From someone who is believed, and for the name that was asked.
    Name,
    /// From someone who is believed.
    Issuer,
    /// Anything: the connection is encrypted, and that is all.
    Anything,
}

/// Why there is nobody to believe.
#[derive(Debug)]
pub(crate) struct AuthoritiesError(String);

impl fmt::Display for AuthoritiesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AuthoritiesError {}

impl Authorities {
    /// Whether they can be read, at the start: a file within two seconds.
    pub(crate) fn check(&self) -> Result<(), AuthoritiesError> {
        self.load_by(|path| in_time(path, MAX_BYTES, read_regular)).map(drop)
    }

    /// Reads them; at least one. A file that does not answer makes the caller wait.
    fn load(&self) -> Result<RootCertStore, AuthoritiesError> {
        self.load_by(|path| read_regular(path, MAX_BYTES))
    }

    fn load_by(
        &self,
        read: fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<RootCertStore, AuthoritiesError> {
        match self {
            Self::File(path) => {
                let pem = read(path).map_err(|error| {
                    AuthoritiesError(format!("cannot read {}: {error}", path.display()))
                })?;
                roots(&pem).map_err(|error| AuthoritiesError(error.to_owned()))
            }
            Self::System => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if roots.is_empty() {
                    let reason =
                        "this system has no CA certificates: set SSL_CERT_FILE, or name a file";
                    return Err(AuthoritiesError(reason.to_owned()));
                }
                Ok(roots)
            }
        }
    }
}

/// How to connect. Nothing is read where anything will do.
pub(crate) fn client_config(
    authorities: &Authorities,
    expect: Expect,
) -> Result<Arc<ClientConfig>, AuthoritiesError> {
    let provider = Arc::new(ring::default_provider());
    let wrong = |error: &dyn fmt::Display| AuthoritiesError(error.to_string());
    let issuers = if expect == Expect::Anything {
        None
    } else {
        let roots = Arc::new(authorities.load()?);
        let builder = WebPkiServerVerifier::builder_with_provider(
            roots,
            Arc::<CryptoProvider>::clone(&provider),
        );
        Some(builder.build().map_err(|error| wrong(&error))?)
    };
    let algorithms = provider.signature_verification_algorithms;
    let verifier = Verifier { issuers, is_for_name: expect == Expect::Name, algorithms };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// A host, as a certificate names it.
pub(crate) fn server_name(host: &str) -> Option<ServerName<'static>> {
    // Of IPv6 without its brackets and its zone.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(host.split('%').next()?.to_owned()).ok()
}

/// Judges a server's certificate: webpki does, and what it says of the name counts where it is asked.
#[derive(Debug)]
struct Verifier {
    issuers: Option<Arc<WebPkiServerVerifier>>,
    is_for_name: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        let Some(issuers) = &self.issuers else { return Ok(ServerCertVerified::assertion()) };
        match issuers.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        {
            // The name is looked at last: all else is well.
            Err(Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }))
                if !self.is_for_name =>
            {
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Why TLS has failed, in words for people that name no host; none where it was the connection.
pub(crate) fn why(error: &io::Error) -> Option<&'static str> {
    use CertificateError as Certificate;
    let inner = error.get_ref()?;
    // Connectors wrap the error of the stream that they are given.
    if let Some(inner) = inner.downcast_ref() {
        return why(inner);
    }
    let error = inner.downcast_ref::<Error>()?;
    Some(match error {
        Error::InvalidCertificate(reason) => match reason {
            Certificate::Expired | Certificate::ExpiredContext { .. } => {
                "the server's certificate has expired"
            }
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                "the server's certificate is not valid yet"
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                "the server's certificate is for another name"
            }
            Certificate::UnknownIssuer => "the issuer of the server's certificate is not known",
            // One of that name is believed, and has not signed this one: it was made anew, say.
            Certificate::BadSignature
            | Certificate::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                "the issuer of the server's certificate is known by another key"
            }
            Certificate::UnsupportedSignatureAlgorithmContext { .. } => {
                "the server's certificate is signed by an algorithm that is not supported"
            }
            Certificate::BadEncoding => "the server's certificate is broken",
            Certificate::InvalidPurpose | Certificate::InvalidPurposeContext { .. } => {
                "the server's certificate is not one for servers"
            }
            Certificate::Other(_) => {
                "the server's certificate is that of an issuer, not of a server"
            }
            _ => "the server's certificate is not accepted",
        },
        Error::PeerIncompatible(_) => "no version or cipher in common with the server",
        Error::AlertReceived(rustls::AlertDescription::CertificateRequired) => {
            "the server wants a certificate of the client"
        }
        Error::AlertReceived(_) => "the server refuses the handshake",
        _ => "the server does not speak TLS",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address() {
        for (host, is_name) in [("db.example", true), ("10.0.0.1", true), ("[fe80::1%eth0]", true)]
        {
            assert_eq!(server_name(host).is_some(), is_name, "{host}");
        }
        assert!(matches!(server_name("[::1]"), Some(ServerName::IpAddress(_))));
        assert!(server_name("a b").is_none());
    }

    #[test]
    fn a_signature_that_does_not_fit_is_told() {
        let told = |reason| why(&io::Error::other(Error::InvalidCertificate(reason))).unwrap();
        let unlike = CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: Vec::new(),
            public_key_algorithm_id: Vec::new(),
        };
        for reason in [CertificateError::BadSignature, unlike] {
            assert_eq!(
                told(reason),
                "the issuer of the server's certificate is known by another key"
            );
        }
        let unknown = CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: Vec::new(),
            supported_algorithms: Vec::new(),
        };
        let expected = "the server's certificate is signed by an algorithm that is not supported";
        assert_eq!(told(unknown), expected);
    }

    #[test]
    fn a_file_without_a_certificate_is_told() {
        let told = |path: &str| Authorities::File(path.into()).load().unwrap_err().to_string();
        assert_eq!(told("Cargo.toml"), "the file holds no certificate in PEM");
        assert!(told("/no/such/file").starts_with("cannot read /no/such/file: "));
    }
}
