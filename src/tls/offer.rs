//! What the server offers its clients: its certificate, and the protocols that it speaks.

use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, RootCertStore, ServerConfig};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::files::{Contents, LoadError};
use super::settings::{CERTIFICATE, CLIENT_CA, KEY};

/// One pair of certificate and key, ready for handshakes.
pub(crate) struct Offer {
    /// For those who are served.
    pub(super) public: Arc<ServerConfig>,
    /// For those who watch: no client is asked for a certificate.
    pub(super) management: Arc<ServerConfig>,
    /// When the certificate ends, since 1970.
    pub(super) expiry: Duration,
}

impl Offer {
    /// Makes it of the files' contents.
    pub(crate) fn of(contents: &Contents) -> Result<Self, LoadError> {
        let provider = Arc::new(ring::default_provider());
        let chain = chain(&contents.certificate).map_err(|it| LoadError::new(&CERTIFICATE, it))?;
        let expiry = expiry(&chain).ok_or_else(|| {
            LoadError::new(&CERTIFICATE, "the first certificate in the file is none of X.509")
        })?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key).map_err(|_| {
            LoadError::new(
                &KEY,
                "the file holds no private key in PEM; one that is encrypted cannot be used",
            )
        })?;
        let pair = CertifiedKey::from_der(chain, key, &provider).map_err(|error| match error {
            Error::InconsistentKeys(_) => {
                LoadError::new(&KEY, "the key does not fit the certificate of server.tls_certificate")
            }
            _ => LoadError::new(&KEY, "the key is of a kind that cannot be used: expected RSA of 2048 bits or more, ECDSA P-256 or P-384, or Ed25519"),
        })?;
        let resolver = Arc::new(SingleCertAndKey::from(pair));
        let config = |verifier: Option<Arc<dyn ClientCertVerifier>>| {
            let versions = ServerConfig::builder_with_provider(Arc::clone(&provider))
                .with_safe_default_protocol_versions();
            let versions =
                versions.map_err(|error| LoadError::new(&CERTIFICATE, error.to_string()))?;
            let mut config = match verifier {
                Some(verifier) => versions.with_client_cert_verifier(verifier),
                None => versions.with_no_client_auth(),
            }
            .with_cert_resolver(Arc::clone(&resolver) as _);
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            Ok(Arc::new(config))
        };
        let management = config(None)?;
        let public = match &contents.client_ca {
            None => Arc::clone(&management),
            Some(pem) => config(Some(verifier(pem, &provider)?))?,
        };
        Ok(Self { public, management, expiry })
    }
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err("the file holds no certificate in PEM"),
        Err(_) => Err("the file is broken PEM"),
    }
}

fn expiry(chain: &[CertificateDer<'_>]) -> Option<Duration> {
    let certificate = Certificate::from_der(chain.first()?).ok()?;
    Some(certificate.tbs_certificate.validity.not_after.to_unix_duration())
}

/// What says whether a client's certificate comes from one of these issuers.
fn verifier(
    pem: &[u8],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, LoadError> {
    let roots = roots(pem).map_err(|reason| LoadError::new(&CLIENT_CA, reason))?;
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| LoadError::new(&CLIENT_CA, error.to_string()))
}

/// The issuers that a file holds.
pub(super) fn roots(pem: &[u8]) -> Result<RootCertStore, &'static str> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(pem)? {
        roots
            .add(certificate)
            .map_err(|_| "a certificate in the file cannot be that of an issuer")?;
    }
    Ok(roots)
}
