use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use indexmap::IndexMap;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::address::SshHost;
use crate::load::Environment;

/// Reaches an engine on another host through the user's own `ssh`, with its keys, agent and configuration.
///
/// Each connection is `ssh HOST docker system dial-stdio`; OpenSSH carries all of them in one session where it can.
pub(super) struct Ssh {
    /// Up to the host.
    arguments: Vec<String>,
    /// `docker` over there, for the shell.
    docker: String,
    sessions: Arc<Semaphore>,
    variables: IndexMap<String, String>,
    directory: PathBuf,
    said: Arc<Mutex<VecDeque<String>>>,
}

/// Sessions at once on one connection: sshd takes ten unless it is told otherwise (`MaxSessions`).
const SESSIONS: usize = 8;
/// How long another session waits for one to end. Then it is opened all the same: those that are open may be streams
/// that last as long as what waits.
const SESSION_PATIENCE: Duration = Duration::from_secs(2);
/// Lines of standard error that are kept for an explanation.
const WORDS_KEPT: usize = 5;
/// Hundredths of a second that an explanation may take.
const WORDS_PATIENCE: usize = 50;

impl Ssh {
    pub(super) fn new(host: &SshHost, environment: &Environment) -> Ssh {
        let SshHost {
            user,
            host,
            port,
            socket,
        } = host;
        // Nobody can answer a question: the terminal is wharf's. What ssh would ask about is refused instead.
        let mut arguments: Vec<String> = [
            "-T",
            "-oBatchMode=yes",
            "-oConnectTimeout=30",
            "-oServerAliveInterval=15",
        ]
        .map(str::to_owned)
        .into();
        if let Some(folder) = control_folder(environment) {
            arguments.push("-oControlMaster=auto".to_owned());
            arguments.push(format!("-oControlPath={}/%C", folder.display()));
            arguments.push("-oControlPersist=30".to_owned());
        }
        if let Some(user) = user {
            arguments.extend(["-l".to_owned(), user.clone()]);
        }
        if let Some(port) = port {
            arguments.extend(["-p".to_owned(), port.to_string()]);
        }
        arguments.extend(["--".to_owned(), host.clone()]);
        let docker = match socket {
            Some(socket) => format!("docker --host={}", quoted(&format!("unix://{socket}"))),
            None => "docker".to_owned(),
        };
        Ssh {
            arguments,
            docker,
            sessions: Arc::new(Semaphore::new(SESSIONS)),
            variables: environment.variables.clone(),
            directory: environment.working_directory.clone(),
            said: Arc::default(),
        }
    }

    /// `docker` on the host, with the socket that the address names, for a shell there.
    pub(super) fn docker(&self) -> &str {
        &self.docker
    }

    /// Starts a command on the host; its words are read by the shell there.
    pub(super) fn start(&self, words: &str) -> io::Result<Child> {
        let mut command = Command::new("ssh");
        command
            .args(&self.arguments)
            .arg(words)
            .env_clear()
            .envs(&self.variables)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if self.directory.is_dir() {
            command.current_dir(&self.directory);
        }
        // Ctrl-C in the terminal is for wharf, which may still need the engine to clean up.
        #[cfg(unix)]
        command.process_group(0);
        command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::new(
                error.kind(),
                "there is no `ssh` on the PATH, which ssh addresses need",
            ),
            _ => error,
        })
    }

    /// One of the sessions that a connection takes at once.
    pub(super) async fn session(&self) -> Option<OwnedSemaphorePermit> {
        let permit = self.sessions.clone().acquire_owned();
        tokio::time::timeout(SESSION_PATIENCE, permit)
            .await
            .ok()?
            .ok()
    }

    pub(super) async fn dial(&self) -> io::Result<Pipe> {
        let session = self.session().await;
        let mut child = self.start(&format!("{} system dial-stdio", self.docker))?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("`ssh` was started without its pipes"));
        };
        let said = self.said.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(errors).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if let Ok(mut said) = said.lock() {
                    if said.len() == WORDS_KEPT {
                        said.pop_front();
                    }
                    said.push_back(line);
                }
            }
        });
        Ok(Pipe {
            input: Some(input),
            output,
            _child: child,
            _session: session,
        })
    }

    /// What ssh has complained about: its pipe may be read a moment later than its end is seen.
    pub(super) async fn last_words(&self) -> Option<String> {
        for _ in 0..WORDS_PATIENCE {
            if let Some(words) = self.words() {
                return Some(words);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.words()
    }

    fn words(&self) -> Option<String> {
        let said = self.said.lock().ok()?;
        (!said.is_empty()).then(|| said.iter().cloned().collect::<Vec<_>>().join("; "))
    }
}

/// A folder of the caller alone for OpenSSH's control sockets; `None` where none can be had, or where its path would
/// be too long for a socket.
fn control_folder(environment: &Environment) -> Option<PathBuf> {
    let folder = match environment.get("XDG_RUNTIME_DIR") {
        Some(runtime) if !runtime.is_empty() => PathBuf::from(runtime).join("wharf-ssh"),
        _ => PathBuf::from(format!("/tmp/wharf-ssh-{}", environment.uid)),
    };
    // 108 bytes for the socket, of which `/`, 40 for the name and 17 for OpenSSH's temporary suffix.
    if folder.as_os_str().len() > 48 || folder.to_string_lossy().contains('%') {
        return None;
    }
    crate::file::own_directory(&folder, environment.uid)
        .is_ok()
        .then_some(folder)
}

/// For the shell on the other side.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The two pipes of a child process as one connection. Dropping it ends the child.
pub(super) struct Pipe {
    /// `None` after the end of input was sent.
    input: Option<ChildStdin>,
    output: ChildStdout,
    _child: Child,
    _session: Option<OwnedSemaphorePermit>,
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.input {
            Some(input) => Pin::new(input).poll_write(cx, bytes),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.input {
            Some(input) => Pin::new(input).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = match &mut self.input {
            Some(input) => Pin::new(input).poll_flush(cx),
            None => return Poll::Ready(Ok(())),
        };
        if flushed.is_pending() {
            return Poll::Pending;
        }
        self.input = None;
        flushed
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::engine::docker::address::Address;

    /// An `ssh` on the PATH that does what the script says.
    fn with_ssh(script: &str, address: &str) -> (tempfile::TempDir, Ssh) {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("ssh");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut variables = IndexMap::new();
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        variables.insert("PATH".to_owned(), path);
        variables.insert("XDG_RUNTIME_DIR".to_owned(), "/nonexistent".to_owned());
        let environment = Environment {
            variables,
            working_directory: folder.path().to_owned(),
            home: None,
            uid: 0,
            gid: 0,
        };
        let Ok(Address::Ssh(host)) = address.parse() else {
            panic!("{address} is no address of ssh");
        };
        let ssh = Ssh::new(&host, &environment);
        (folder, ssh)
    }

    #[tokio::test]
    async fn the_command_line_is_dockers_own() {
        let (_folder, ssh) = with_ssh(
            r#"for word in "$@"; do echo "$word"; done"#,
            "ssh://me@far:2222/run/d.sock",
        );
        let mut words = String::new();
        ssh.dial()
            .await
            .unwrap()
            .read_to_string(&mut words)
            .await
            .unwrap();
        let words: Vec<&str> = words.lines().collect();
        assert_eq!(
            words[4..],
            [
                "-l",
                "me",
                "-p",
                "2222",
                "--",
                "far",
                "docker --host='unix:///run/d.sock' system dial-stdio",
            ]
        );
    }

    #[tokio::test]
    async fn bytes_go_both_ways_and_the_end_is_seen() {
        let (_folder, ssh) = with_ssh("exec cat", "ssh://far");
        let mut pipe = ssh.dial().await.unwrap();
        pipe.write_all(b"hello").await.unwrap();
        pipe.shutdown().await.unwrap();
        let mut back = String::new();
        pipe.read_to_string(&mut back).await.unwrap();
        assert_eq!(back, "hello");
    }

    #[tokio::test]
    async fn what_ssh_complains_about_is_kept() {
        let (_folder, ssh) = with_ssh("echo 'no such host' >&2; exit 255", "ssh://far");
        let mut pipe = ssh.dial().await.unwrap();
        let mut nothing = Vec::new();
        pipe.read_to_end(&mut nothing).await.unwrap();
        assert_eq!(ssh.last_words().await.as_deref(), Some("no such host"));
    }
}
