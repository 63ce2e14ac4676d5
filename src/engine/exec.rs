use std::pin::Pin;

use bytes::Bytes;
use indexmap::IndexMap;
use tokio::io::AsyncWrite;

use super::{EngineStream, LogStream};
use crate::model::Hook;

/// A command to run in a running container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecSpec {
    pub command: Vec<String>,
    /// `None`: the container's.
    pub user: Option<String>,
    pub working_dir: Option<String>,
    pub environment: IndexMap<String, Option<String>>,
    pub privileged: bool,
    pub tty: bool,
    pub attach_stdin: bool,
    pub attach_stdout: bool,
    pub attach_stderr: bool,
    /// Start it and do not wait for its output.
    pub detach: bool,
    /// Key sequence that leaves an attached terminal; `None`: the engine's `ctrl-p,ctrl-q`.
    pub detach_keys: Option<String>,
    /// The terminal's size at the start, where the API has it; `None`: unknown.
    pub console: Option<ConsoleSize>,
}

impl ExecSpec {
    /// A hook's command, with its output.
    pub fn of_hook(hook: &Hook) -> ExecSpec {
        ExecSpec {
            command: hook.command.clone(),
            user: hook.user.clone(),
            working_dir: hook.working_dir.clone(),
            environment: hook.environment.clone(),
            privileged: hook.privileged,
            attach_stdout: true,
            attach_stderr: true,
            ..ExecSpec::default()
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsoleSize {
    pub rows: u16,
    pub columns: u16,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttachOptions {
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
    /// Replay what was written before.
    pub logs: bool,
    pub detach_keys: Option<String>,
}

/// The two directions of an attached process.
pub struct Attached {
    /// Ends when the process does, or when the terminal is left.
    pub output: EngineStream<StreamChunk>,
    /// Dropping it closes the process's standard input.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct StreamChunk {
    /// A terminal's output is all [`LogStream::Stdout`].
    pub stream: LogStream,
    pub bytes: Bytes,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecOutcome {
    pub running: bool,
    /// `None` while it runs.
    pub exit_code: Option<i64>,
    /// On the engine's host.
    pub pid: i64,
}
