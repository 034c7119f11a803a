//! The health check's connection: every read and write ends in time, and it may be encrypted.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::NoAnswer;

#[cfg(feature = "tls")]
pub(super) use encrypted::{Encryption, Stream};
#[cfg(not(feature = "tls"))]
pub(super) use plain::{Encryption, Stream};

/// A socket with a deadline, whatever happens on it.
pub(super) struct Timed {
    stream: TcpStream,
    deadline: Instant,
}

impl Timed {
    /// One to the first of the addresses that takes the connection.
    fn connect(addresses: &[SocketAddr], deadline: Instant) -> Result<Self, NoAnswer> {
        let mut last = NoAnswer::Connect(io::Error::other("the name has no address"));
        for address in addresses {
            let left = left(deadline).map_err(|_| NoAnswer::Timeout)?;
            match TcpStream::connect_timeout(address, left) {
                Ok(stream) => {
                    // A handshake is several small writes; held back, each would wait 40 ms.
                    let _ = stream.set_nodelay(true);
                    return Ok(Self { stream, deadline });
                }
                Err(error) => last = NoAnswer::of(error, NoAnswer::Connect),
            }
        }
        Err(last)
    }
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

impl Read for Timed {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(left(self.deadline)?))?;
        self.stream.read(bytes)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(left(self.deadline)?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(not(feature = "tls"))]
mod plain {
    use std::net::SocketAddr;
    use std::time::Instant;

    use super::super::NoAnswer;
    use crate::settings::{ConfigError, Sources};

    pub(in super::super) type Stream = super::Timed;

    /// There is none.
    pub(in super::super) struct Encryption;

    impl Encryption {
        #[expect(clippy::unnecessary_wraps, reason = "with TLS it can fail")]
        pub(in super::super) fn of_server(_: &Sources) -> Result<Self, ConfigError> {
            Ok(Self)
        }

        /// None where the scheme is not known; and the scheme's port.
        pub(in super::super) fn of_url(
            scheme: &str,
            _: &str,
        ) -> Option<Result<(Self, u16), NoAnswer>> {
            (scheme == "http").then_some(Ok((Self, 80)))
        }
    }

    impl Stream {
        pub(in super::super) fn connect_with(
            addresses: &[SocketAddr],
            _: Encryption,
            deadline: Instant,
        ) -> Result<Self, NoAnswer> {
            Self::connect(addresses, deadline)
        }
    }
}

#[cfg(feature = "tls")]
mod encrypted {
    use std::io::{self, Read, Write};
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::time::Instant;

    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, StreamOwned};

    use super::super::NoAnswer;
    use super::Timed;
    use crate::config::Config;
    use crate::settings::{ConfigError, Sources};
    use crate::tls::{Authorities, Expect, client_config, server_name};

    /// How the other side is spoken to: none in plain text.
    pub(in super::super) struct Encryption(Option<(Arc<ClientConfig>, ServerName<'static>)>);

    impl Encryption {
        /// As the server's own settings say. Its certificate may be anything: this is the same
        /// container, and the name that it is asked by is the loopback's. The kubelet does likewise.
        pub(in super::super) fn of_server(sources: &Sources) -> Result<Self, ConfigError> {
            if !Config::load_is_encrypted(sources)? {
                return Ok(Self(None));
            }
            let config = client_config(&Authorities::System, Expect::Anything).ok();
            Ok(Self(config.zip(server_name("localhost"))))
        }

        /// None where the scheme is not known; and the scheme's port. What someone else names must
        /// prove its name.
        pub(in super::super) fn of_url(
            scheme: &str,
            host: &str,
        ) -> Option<Result<(Self, u16), NoAnswer>> {
            if scheme != "https" {
                return (scheme == "http").then_some(Ok((Self(None), 80)));
            }
            let name = server_name(host)?;
            let config = client_config(&Authorities::System, Expect::Name)
                .map_err(|error| NoAnswer::Encryption(error.to_string()));
            Some(config.map(|config| (Self(Some((config, name))), 443)))
        }
    }

    pub(in super::super) enum Stream {
        Plain(Timed),
        Encrypted(Box<StreamOwned<ClientConnection, Timed>>),
    }

    impl Stream {
        pub(in super::super) fn connect_with(
            addresses: &[SocketAddr],
            Encryption(encryption): Encryption,
            deadline: Instant,
        ) -> Result<Self, NoAnswer> {
            let stream = Timed::connect(addresses, deadline)?;
            let Some((config, name)) = encryption else { return Ok(Self::Plain(stream)) };
            let session = ClientConnection::new(config, name)
                .map_err(|error| NoAnswer::Encryption(error.to_string()))?;
            Ok(Self::Encrypted(Box::new(StreamOwned::new(session, stream))))
        }
    }

    impl Read for Stream {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            match self {
                Self::Plain(stream) => stream.read(bytes),
                Self::Encrypted(stream) => stream.read(bytes),
            }
        }
    }

    impl Write for Stream {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self {
                Self::Plain(stream) => stream.write(bytes),
                Self::Encrypted(stream) => stream.write(bytes),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            match self {
                Self::Plain(stream) => stream.flush(),
                Self::Encrypted(stream) => stream.flush(),
            }
        }
    }
}
