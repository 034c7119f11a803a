//! How a dependency is spoken to: in plain text, or over TLS with a certificate that is this or that.

#[cfg(feature = "tls")]
pub(super) use encrypted::{Dialer, Encryption, Security, Trust};
#[cfg(not(feature = "tls"))]
pub(super) use plain::{Dialer, Encryption, Security, Trust};

/// Without the feature nothing is encrypted; the types that say so take no room.
#[cfg(not(feature = "tls"))]
mod plain {
    use tokio::net::TcpStream;

    use super::super::probe::ProbeError;
    use crate::settings::{Problem, Reader};

    /// What a URL asks for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(in super::super) struct Security;

    impl Security {
        pub(in super::super) const NONE: Self = Self;

        pub(in super::super) fn of_scheme() -> Result<Self, &'static str> {
            Err(
                "TLS is not spoken by this build, which is without the Cargo feature tls; check the port with tcp://host:port",
            )
        }

        /// It concerns sessions, of which a check has none.
        #[expect(clippy::unnecessary_wraps, reason = "with TLS it can be wrong")]
        pub(in super::super) fn of_sslmode(_: &str) -> Result<Self, &'static str> {
            Ok(Self)
        }
    }

    /// Who is believed.
    #[derive(Clone, Debug)]
    pub(crate) struct Trust;

    impl Trust {
        #[cfg(test)]
        pub(in super::super) const SYSTEM: Self = Self;

        #[expect(clippy::unnecessary_wraps, reason = "with TLS it can be wrong")]
        pub(in super::super) fn read(_: Reader<'_>, _: &str) -> Result<Self, Problem> {
            Ok(Self)
        }
    }

    /// Makes what connections need.
    pub(in super::super) struct Dialer;

    impl Dialer {
        pub(in super::super) fn new(_: Trust) -> Self {
            Self
        }

        #[expect(clippy::unused_async, reason = "with TLS it reads files")]
        pub(in super::super) async fn ready(&mut self, _: Security) -> Result<Self, String> {
            Ok(Self)
        }

        #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "with TLS there is one")]
        pub(in super::super) fn of_host(&self, _: &str) -> Result<Option<Encryption>, String> {
            Ok(None)
        }

        #[expect(clippy::unused_self, reason = "with TLS there is something")]
        pub(in super::super) fn forget(&mut self) {}
    }

    /// There is none.
    pub(in super::super) enum Encryption {}

    impl Encryption {
        #[expect(clippy::unused_async, reason = "with TLS it waits")]
        pub(in super::super) async fn begin(&self, _: TcpStream) -> Result<TcpStream, ProbeError> {
            match *self {}
        }
    }
}

#[cfg(feature = "tls")]
mod encrypted {
    use std::sync::Arc;

    use rustls::ClientConfig;
    use rustls::pki_types::ServerName;
    use tokio::net::TcpStream;
    use tokio::task::{JoinHandle, spawn_blocking};
    use tokio_rustls::TlsConnector;
    use tokio_rustls::client::TlsStream;

    use super::super::probe::ProbeError;
    use super::super::settings::DEPENDENCY_CA;
    use crate::settings::{Problem, Reader, key_of};
    use crate::tls::{Authorities, AuthoritiesError, Expect, client_config, server_name};

    /// What a URL asks for; none: plain text.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(in super::super) struct Security(Option<Expect>);

    impl Security {
        pub(in super::super) const NONE: Self = Self(None);

        /// Of https and rediss.
        #[expect(clippy::unnecessary_wraps, reason = "without TLS it is wrong")]
        pub(in super::super) fn of_scheme() -> Result<Self, &'static str> {
            Ok(Self(Some(Expect::Name)))
        }

        /// As libpq has them. Those that would do without TLS are asked without: the server that
        /// takes the question is up, and there is nothing to verify.
        /// <https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION>
        pub(in super::super) fn of_sslmode(mode: &str) -> Result<Self, &'static str> {
            Ok(Self(match mode {
                "disable" | "allow" | "prefer" => None,
                "require" => Some(Expect::Anything),
                "verify-ca" => Some(Expect::Issuer),
                "verify-full" => Some(Expect::Name),
                _ => {
                    return Err(
                        "expected sslmode disable, allow, prefer, require, verify-ca or verify-full",
                    );
                }
            }))
        }
    }

    /// Who is believed, and whether that was said of this dependency.
    #[derive(Clone, Debug)]
    pub(crate) struct Trust(Authorities);

    impl Trust {
        pub(in super::super) const SYSTEM: Self = Self(Authorities::System);

        pub(in super::super) fn read(read: Reader<'_>, name: &str) -> Result<Self, Problem> {
            let Some(path) = read.of(&DEPENDENCY_CA, Some(name))? else {
                return Ok(Self::SYSTEM);
            };
            let authorities = Authorities::File(path.into());
            match authorities.check() {
                Ok(()) => Ok(Self(authorities)),
                Err(error) => {
                    let key = key_of(&DEPENDENCY_CA, Some(name));
                    let found = read.0.find(&DEPENDENCY_CA, Some(name));
                    let origin = found.map_or(crate::settings::Origin::Default, |it| it.origin);
                    Err(Problem::new(&key, &origin, error))
                }
            }
        }
    }

    /// Makes what connections need, and keeps it while the checks are good: a file that has changed is
    /// read again after the first that is not.
    pub(in super::super) struct Dialer {
        trust: Trust,
        made: Option<(Expect, Arc<ClientConfig>)>,
        /// A read of the file that may outlive its check: no second one is begun beside it.
        making: Option<(Expect, Making)>,
    }

    type Making = JoinHandle<Result<Arc<ClientConfig>, AuthoritiesError>>;

    /// What the connections of one check need.
    pub(in super::super) struct Ready(Option<Arc<ClientConfig>>);

    impl Dialer {
        pub(in super::super) fn new(trust: Trust) -> Self {
            Self { trust, made: None, making: None }
        }

        pub(in super::super) async fn ready(
            &mut self,
            Security(expect): Security,
        ) -> Result<Ready, String> {
            let Some(expect) = expect else { return Ok(Ready(None)) };
            // A file that was named for it makes libpq verify the issuer.
            let is_named = matches!(self.trust.0, Authorities::File(_));
            let expect =
                if expect == Expect::Anything && is_named { Expect::Issuer } else { expect };
            if let Some((_, config)) = self.made.as_ref().filter(|(made, _)| *made == expect) {
                return Ok(Ready(Some(Arc::clone(config))));
            }
            let authorities = self.trust.0.clone();
            let (_, making) =
                self.making.take_if(|(making, _)| *making == expect).unwrap_or_else(|| {
                    (expect, spawn_blocking(move || client_config(&authorities, expect)))
                });
            let (_, making) = self.making.insert((expect, making));
            let made = making.await;
            self.making = None;
            let made = made.map_err(|error| error.to_string())?;
            let config = made.map_err(|error| format!("no TLS: {error}"))?;
            self.made = Some((expect, Arc::clone(&config)));
            Ok(Ready(Some(config)))
        }

        pub(in super::super) fn forget(&mut self) {
            self.made = None;
        }
    }

    impl Ready {
        pub(in super::super) fn of_host(&self, host: &str) -> Result<Option<Encryption>, String> {
            let Some(config) = &self.0 else { return Ok(None) };
            let name = server_name(host).ok_or("no TLS: no certificate can name this host")?;
            Ok(Some(Encryption { config: Arc::clone(config), name }))
        }
    }

    /// How connections to a host are encrypted.
    pub(in super::super) struct Encryption {
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    }

    impl Encryption {
        pub(in super::super) async fn begin(
            &self,
            stream: TcpStream,
        ) -> Result<TlsStream<TcpStream>, ProbeError> {
            let connector = TlsConnector::from(Arc::clone(&self.config));
            Ok(connector.connect(self.name.clone(), stream).await?)
        }
    }
}
