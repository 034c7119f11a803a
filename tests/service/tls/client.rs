//! A client of HTTP/1.1 over TLS that keeps its connection: rustls's own, which trusts one issuer.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::super::support::PATIENCE;

pub struct Client(StreamOwned<ClientConnection, TcpStream>);

impl Client {
    pub fn connect(port: u16, issuer: &str) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(issuer).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let session = ClientConnection::new(Arc::new(config), name).unwrap();
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut stream = StreamOwned::new(session, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self(stream))
    }

    /// The certificate that the server has presented, DER.
    pub fn server(&self) -> Vec<u8> {
        self.0.conn.peer_certificates().unwrap()[0].to_vec()
    }

    /// Status and body of a GET.
    pub fn get(&mut self, path: &str) -> io::Result<(u16, String)> {
        self.0.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())?;
        let mut bytes = Vec::new();
        loop {
            let mut buffer = [0; 4096];
            let count = self.0.read(&mut buffer)?;
            bytes.extend_from_slice(&buffer[..count]);
            let mut headers = [httparse::EMPTY_HEADER; 32];
            let mut head = httparse::Response::new(&mut headers);
            if let httparse::Status::Complete(length) = head.parse(&bytes).unwrap() {
                let found = head.headers.iter().find(|field| field.name == "content-length");
                let end = length
                    + String::from_utf8_lossy(found.unwrap().value).parse::<usize>().unwrap();
                if bytes.len() >= end {
                    let body = String::from_utf8_lossy(&bytes[length..end]).into_owned();
                    return Ok((head.code.unwrap(), body));
                }
            }
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// What comes until the server closes: nothing in an orderly end.
    pub fn end(&mut self) -> io::Result<usize> {
        self.0.read_to_end(&mut Vec::new())
    }
}

/// The value of a metric.
pub fn metric(port: u16, issuer: &str, sample: &str) -> f64 {
    let scrape = Client::connect(port, issuer).unwrap().get("/metrics").unwrap().1;
    let line = scrape.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {sample} in:\n{scrape}")).parse().unwrap()
}
