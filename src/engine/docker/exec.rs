use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bollard::models::ExecConfig;
use bollard::query_parameters::ResizeExecOptions;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::DockerEngine;
use super::create::variables;
use super::failure::engine_error;
use super::stdio::Demultiplexer;
use super::wire::{Call, segment};
use crate::engine::{
    AttachOptions, Attached, ConsoleSize, EngineError, EngineResult, EngineStream, ErrorKind,
    ExecOutcome, ExecSpec, LogStream, StreamChunk,
};

/// The content type of a stream that is not a terminal's; engines before API 1.42 do not name it.
const MULTIPLEXED: &str = "application/vnd.docker.multiplexed-stream";
const RAW: &str = "application/vnd.docker.raw-stream";

impl DockerEngine {
    pub(super) async fn attach(&self, id: &str, options: &AttachOptions) -> EngineResult<Attached> {
        let call = Call::post(format!("/containers/{}/attach", segment(id)))
            .with("stream", true)
            .with("stdin", options.stdin)
            .with("stdout", options.stdout)
            .with("stderr", options.stderr)
            .with("logs", options.logs)
            .with_some("detachKeys", options.detach_keys.as_ref());
        let action = format!("attach to container `{id}`");
        // Asked before attaching, so that no output waits while the answer comes.
        let has_tty = if self.names_stream_kind() {
            None
        } else {
            let container = self.container(id).await?.ok_or_else(|| {
                EngineError::new(
                    ErrorKind::NotFound,
                    format!("cannot {action}: there is no such container"),
                )
            })?;
            Some(container.tty)
        };
        let (stream, kind) = self.wire.upgrade(&action, call).await?;
        let tty = match (has_tty, kind.as_deref()) {
            (Some(tty), _) => tty,
            (None, Some(MULTIPLEXED)) => false,
            (None, Some(RAW)) => true,
            (None, _) => self.container(id).await?.is_some_and(|one| one.tty),
        };
        Ok(attached(stream, tty))
    }

    fn names_stream_kind(&self) -> bool {
        self.info.has_exec_console_size() && !self.info.podman
    }

    pub(super) async fn run_exec(
        &self,
        container: &str,
        spec: &ExecSpec,
    ) -> EngineResult<(String, Attached)> {
        let action = format!(
            "run `{}` in container `{container}`",
            spec.command.join(" ")
        );
        let size = spec.console.filter(|_| spec.tty);
        let config = ExecConfig {
            attach_stdin: Some(spec.attach_stdin && !spec.detach),
            attach_stdout: Some(spec.attach_stdout && !spec.detach),
            attach_stderr: Some(spec.attach_stderr && !spec.detach),
            console_size: size
                .filter(|_| self.info.has_exec_console_size())
                .map(|size| vec![size.rows.into(), size.columns.into()]),
            detach_keys: spec.detach_keys.clone(),
            tty: Some(spec.tty),
            env: Some(variables(&spec.environment)).filter(|all| !all.is_empty()),
            cmd: Some(spec.command.clone()),
            privileged: Some(spec.privileged),
            user: spec.user.clone(),
            working_dir: spec.working_dir.clone(),
        };
        let id = self
            .docker
            .create_exec(&segment(container), config)
            .await
            .map_err(|error| engine_error(&action, error))?
            .id;
        let mut start = json!({ "Detach": spec.detach, "Tty": spec.tty });
        if let Some(size) = size.filter(|_| self.info.has_exec_console_size()) {
            start["ConsoleSize"] = json!([size.rows, size.columns]);
        }
        let call = Call::post(format!("/exec/{}/start", segment(&id))).json(start);
        if spec.detach {
            self.wire.done(&action, call).await?;
            let nothing = Attached {
                output: Box::pin(stream::empty()),
                input: Box::pin(tokio::io::sink()),
            };
            return Ok((id, nothing));
        }
        let (stream, _) = self.wire.upgrade(&action, call).await?;
        if let Some(size) = size.filter(|_| !self.info.has_exec_console_size()) {
            self.resize_when_started(&id, size);
        }
        Ok((id, attached(stream, spec.tty)))
    }

    /// Sets the terminal's size as soon as there is a terminal: the process may start later than the answer comes.
    fn resize_when_started(&self, exec: &str, size: ConsoleSize) {
        let engine = self.clone();
        let exec = exec.to_owned();
        tokio::spawn(async move {
            for attempt in 1..=10 {
                if engine.resize_started(&exec, size).await.is_ok() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(attempt * 10)).await;
            }
        });
    }

    pub(super) async fn resize_started(&self, exec: &str, size: ConsoleSize) -> EngineResult<()> {
        let options = ResizeExecOptions {
            h: size.rows.into(),
            w: size.columns.into(),
        };
        self.docker
            .resize_exec(&segment(exec), options)
            .await
            .map_err(|error| engine_error("resize the command's terminal", error))
    }

    pub(super) async fn outcome(&self, exec: &str) -> EngineResult<ExecOutcome> {
        let answer = self
            .docker
            .inspect_exec(&segment(exec))
            .await
            .map_err(|error| engine_error("ask how the command ended", error))?;
        let running = answer.running.unwrap_or_default();
        Ok(ExecOutcome {
            running,
            exit_code: answer.exit_code.filter(|_| !running),
            pid: answer.pid.unwrap_or_default(),
        })
    }
}

/// The two directions of a connection that the engine has handed over.
fn attached<S>(stream: S, tty: bool) -> Attached
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (output, input) = tokio::io::split(stream);
    let bytes = read_all(output);
    let output: EngineStream<StreamChunk> = if tty {
        Box::pin(bytes.map_ok(|bytes| StreamChunk {
            stream: LogStream::Stdout,
            bytes,
        }))
    } else {
        Box::pin(Demultiplexer::pieces(bytes))
    };
    Attached {
        output,
        input: Box::pin(ClosedOnDrop(Some(Box::pin(input)))),
    }
}

fn read_all(reader: impl AsyncRead + Send + Unpin + 'static) -> EngineStream<Bytes> {
    stream::try_unfold(
        (reader, BytesMut::new()),
        |(mut reader, mut buffer)| async move {
            buffer.reserve(32 * 1024);
            match reader.read_buf(&mut buffer).await {
                Ok(0) => Ok(None),
                Ok(_) => {
                    let bytes = buffer.split().freeze();
                    Ok(Some((bytes, (reader, buffer))))
                }
                // The engine ends some streams without the end that TCP and ssh know.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(None),
                Err(error) => Err(EngineError::new(
                    ErrorKind::Unreachable,
                    format!("the connection to the engine broke: {error}"),
                )
                .because(error)),
            }
        },
    )
    .boxed()
}

/// Says "end of input" to the process when it is dropped, which half a connection does not do by itself.
struct ClosedOnDrop(Option<Pin<Box<dyn AsyncWrite + Send>>>);

impl ClosedOnDrop {
    fn inner(&mut self) -> Result<Pin<&mut (dyn AsyncWrite + Send)>, io::Error> {
        match &mut self.0 {
            Some(inner) => Ok(inner.as_mut()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl AsyncWrite for ClosedOnDrop {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.inner()?.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner()?.poll_shutdown(cx)
    }
}

impl Drop for ClosedOnDrop {
    fn drop(&mut self) {
        if let (Some(mut inner), Ok(runtime)) =
            (self.0.take(), tokio::runtime::Handle::try_current())
        {
            runtime.spawn(async move {
                // A process that has ended takes no more input: nothing is lost.
                let _ = inner.shutdown().await;
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn dropping_the_input_ends_it() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let Attached { output, mut input } = attached(ours, true);
        input.write_all(b"abc").await.unwrap();
        drop(input);
        let mut got = String::new();
        theirs.read_to_string(&mut got).await.unwrap();
        assert_eq!(got, "abc");
        theirs.write_all(b"\x01raw").await.unwrap();
        drop(theirs);
        let all: Vec<StreamChunk> = output.try_collect().await.unwrap();
        assert_eq!(all[0].bytes, "\x01raw");
    }
}
