//! The listening socket.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

/// How many connections may wait in the kernel; its own limit (`net.core.somaxconn`) counts too.
const BACKLOG: i32 = 4096;

/// When the kernel asks a silent client whether it is still there, and how often then. It gives up
/// after its own number of attempts (9 on Linux), so after two and a half minutes.
const ASK_AFTER: Duration = Duration::from_secs(60);
const ASK_EVERY: Duration = Duration::from_secs(10);

/// The address cannot be listened on.
#[derive(Debug)]
pub struct BindError {
    address: SocketAddr,
    error: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, error } = self;
        write!(f, "cannot listen on {address}: {error}")?;
        match error.kind() {
            io::ErrorKind::AddrInUse => {
                f.write_str("; another program has the port: stop it, or set SERVER__PORT")
            }
            io::ErrorKind::PermissionDenied => {
                f.write_str("; ports below 1024 need a privilege: set SERVER__PORT to 1024 or more")
            }
            io::ErrorKind::AddrNotAvailable => {
                f.write_str("; no interface has this address: set SERVER__HOST")
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Listens. `0.0.0.0` is every address: one socket for IPv6 and IPv4 where the machine has both.
pub(super) fn bind(host: IpAddr, port: u16) -> Result<TcpListener, BindError> {
    let everywhere = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port);
    if host.is_unspecified()
        && let Ok(listener) = listen(everywhere)
    {
        return Ok(listener);
    }
    let address = SocketAddr::new(host, port);
    listen(address).map_err(|error| BindError { address, error })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // A restart must not wait for connections of the last run to be forgotten.
    socket.set_reuse_address(true)?;
    // Accepted sockets have it from this one. A client whose machine is gone says nothing, and a
    // response that waits for the service's own stream sends nothing: it would wait for ever.
    let keepalive = TcpKeepalive::new().with_time(ASK_AFTER).with_interval(ASK_EVERY);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpStream};

    use super::*;

    #[test]
    fn every_address_is_that_of_both_families() {
        let listener = bind(Ipv4Addr::UNSPECIFIED.into(), 0).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        let has_ipv6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
        assert_eq!(TcpStream::connect((Ipv6Addr::LOCALHOST, port)).is_ok(), has_ipv6);
    }

    #[test]
    fn a_client_that_is_silent_for_long_is_asked_whether_it_is_there() {
        let listener = bind(Ipv4Addr::LOCALHOST.into(), 0).unwrap();
        listener.set_nonblocking(false).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        assert!(socket2::SockRef::from(&accepted).keepalive().unwrap());
    }

    #[test]
    fn a_port_that_is_taken_says_what_to_do() {
        let listener = bind(Ipv4Addr::LOCALHOST.into(), 0).unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = bind(Ipv4Addr::LOCALHOST.into(), port).unwrap_err().to_string();
        assert!(
            error.contains(&format!("127.0.0.1:{port}")) && error.contains("SERVER__PORT"),
            "{error}"
        );
    }
}
