//! How the collector is reached: in plain text, or over TLS where the feature `tls` is there too.

#[cfg(feature = "tls")]
pub(super) use encrypted::{Connected, HAS_TLS, Trust, why};
#[cfg(not(feature = "tls"))]
pub(super) use plain::{Connected, HAS_TLS, Trust, why};

#[cfg(not(feature = "tls"))]
mod plain {
    use std::convert::Infallible;
    use std::error::Error;
    use std::time::Duration;

    use opentelemetry_http::hyper::HyperClient;

    use crate::settings::{Problem, Reader};

    pub(in super::super) const HAS_TLS: bool = false;

    /// A client, with the connections that it keeps; clones share them.
    pub(in super::super) type Connected = HyperClient;

    /// Who is believed: nobody is asked.
    #[derive(Clone, Debug)]
    pub(in super::super) struct Trust;

    impl Trust {
        #[expect(clippy::unnecessary_wraps, reason = "with TLS it can be wrong")]
        pub(in super::super) fn read(_: Reader<'_>, _: &str) -> Result<Self, Problem> {
            Ok(Self)
        }

        #[expect(clippy::unused_self, reason = "with TLS it reads files")]
        pub(in super::super) fn check(&self, _: Reader<'_>) -> Option<Problem> {
            None
        }

        #[expect(
            clippy::unnecessary_wraps,
            clippy::unused_self,
            reason = "with TLS it reads files"
        )]
        pub(in super::super) fn connect(&self, timeout: Duration) -> Result<Connected, Infallible> {
            Ok(HyperClient::with_default_connector(timeout, None))
        }
    }

    /// TLS has not failed.
    pub(in super::super) fn why(_: &(dyn Error + 'static)) -> Option<&'static str> {
        None
    }
}

#[cfg(feature = "tls")]
mod encrypted {
    use std::error::Error;
    use std::iter;
    use std::sync::Arc;
    use std::time::Duration;

    use hyper::Uri;
    use hyper::http::uri::Scheme;
    use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
    use hyper_util::client::legacy::connect::HttpConnector;
    use opentelemetry_http::hyper::HyperClient;

    use super::super::settings::CERTIFICATE;
    use crate::settings::{Origin, Problem, Reader, key_of};
    use crate::tls::{self, Authorities, AuthoritiesError, Expect, client_config};

    pub(in super::super) const HAS_TLS: bool = true;

    /// A client, with the connections that it keeps; clones share them.
    pub(in super::super) type Connected = HyperClient<HttpsConnector<HttpConnector>>;

    /// Who is believed; none: plain text.
    #[derive(Clone, Debug)]
    pub(in super::super) struct Trust(Option<Authorities>);

    impl Trust {
        /// Those that were named, but for an http URL.
        pub(in super::super) fn read(read: Reader<'_>, url: &str) -> Result<Self, Problem> {
            // The connector, too, goes by the scheme as it is parsed.
            if url.parse::<Uri>().is_ok_and(|uri| uri.scheme() == Some(&Scheme::HTTP)) {
                return Ok(Self(None));
            }
            let file = read.get(&CERTIFICATE)?;
            let named = file.map(|path| Authorities::File(path.into()));
            Ok(Self(Some(named.unwrap_or(Authorities::System))))
        }

        /// Why they cannot be read.
        pub(in super::super) fn check(&self, read: Reader<'_>) -> Option<Problem> {
            let error = self.0.as_ref()?.check().err()?;
            let found = read.0.find(&CERTIFICATE, None);
            let origin = found.map_or(Origin::Default, |found| found.origin);
            Some(Problem::new(&key_of(&CERTIFICATE, None), &origin, error))
        }

        /// A client that believes those whose certificates are there now.
        pub(in super::super) fn connect(
            &self,
            timeout: Duration,
        ) -> Result<Connected, AuthoritiesError> {
            let config = match &self.0 {
                Some(authorities) => client_config(authorities, Expect::Name)?,
                // It reads nothing, and is not used for http.
                None => client_config(&Authorities::System, Expect::Anything)?,
            };
            let connector = HttpsConnectorBuilder::new()
                .with_tls_config(Arc::unwrap_or_clone(config))
                .https_or_http()
                .enable_http1()
                .build();
            Ok(HyperClient::new(connector, timeout, None))
        }
    }

    /// Why TLS has failed, where it is the cause.
    pub(in super::super) fn why(error: &(dyn Error + 'static)) -> Option<&'static str> {
        iter::successors(Some(error), |&error| error.source())
            .find_map(|error| tls::why(error.downcast_ref()?))
    }
}
