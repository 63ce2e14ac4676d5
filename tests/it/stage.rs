use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A directory with files, and a call of wharf in it.
pub struct Stage {
    directory: tempfile::TempDir,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    below: PathBuf,
    input: Option<String>,
    memory: Option<u64>,
}

/// Starts the description of a call.
pub fn wharf() -> Stage {
    Stage {
        directory: tempfile::Builder::new()
            .prefix("demo")
            .tempdir()
            .expect("a directory"),
        arguments: Vec::new(),
        variables: Vec::new(),
        below: PathBuf::new(),
        input: None,
        memory: None,
    }
}

/// How the call ended; `DIR` stands for the directory.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Stage {
    pub fn file(self, path: &str, text: &str) -> Self {
        let path = self.directory.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("the directory");
        std::fs::write(path, text).expect("the file");
        self
    }

    pub fn bytes(self, path: &str, bytes: &[u8]) -> Self {
        std::fs::write(self.directory.path().join(path), bytes).expect("the file");
        self
    }

    pub fn fifo(self, path: &str) -> Self {
        let made = Command::new("mkfifo")
            .arg(self.directory.path().join(path))
            .status()
            .expect("mkfifo starts");
        assert!(made.success(), "mkfifo {path}");
        self
    }

    pub fn link(self, path: &str, target: &str) -> Self {
        std::os::unix::fs::symlink(target, self.directory.path().join(path)).expect("the link");
        self
    }

    pub fn args<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        self.arguments = arguments.into_iter().map(String::from).collect();
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Calls from a subfolder.
    pub fn below(mut self, path: &str) -> Self {
        self.below = path.into();
        std::fs::create_dir_all(self.directory.path().join(path)).expect("the subfolder");
        self
    }

    pub fn input(mut self, text: &str) -> Self {
        self.input = Some(text.into());
        self
    }

    /// Ends the call where it asks for more than these MiB of memory.
    pub fn within(mut self, mebibytes: u64) -> Self {
        self.memory = Some(mebibytes);
        self
    }

    fn command(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_wharf");
        let Some(memory) = self.memory else {
            return Command::new(program);
        };
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "ulimit -v \"$0\" && exec \"$@\""])
            .arg((memory << 10).to_string())
            .arg(program);
        shell
    }

    pub fn run(self) -> Outcome {
        use std::io::Write;
        let root = self.directory.path().canonicalize().expect("the directory");
        let mut command = self.command();
        command.env_clear();
        if self.memory.is_some() {
            // Each further arena of the allocator would claim much that it never uses.
            command.env("MALLOC_ARENA_MAX", "1");
        }
        let mut child = command
            .args(&self.arguments)
            .current_dir(root.join(&self.below))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &root)
            .env("COLUMNS", "100")
            // No test of this binary may find an engine by chance.
            .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("wharf starts");
        let mut stdin = child.stdin.take().expect("its input");
        let _ = stdin.write_all(self.input.unwrap_or_default().as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("wharf ends");
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).expect("UTF-8");
            text.replace(root.to_str().expect("UTF-8"), "DIR").replace(
                root.file_name()
                    .and_then(|name| name.to_str())
                    .expect("a name"),
                "NAME",
            )
        };
        Outcome {
            code: output.status.code().expect("an exit code"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Outcome {
    #[track_caller]
    pub fn fails(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        self.stderr
    }

    #[track_caller]
    pub fn succeeds(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout
    }
}
