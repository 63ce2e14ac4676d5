use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::dialer::{Connection, Dialer};

/// Longer answers than this are no answer to an upgrade.
const LONGEST_HEAD: usize = 16 << 10;

/// Opens a connection and turns it into an HTTP/2 one by `POST path` with `Upgrade: h2c`.
/// <https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Session>
pub(super) async fn upgrade(
    dialer: &dyn Dialer,
    path: &str,
    headers: &[(&str, String)],
) -> io::Result<Box<dyn Connection>> {
    let mut connection = dialer.dial().await?;
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 0\r\n"
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    connection.write_all(head.as_bytes()).await?;
    let mut answer = Vec::with_capacity(256);
    // Byte by byte: what follows the head belongs to HTTP/2 and must stay in the stream.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() > LONGEST_HEAD {
            return Err(io::Error::other(format!(
                "the answer to `{path}` has no end"
            )));
        }
        answer.push(connection.read_u8().await?);
    }
    if answer.starts_with(b"HTTP/1.1 101") {
        return Ok(connection);
    }
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.lines().next().unwrap_or_default();
    if status.starts_with("HTTP/1.1 404") {
        return Err(io::Error::other(format!(
            "the engine has no BuildKit: it knows no `{path}` ({status}); with Podman, build the image by `podman build`"
        )));
    }
    Err(io::Error::other(format!(
        "the engine does not open `{path}` for a build: it answers `{status}`"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::DuplexStream;

    #[derive(Debug)]
    struct Canned(&'static [u8]);

    #[tonic::async_trait]
    impl Dialer for Canned {
        async fn dial(&self) -> io::Result<Box<dyn Connection>> {
            let (near, mut far): (DuplexStream, DuplexStream) = tokio::io::duplex(4096);
            far.write_all(self.0).await?;
            // Kept open until the request has been written.
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = far.read(&mut request).await;
                far
            });
            Ok(Box::new(near))
        }
    }

    #[tokio::test]
    async fn leaves_what_follows_the_head_in_the_stream() {
        let dialer = Canned(b"HTTP/1.1 101 UPGRADED\r\nUpgrade: h2c\r\n\r\nPRI");
        let mut connection = upgrade(&dialer, "/grpc", &[]).await.unwrap();
        let mut rest = [0; 3];
        connection.read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b"PRI");
    }

    #[tokio::test]
    async fn says_what_the_engine_answers_instead() {
        let dialer = Canned(b"HTTP/1.1 404 Not Found\r\n\r\n");
        let error = upgrade(&dialer, "/session", &[]).await.err().unwrap();
        assert!(error.to_string().contains("404 Not Found"), "{error}");
    }
}
