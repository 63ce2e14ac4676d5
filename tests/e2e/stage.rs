//! Where a scenario plays: one engine, one directory of its own, one name that nobody else has.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The engines under test, as (name, address).
pub fn engines() -> Vec<(String, String)> {
    let list = std::env::var("WHARF_E2E_ENGINES").unwrap_or_default();
    let engines: Vec<(String, String)> = list
        .split(',')
        .filter_map(|entry| entry.split_once('='))
        .map(|(name, address)| (name.trim().to_owned(), address.trim().to_owned()))
        .collect();
    assert!(
        !engines.is_empty(),
        "no engine to test on: set WHARF_E2E_ENGINES=\"NAME=unix:///path/docker.sock,..\", or run `make test`"
    );
    engines
}

/// Plays a scenario on every engine.
pub fn on_each_engine(scenario: impl Fn(&Stage)) {
    for (name, address) in engines() {
        eprintln!("--- on {name}");
        scenario(&Stage::new(&name, &address));
    }
}

pub struct Stage {
    pub engine: String,
    pub address: String,
    pub directory: tempfile::TempDir,
    /// The project that the scenario may use; whatever of it is left at the end is removed.
    pub project: String,
}

/// How a command ended.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

static COUNTER: AtomicU32 = AtomicU32::new(0);

impl Stage {
    fn new(engine: &str, address: &str) -> Self {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        Stage {
            engine: engine.to_owned(),
            address: address.to_owned(),
            directory: tempfile::tempdir().expect("a directory for the scenario"),
            project: format!("we{}x{number}", std::process::id()),
        }
    }

    pub fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("the directory");
        std::fs::write(&path, text).expect("the file");
        path
    }

    /// Writes `compose.yml`. `PROJECT` in it stands for the scenario's project.
    pub fn write_project(&self, text: &str) {
        self.write("compose.yml", &text.replace("PROJECT", &self.project));
    }

    /// A wharf command in the scenario's directory.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_in(self.directory.path(), arguments)
    }

    pub fn command_in(&self, directory: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
        command
            .args(arguments)
            .current_dir(directory)
            .env("DOCKER_HOST", &self.address)
            .env_remove("COMPOSE_FILE")
            .env_remove("COMPOSE_PROJECT_NAME")
            .env_remove("CI")
            .stdin(Stdio::null());
        command
    }

    /// A command under the name `docker-compose`.
    pub fn compose(&self, arguments: &[&str]) -> Command {
        let name = self.directory.path().join("docker-compose");
        if !name.exists() {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_wharf"), &name).expect("a link");
        }
        let mut command = Command::new(name);
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env("DOCKER_HOST", &self.address)
            .env_remove("COMPOSE_FILE")
            .env_remove("COMPOSE_PROJECT_NAME")
            .stdin(Stdio::null());
        command
    }

    pub fn wharf(&self, arguments: &[&str]) -> Run {
        finish(self.command(arguments))
    }

    /// As [`Stage::wharf`], and the command must succeed.
    #[track_caller]
    pub fn wharf_ok(&self, arguments: &[&str]) -> Run {
        let run = self.wharf(arguments);
        assert_eq!(
            run.code,
            0,
            "wharf {arguments:?} on {}\n{}",
            self.engine,
            run.talk()
        );
        run
    }

    /// The engine's answer to a GET.
    pub fn get(&self, path: &str) -> serde_json::Value {
        let socket = self.address.trim_start_matches("unix://");
        let output = Command::new("curl")
            .args(["-sS", "--max-time", "30", "--unix-socket", socket])
            .arg(format!("http://engine{path}"))
            .output()
            .expect("curl");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!(
                "{path}: {error}: {}",
                String::from_utf8_lossy(&output.stdout)
            )
        })
    }

    /// The first container of a service, as the engine describes it.
    pub fn container(&self, service: &str) -> serde_json::Value {
        self.get(&format!("/containers/{}-{service}-1/json", self.project))
    }

    /// Has the engine do something that wharf does not.
    pub fn post(&self, path: &str, body: &str) {
        let socket = self.address.trim_start_matches("unix://");
        let status = Command::new("curl")
            .args(["-sS", "--fail", "--max-time", "30", "--unix-socket", socket])
            .args(["-H", "Content-Type: application/json", "-d", body])
            .arg(format!("http://engine{path}"))
            .status()
            .expect("curl");
        assert!(status.success(), "{path}");
    }

    pub fn remove_image(&self, reference: &str) {
        let socket = self.address.trim_start_matches("unix://");
        let _ = Command::new("curl")
            .args(["-sS", "-X", "DELETE", "--unix-socket", socket])
            .arg(format!("http://engine/images/{reference}?force=1"))
            .output();
    }

    /// What is left of a project: containers, networks and volumes that carry its label.
    pub fn objects_of(&self, project: &str) -> Vec<String> {
        self.objects_with(&format!("com.docker.compose.project={project}"))
    }

    pub fn objects_with(&self, label: &str) -> Vec<String> {
        let filter = format!(
            "%7B%22label%22%3A%5B%22{}%22%5D%7D",
            label.replace('=', "%3D")
        );
        let mut found = Vec::new();
        for container in self
            .get(&format!("/containers/json?all=1&filters={filter}"))
            .as_array()
            .into_iter()
            .flatten()
        {
            found.push(format!("container {}", container["Names"][0]));
        }
        for network in self
            .get(&format!("/networks?filters={filter}"))
            .as_array()
            .into_iter()
            .flatten()
        {
            found.push(format!("network {}", network["Name"]));
        }
        for volume in self.get(&format!("/volumes?filters={filter}"))["Volumes"]
            .as_array()
            .into_iter()
            .flatten()
        {
            found.push(format!("volume {}", volume["Name"]));
        }
        found
    }
}

/// Nothing of a scenario outlives it, also when it fails.
impl Drop for Stage {
    fn drop(&mut self) {
        let down = ["-p", &self.project, "down", "--volumes", "--timeout", "0"];
        let _ = finish(self.command_in(Path::new("/"), &down));
    }
}

/// The command must have succeeded.
#[track_caller]
pub fn fine(run: &Run) {
    assert_eq!(run.code, 0, "{}", run.talk());
}

pub fn finish(mut command: Command) -> Run {
    let output: Output = command.output().expect("wharf starts");
    Run::from(output)
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Run {
    pub fn talk(&self) -> String {
        format!(
            "exit {}\n--- stdout\n{}\n--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}

/// Waits until `check` gives a value.
#[track_caller]
pub fn eventually<T>(what: &str, limit: Duration, mut check: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = check() {
            return value;
        }
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
