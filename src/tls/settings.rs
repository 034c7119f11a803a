//! The settings of TLS.

use std::time::Duration;

use crate::settings::{Describe, HOUR, Setting};
#[cfg(feature = "tls")]
pub(crate) use read::{TlsConfig, check};

/// The server's certificate.
pub static CERTIFICATE: Setting<Option<String>> = Setting::new(
    "server.tls_certificate",
    "File with the server's certificate, and behind it those up to its issuer, in PEM. With it and \
     its key every port speaks TLS and nothing else. It is read again when it changes.",
);

/// The certificate's private key.
pub static KEY: Setting<Option<String>> = Setting::new(
    "server.tls_key",
    "File with the certificate's private key, in PEM. It is read again when it changes.",
);

/// Who issues the certificates of clients.
pub static CLIENT_CA: Setting<Option<String>> = Setting::new(
    "server.tls_client_ca",
    "File with the certificates, in PEM, of those who issue clients theirs: each client of the \
     public port must present one. It is read again when it changes, and needs server.management_port, \
     where no client is asked for one.",
);

/// How long a handshake may take.
pub static HANDSHAKE_TIMEOUT: Setting<Duration> = Setting::new(
    "server.tls_handshake_timeout",
    "How long a client may take from the connection to the end of its handshake.",
)
.default("10s")
.range(Duration::from_millis(100), HOUR);

/// The rows of the table.
pub(crate) static ROWS: [&dyn Describe; 4] = [&CERTIFICATE, &KEY, &CLIENT_CA, &HANDSHAKE_TIMEOUT];

#[cfg(feature = "tls")]
mod read {
    use std::time::Duration;

    use super::{CERTIFICATE, CLIENT_CA, HANDSHAKE_TIMEOUT, KEY};
    use crate::settings::{Describe, Origin, Problem, Reader, Sources};
    use crate::tls::files::Files;
    use crate::tls::offer::Offer;

    /// Where the certificate is, and how long a handshake may take.
    #[derive(Clone, Debug)]
    pub(crate) struct TlsConfig {
        pub(crate) files: Files,
        pub(crate) handshake_timeout: Duration,
    }

    impl TlsConfig {
        /// None where the server speaks no TLS.
        pub(crate) fn read(read: Reader<'_>) -> Result<Option<Self>, Problem> {
            let (certificate, key) = (read.get(&CERTIFICATE)?, read.get(&KEY)?);
            let Some((certificate, key)) = certificate.zip(key) else { return Ok(None) };
            let client_ca = read.get(&CLIENT_CA)?.map(Into::into);
            let files = Files { certificate: certificate.into(), key: key.into(), client_ca };
            Ok(Some(Self { files, handshake_timeout: read.get(&HANDSHAKE_TIMEOUT)? }))
        }
    }

    /// A certificate has its key, both can be read and fit each other; and where clients must present
    /// one, those who cannot have a port of their own.
    pub(crate) fn check(sources: &Sources, has_management_port: bool) -> Vec<Problem> {
        let origin = |row: &dyn Describe| sources.find(row, None).map(|found| found.origin);
        let problem = |row: &dyn Describe, reason: &str| {
            let origin = origin(row).unwrap_or(Origin::Default);
            Problem::new(row.key(), &origin, reason)
        };
        let rows: [&dyn Describe; 3] = [&CERTIFICATE, &KEY, &CLIENT_CA];
        let [has_certificate, has_key, has_ca] = rows.map(|row| origin(row).is_some());
        let mut problems = Vec::new();
        if has_certificate && !has_key {
            problems.push(problem(&CERTIFICATE, "needs its key too: set server.tls_key"));
        }
        if has_key && !has_certificate {
            problems.push(problem(&KEY, "needs its certificate too: set server.tls_certificate"));
        }
        if has_ca && !(has_certificate || has_key) {
            let reason = "needs server.tls_certificate and server.tls_key: without them the server speaks no TLS";
            problems.push(problem(&CLIENT_CA, reason));
        }
        if has_ca && !has_management_port {
            let reason = "needs server.management_port: the kubelet and healthcheck have no certificate, and ask there";
            problems.push(problem(&CLIENT_CA, reason));
        }
        if let Ok(Some(config)) = TlsConfig::read(Reader(sources))
            && let Err(error) =
                config.files.read_in_time().and_then(|contents| Offer::of(&contents))
        {
            problems.push(problem(error.setting, &error.reason));
        }
        problems
    }
}
