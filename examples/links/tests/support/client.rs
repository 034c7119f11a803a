//! A client that keeps its connection for as long as the server does, and never tries twice: what is
//! lost is seen.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

#[derive(Default)]
pub struct Client(Option<(SocketAddr, BufReader<TcpStream>)>);

impl Client {
    /// The status of the answer, and its body. The connection is kept until the server says that it
    /// ends, or another one is asked.
    pub fn ask(&mut self, to: SocketAddr, head: &str, body: &str) -> io::Result<(u16, Vec<u8>)> {
        let kept = self.0.take().filter(|(address, _)| *address == to);
        let mut stream = match kept {
            Some((_, stream)) => stream,
            None => connect(to)?,
        };
        let length = body.len();
        let request = format!("{head}\r\nhost: links\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.get_mut().write_all(request.as_bytes())?;
        let (status, fields) = read_head(&mut stream)?;
        let field = |name: &str| {
            fields.iter().find_map(|field| field.strip_prefix(name)).map(|value| value.trim())
        };
        let length = field("content-length:").and_then(|value| value.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        if field("connection:") != Some("close") {
            self.0 = Some((to, stream));
        }
        Ok((status, body))
    }
}

pub fn connect(to: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(to)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    Ok(BufReader::new(stream))
}

/// The status, and the header fields in lower case.
pub fn read_head(stream: &mut impl BufRead) -> io::Result<(u16, Vec<String>)> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_ascii_lowercase()),
        }
    }
    let status = lines[0].split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or_else(|| io::Error::other("no status"))?, lines.split_off(1)))
}

/// Reads a chunked body to its end, each chunk given away; an error where it breaks off.
pub fn read_chunks(stream: &mut impl BufRead, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        let mut chunk = vec![0; size + 2];
        stream.read_exact(&mut chunk)?;
        if size == 0 {
            return Ok(());
        }
        each(&chunk[..size]);
    }
}
