//! Closing a connection so that the client gets the whole response.
//!
//! A socket that is closed while bytes of the client are unread is reset by the kernel, and the
//! reset may overtake the response: a client that is still sending its too large body would see
//! "connection reset" in place of 413. So the sending half is closed first, and what the client
//! still sends is read and thrown away, within bounds. RFC 9112, 9.6.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(2);

const MOST_BYTES: usize = 8 * 1024 * 1024;

pub(super) async fn close(mut stream: TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let _ = timeout(PATIENCE, read_to_end(&mut stream)).await;
}

async fn read_to_end(stream: &mut TcpStream) {
    let mut total = 0;
    while total < MOST_BYTES {
        if stream.readable().await.is_err() {
            return;
        }
        // On the stack only while it is read: thousands may linger.
        let mut buffer = [0; 8 * 1024];
        match stream.try_read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => total += count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}
