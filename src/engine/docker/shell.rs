use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Child;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use super::DockerEngine;
use super::ssh::{Ssh, quoted};

/// Commands on the host of an engine that is reached by ssh, over the same connection.
#[derive(Clone, Copy)]
pub struct Shell<'a>(&'a Ssh);

/// How a command on the host ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// `None`: a signal ended it, or the connection broke.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// What ssh itself ends with when the connection fails.
const NO_CONNECTION: i32 = 255;
/// How often a script that is held hears from here.
const BEAT: Duration = Duration::from_secs(15);
/// How long the end of a script that was held is waited for.
const RELEASE: Duration = Duration::from_secs(10);
/// Bytes of output that are kept.
const OUTPUT: u64 = 1 << 20;

impl DockerEngine {
    /// `None`: the engine is not reached by ssh.
    pub fn shell(&self) -> Option<Shell<'_>> {
        self.dialer.ssh().map(Shell)
    }
}

impl Shell<'_> {
    /// `docker` as a script has to call it for this engine.
    pub fn docker(&self) -> &str {
        self.0.docker()
    }

    /// Runs a script of a POSIX shell and feeds it.
    ///
    /// # Errors
    /// When ssh cannot be started, and with [`io::ErrorKind::ConnectionAborted`] when the connection fails; errors of
    /// the input. How the script itself ends is no error.
    pub async fn run(
        &self,
        script: &str,
        input: impl Stream<Item = io::Result<Bytes>> + Send,
    ) -> io::Result<Ended> {
        let _session = self.0.session().await;
        let mut child = self.0.start(&format!("sh -c {}", quoted(script)))?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("`ssh` was started without its pipes"));
        };
        let feeding = async move {
            let mut input = std::pin::pin!(input);
            while let Some(piece) = input.next().await {
                // Somebody who does not listen any more says why by how it ends.
                if stdin.write_all(&piece?).await.is_err() {
                    break;
                }
            }
            let _ = stdin.shutdown().await;
            Ok::<(), io::Error>(())
        };
        let (fed, stdout, stderr) = tokio::join!(
            feeding,
            text(stdout.take(OUTPUT)),
            text(stderr.take(OUTPUT))
        );
        fed?;
        let status = child.wait().await?;
        let ended = Ended {
            code: status.code(),
            stdout: stdout?,
            stderr: stderr?,
        };
        if ended.code.is_none_or(|code| code == NO_CONNECTION) {
            let words = ended.stderr.trim();
            return Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                if words.is_empty() {
                    "the connection broke".to_owned()
                } else {
                    words.lines().collect::<Vec<_>>().join("; ")
                },
            ));
        }
        Ok(ended)
    }
}

impl Shell<'_> {
    /// Starts a script that goes on as long as its input does, and returns the first line that it says. Its input is a
    /// byte now and then, so that a script can tell a client that is gone from one that is silent.
    ///
    /// # Errors
    /// As [`Shell::run`]; a script that ends without a line is an error.
    pub async fn hold(&self, script: &str, mark: &str) -> io::Result<(String, Held)> {
        let session = self.0.session().await;
        let mut child = self.0.start(&format!("sh -c {}", quoted(script)))?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("`ssh` was started without its pipes"));
        };
        let beating = tokio::spawn(async move {
            while stdin.write_all(b".").await.is_ok() {
                tokio::time::sleep(BEAT).await;
            }
        });
        let held = Held {
            child,
            beating,
            _session: session,
        };
        let mut lines = BufReader::new(stdout.take(OUTPUT)).lines();
        let mut said = None;
        while said.is_none() {
            let Some(line) = lines.next_line().await? else {
                break;
            };
            said = line
                .strip_prefix(mark)
                .map(|said| said.trim_end().to_owned());
        }
        let Some(said) = said else {
            let words = text(stderr.take(OUTPUT)).await?;
            return Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                match words.trim() {
                    "" => "the connection broke",
                    words => words,
                },
            ));
        };
        Ok((said, held))
    }
}

/// A script that goes on; dropping this ends it without waiting.
pub struct Held {
    child: Child,
    beating: JoinHandle<()>,
    _session: Option<OwnedSemaphorePermit>,
}

impl Held {
    /// Ends the input, and waits for the script's end, but not for long.
    pub async fn release(mut self) {
        self.beating.abort();
        let _ = tokio::time::timeout(RELEASE, self.child.wait()).await;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.beating.abort();
    }
}

async fn text(mut from: impl tokio::io::AsyncRead + Unpin) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
