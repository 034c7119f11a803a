//! A client over a real socket, of either protocol, and a runtime for it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use pcf_api::testing::{self, TestServer};
use tokio::net::TcpStream;

pub type Sent = UnsyncBoxBody<Bytes, Infallible>;

/// The example's service.
pub fn serve(environment: &[(&str, &str)]) -> TestServer {
    let files = concat!(env!("CARGO_MANIFEST_DIR"), "/static");
    let environment: Vec<_> = environment.iter().copied().chain([("FILES__DIR", files)]).collect();
    testing::serve(ecosystem::service(), &environment).unwrap()
}

/// Runs the client's side of a test, which may take so long.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let within = Duration::from_secs(60);
    runtime.block_on(async { tokio::time::timeout(within, work).await }).expect("an answer in time")
}

/// A connection of either protocol.
pub enum Client {
    Http1(http1::SendRequest<Sent>),
    Http2(http2::SendRequest<Sent>),
}

impl Client {
    pub async fn http1(address: SocketAddr) -> Self {
        let socket = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (client, connection) = http1::handshake(socket).await.unwrap();
        tokio::spawn(connection);
        Self::Http1(client)
    }

    pub async fn http2(address: SocketAddr) -> Self {
        let socket = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (client, connection) = http2::handshake(TokioExecutor::new(), socket).await.unwrap();
        tokio::spawn(connection);
        Self::Http2(client)
    }

    /// One of each.
    pub async fn both(address: SocketAddr) -> [Self; 2] {
        [Self::http1(address).await, Self::http2(address).await]
    }

    pub async fn send(&mut self, request: Request<Sent>) -> Response<Incoming> {
        match self {
            Self::Http1(client) => {
                client.ready().await.unwrap();
                client.send_request(request).await.unwrap()
            }
            Self::Http2(client) => client.send_request(request).await.unwrap(),
        }
    }

    /// A GET, and the status and text of its answer.
    pub async fn get(&mut self, path: &str) -> (u16, String) {
        let answer = self.send(request("GET", path, &[], whole(""))).await;
        let status = answer.status().as_u16();
        (status, text(answer).await)
    }
}

pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: Sent) -> Request<Sent> {
    let uri = format!("http://127.0.0.1{path}");
    let head = Request::builder().method(method).uri(uri).header("host", "127.0.0.1");
    headers.iter().fold(head, |head, (name, value)| head.header(*name, *value)).body(body).unwrap()
}

pub fn whole(body: impl Into<Bytes>) -> Sent {
    Full::new(body.into()).boxed_unsync()
}

/// A body that does not say how long it is.
pub fn pieces(pieces: Vec<Bytes>) -> Sent {
    let frames = pieces.into_iter().map(|piece| Ok(Frame::data(piece)));
    StreamBody::new(stream::iter(frames)).boxed_unsync()
}

pub async fn text(answer: Response<Incoming>) -> String {
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8_lossy(&body).into_owned()
}

/// The value of a sample in the scrape; 0 where it is not there.
pub fn metric(server: &TestServer, sample: &str) -> u64 {
    let scrape = server.get("/metrics").unwrap().text();
    let line = scrape.lines().find_map(|line| line.strip_prefix(sample));
    line.map_or(0, |value| value.trim().parse().unwrap())
}

/// Waits until it is so.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..200 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("waited 10 s in vain: {what}");
}
