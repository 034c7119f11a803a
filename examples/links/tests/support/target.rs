//! A target that speaks TLS, with a certificate that only those trust who are told to.

use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::Folder;

pub struct Target {
    folder: Folder,
    pub port: u16,
    /// The head of the last request.
    pub asked: Arc<Mutex<String>>,
    _runtime: tokio::runtime::Runtime,
}

impl Target {
    pub fn start() -> Self {
        let folder = Folder::new();
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]);
        openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        openssl.args(["-keyout", "key.pem", "-out", "ca.pem"]).current_dir(&folder.0);
        assert!(openssl.stderr(Stdio::null()).status().unwrap().success());
        let chain = CertificateDer::pem_file_iter(folder.path("ca.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(folder.path("key.pem")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain.map(Result::unwrap).collect(), key)
            .unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&asked);
        runtime.spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut head = vec![0; 4096];
                let length = stream.read(&mut head).await.unwrap_or(0);
                *heard.lock().unwrap() = String::from_utf8_lossy(&head[..length]).into_owned();
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                let _ = stream.shutdown().await;
            }
        });
        Self { folder, port, asked, _runtime: runtime }
    }

    /// The file that makes it trusted.
    pub fn ca(&self) -> String {
        self.folder.path("ca.pem")
    }
}
