//! The peer that `benches/compare` measures against: the least that serves HTTP/1.1 with hyper, on
//! the same shape of runtimes as pcf-api (one current-thread runtime per CPU) or, with `shared`, on
//! tokio's usual work-stealing one. `bare PORT WORKERS [shared]`

use std::convert::Infallible;
use std::error::Error;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::mpsc;

async fn ok(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"OK")));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(response)
}

async fn serve(stream: TcpStream) {
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(ok)).await;
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().ok_or("bare PORT WORKERS [shared]")?.parse()?;
    let workers: usize = arguments.next().ok_or("bare PORT WORKERS [shared]")?.parse()?;
    if arguments.next().as_deref() == Some("shared") {
        return work_stealing(port, workers);
    }
    let queues: Vec<_> = (0..workers).map(|_| worker()).collect::<Result<_, _>>()?;
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        for queue in queues.iter().cycle() {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            queue.send(stream.into_std()?)?;
        }
        Ok(())
    })
}

fn worker() -> Result<mpsc::UnboundedSender<std::net::TcpStream>, Box<dyn Error>> {
    let (sender, mut streams) = mpsc::unbounded_channel();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            while let Some(stream) = streams.recv().await {
                if let Ok(stream) = TcpStream::from_std(stream) {
                    tokio::spawn(serve(stream));
                }
            }
        });
    });
    Ok(sender)
}

fn work_stealing(port: u16, workers: usize) -> Result<(), Box<dyn Error>> {
    Builder::new_multi_thread().worker_threads(workers).enable_all().build()?.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(serve(stream));
        }
    })
}
