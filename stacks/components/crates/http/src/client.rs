use std::io::{self, BufReader, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::message::read_message;

/// The status and the body that `address` (`host:port`) answers with; an error when nobody does within 3 seconds.
pub fn get(address: &str, path: &str) -> io::Result<(u16, String)> {
    ask(address, "GET", path, "")
}

/// As [`get`], with a body.
pub fn post(address: &str, path: &str, body: &str) -> io::Result<(u16, String)> {
    ask(address, "POST", path, body)
}

fn ask(address: &str, method: &str, path: &str, body: &str) -> io::Result<(u16, String)> {
    let limit = Duration::from_secs(3);
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("`{address}` has no address"));
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, limit) {
            Ok(stream) => return talk(&stream, limit, method, path, body),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn talk(mut stream: &TcpStream, limit: Duration, method: &str, path: &str, body: &str) -> io::Result<(u16, String)> {
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: component\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let (first, body) = read_message(&mut BufReader::new(stream))?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("`{first}` is no status line")))?;
    Ok((status, body))
}
