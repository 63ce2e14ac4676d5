//! `wharf build` as people call it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::stage::{Run, Stage, eventually, finish, on_each_engine};

/// Calls with something on standard input.
fn with_input(stage: &Stage, arguments: &[&str], input: &[u8]) -> Run {
    let mut child = stage
        .command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("wharf starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input).expect("wharf reads");
    drop(stdin);
    Run::from(child.wait_with_output().expect("wharf ends"))
}

fn has_image(stage: &Stage, name: &str) -> bool {
    stage.get(&format!("/images/{name}/json"))["Id"].is_string()
}

/// A context must be allowed to come as a tar archive, or as a Dockerfile alone, on standard input.
#[test]
fn a_context_may_come_on_standard_input() {
    on_each_engine(|stage| {
        let tag = format!("{}:1", stage.project);
        let file = format!(
            "services:\n  app:\n    image: {tag}\n    build: '-'\n  other:\n    build: {{dockerfile_inline: FROM scratch}}\n"
        );
        stage.write("docker-compose.yml", &file);
        let alone = b"FROM debian:bookworm-slim\nRUN echo alone >/how\n";
        let run = with_input(stage, &["build", "app"], alone);
        assert_eq!(run.code, 0, "{}", run.talk());

        let mut archive = tar::Builder::new(Vec::new());
        for (path, text) in [
            ("Dockerfile", "FROM scratch\nCOPY how /\n"),
            ("how", "packed"),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            archive
                .append_data(&mut header, path, text.as_bytes())
                .expect("an entry");
        }
        let archive = archive.into_inner().expect("an archive");
        let run = with_input(stage, &["build", "--explain", "app"], &archive);
        assert_eq!(run.code, 0, "{}", run.talk());
        assert!(run.stderr.contains("`how` is new"), "{}", run.talk());

        // Nobody asks for the image that would need it.
        for arguments in [&["build", "--check", "other"][..], &["build", "--print"]] {
            let run = with_input(stage, arguments, b"");
            assert_eq!(run.code, 0, "{}", run.talk());
        }

        let run = with_input(stage, &["build", "app"], b"");
        assert_eq!(run.code, 5, "{}", run.talk());
        assert!(
            run.stderr.contains("nothing on standard input"),
            "{}",
            run.talk()
        );
        stage.remove_image(&tag);
    });
}

/// Serves the repositories below a directory; ends with the scenario.
struct Server(std::process::Child);

impl Server {
    fn start(directory: &Path, port: u16) -> Server {
        let programs = Command::new("git")
            .arg("--exec-path")
            .output()
            .expect("git");
        let programs = String::from_utf8(programs.stdout).expect("UTF-8");
        let child = Command::new(Path::new(programs.trim()).join("git-daemon"))
            .args(["--export-all", "--reuseaddr", "--listen=127.0.0.1"])
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", directory.display()))
            .spawn();
        Server(child.expect("git-daemon"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A git repository must be a context like a directory, whether it is served or lies on this machine: its own branch,
/// another one, a directory of it, and under a name.
#[test]
fn a_repository_may_be_a_context() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port();
    let home = tempfile::tempdir().expect("a directory");
    let repository = home.path().join("repository");
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"];
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(&repository)
            .args(identity)
            .args(arguments);
        assert!(command.status().expect("git").success(), "{arguments:?}");
    };
    let write = |text: &str| {
        for directory in ["", "sub"] {
            let directory = repository.join(directory);
            std::fs::create_dir_all(&directory).expect("a directory");
            let recipe = "FROM debian:bookworm-slim\nCOPY file /file\n";
            std::fs::write(directory.join("Dockerfile"), recipe).expect("a file");
            let text = format!("{text} {}", directory.ends_with("sub"));
            std::fs::write(directory.join("file"), text).expect("a file");
        }
    };
    write("main");
    git(&["init", "--quiet", "--initial-branch", "main"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "one"]);
    git(&["checkout", "--quiet", "-b", "other"]);
    write("other");
    git(&["commit", "--quiet", "--all", "--message", "two"]);
    git(&["checkout", "--quiet", "main"]);
    let bare = home.path().join("bare.git");
    let bare_path = bare.display().to_string();
    git(&["clone", "--quiet", "--bare", ".", &bare_path]);
    let _server = Server::start(home.path(), port);
    eventually("the repository is served", Duration::from_secs(20), || {
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()
    });
    on_each_engine(|stage| {
        let url = format!("git://127.0.0.1:{port}/repository");
        let project = &stage.project;
        stage.write(
            "docker-compose.yml",
            &format!(
                "name: {project}
services:
  own: {{build: '{url}'}}
  other: {{build: '{url}#other'}}
  below: {{build: '{url}#main:sub'}}
  named:
    build:
      dockerfile_inline: \"FROM debian:bookworm-slim\\nCOPY --from=there file /file\"
      additional_contexts: {{there: '{url}#other'}}
  here: {{build: '{here}'}}
  here-below: {{build: '{here}#other:sub'}}
  here-named:
    build:
      dockerfile_inline: \"FROM debian:bookworm-slim\\nCOPY --from=there file /file\\nCOPY --from=files Dockerfile /\"
      additional_contexts: {{there: '{here}#other:sub', files: 'file://{directory}'}}
",
                here = format!("file://{}", bare.display()),
                directory = repository.join("sub").display(),
            ),
        );
        stage.wharf_ok(&["build"]);
        for (service, expected) in [
            ("own", "main false"),
            ("other", "other false"),
            ("below", "main true"),
            ("named", "other false"),
            ("here", "main false"),
            ("here-below", "other true"),
            ("here-named", "other true"),
        ] {
            let run = stage.wharf_ok(&["run", "--rm", "-T", "--no-deps", service, "cat", "/file"]);
            assert_eq!(run.stdout, expected, "{service} on {}", stage.engine);
            stage.remove_image(&format!("{}-{service}", stage.project));
        }
    });
}

/// What an engine cannot do must be said: left out with a warning where the image is the same, refused where it is not. What
/// its image store can do must be done.
#[test]
fn what_the_engine_cannot_do_is_said() {
    on_each_engine(|stage| {
        let project = &stage.project;
        let tag = format!("{}:1", stage.project);
        stage.write(
            "docker-compose.yml",
            &format!(
                "name: {project}
services:
  stated:
    image: {tag}
    build:
      dockerfile_inline: FROM debian:bookworm-slim
      provenance: mode=max
      cache_to: ['type=local,dest=cache']
  two:
    build:
      context: .
      dockerfile_inline: \"FROM scratch\\nCOPY docker-compose.yml /\"
      platforms: [linux/amd64, linux/arm64]
"
            ),
        );
        let run = stage.wharf_ok(&["build", "stated"]);
        let store = stage.get("/info")["DriverStatus"].to_string();
        if store.contains("io.containerd.snapshotter") {
            assert!(!run.stderr.contains("no `provenance`"), "{}", run.talk());
            stage.wharf_ok(&["build", "two"]);
            let two = format!("{}-two", stage.project);
            let held = stage.get(&format!("/v1.48/images/{two}/json?manifests=1"))["Manifests"]
                .to_string();
            for platform in ["amd64", "arm64"] {
                assert!(
                    held.contains(&format!("\"architecture\":\"{platform}\"")),
                    "{held}"
                );
            }
            stage.remove_image(&two);
            stage.remove_image(&tag);
            return;
        }
        assert!(run.stderr.contains("no `provenance`"), "{}", run.talk());
        assert!(
            run.stderr.contains("type=local,dest=cache"),
            "{}",
            run.talk()
        );
        let run = stage.wharf(&["build", "two"]);
        assert_eq!(run.code, 5, "{}", run.talk());
        assert!(run.stderr.contains("one platform"), "{}", run.talk());
        assert!(!has_image(stage, &format!("{}-two", stage.project)));
        stage.remove_image(&tag);
    });
}

/// Keys out of files must reach a step as an agent that answers, without an agent on this machine.
#[test]
fn a_key_file_reaches_a_step_as_an_agent() {
    on_each_engine(|stage| {
        let tag = format!("{}:1", stage.project);
        stage.write("docker-compose.yml", &format!("services:\n  app:\n    image: {tag}\n    build:\n      context: .\n      ssh: [default=./key]\n"));
        stage.write(
            "Dockerfile",
            "FROM debian:bookworm-slim\nCOPY ask /ask\nRUN --mount=type=ssh perl /ask >/keys\n",
        );
        stage.write(".dockerignore", "*\n!ask\n!Dockerfile\n");
        stage.write(
            "ask",
            "use IO::Socket::UNIX;\nmy $s = IO::Socket::UNIX->new(Peer => $ENV{SSH_AUTH_SOCK}) or die $!;\nprint $s pack('NC', 1, 11);\n$s->flush;\nsysread($s, my $answer, 4096);\nprint unpack('H*', substr($answer, 4));\n",
        );
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "from a file", "-f"])
            .arg(stage.directory.path().join("key"))
            .status();
        assert!(made.expect("ssh-keygen").success());
        let build = |arguments: &[&str]| {
            let mut command = stage.command(arguments);
            command.env_remove("SSH_AUTH_SOCK");
            finish(command)
        };
        let run = build(&["build", "--progress", "plain", "app"]);
        assert_eq!(run.code, 0, "{}", run.talk());
        let keys = stage.wharf_ok(&["run", "--rm", "-T", "--no-deps", "app", "cat", "/keys"]);
        let comment: String = "from a file".bytes().map(|b| format!("{b:02x}")).collect();
        assert!(keys.stdout.starts_with("0c00000001"), "{}", keys.talk());
        assert!(keys.stdout.contains(&comment), "{}", keys.talk());

        let run = build(&["build", "--no-skip", "--ssh", "default", "app"]);
        assert_eq!(run.code, 5, "{}", run.talk());
        assert!(run.stderr.contains("SSH_AUTH_SOCK"), "{}", run.talk());
        stage.remove_image(&tag);
    });
}

/// Asking what would happen must build nothing, and a build that SIGKILL ends must not keep the next one from its result.
#[test]
fn a_dry_run_builds_nothing_and_a_killed_build_heals() {
    on_each_engine(|stage| {
        let tag = format!("{}:1", stage.project);
        stage.write("docker-compose.yml", &format!("services:\n  app:\n    image: {tag}\n    build:\n      dockerfile_inline: \"FROM debian:bookworm-slim\\nRUN echo {tag}; sleep 3\"\n"));
        let run = stage.wharf_ok(&["build", "--dry-run"]);
        assert!(
            run.stderr.contains("there is no image yet"),
            "{}",
            run.talk()
        );
        assert!(!has_image(stage, &tag));

        let log = stage.directory.path().join("log");
        let mut command = stage.command(&["--progress", "json", "build"]);
        command.stderr(std::fs::File::create(&log).expect("a file"));
        let mut child = command.stdout(Stdio::null()).spawn().expect("wharf starts");
        eventually("the step runs", Duration::from_secs(60), || {
            let said = std::fs::read_to_string(&log).ok()?;
            said.contains("RUN echo").then_some(())
        });
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        assert!(!has_image(stage, &tag));

        stage.wharf_ok(&["build"]);
        assert!(has_image(stage, &tag));
        let run = stage.wharf_ok(&["build", "--dry-run"]);
        assert!(run.stderr.contains("unchanged"), "{}", run.talk());
        stage.remove_image(&tag);
    });
}

/// Where an image's user cannot write into a mounted directory, one line must say so and what to do.
#[test]
fn a_foreign_owner_of_a_mounted_directory_is_named() {
    on_each_engine(|stage| {
        let tag = format!("{}:1", stage.project);
        stage.write("shared/file", "");
        stage.write("docker-compose.yml", &format!("services:\n  app:\n    image: {tag}\n    volumes: ['./shared:/shared']\n    build:\n      dockerfile_inline: \"FROM debian:bookworm-slim\\nARG UID=4321\\nRUN useradd --uid $$UID somebody\\nUSER somebody\"\n"));
        let run = stage.wharf_ok(&["build"]);
        assert!(
            run.stderr.contains("runs as UID 4321, but `./shared`"),
            "{}",
            run.talk()
        );
        assert!(run.stderr.contains("build it with `UID="), "{}", run.talk());
        assert_eq!(
            run.stderr.matches("runs as UID").count(),
            1,
            "{}",
            run.talk()
        );
        stage.remove_image(&tag);
    });
}

/// The tree of images must show what stands on what, who uses it, and what is not there.
#[test]
fn images_are_shown_as_a_tree() {
    on_each_engine(|stage| {
        let (base, app) = (
            format!("{}-base", stage.project),
            format!("{}-app", stage.project),
        );
        stage.write("docker-compose.dev.yml", &format!("services:\n  base:\n    image: {base}\n    x-wharf: {{image-only: true}}\n    build:\n      dockerfile_inline: \"FROM debian:bookworm-slim\\nRUN echo base >/base\"\n  app:\n    image: {app}\n    build:\n      dockerfile_inline: \"FROM {base}\\nRUN echo app >/app\"\n  gone:\n    image: nosuch/image:1\n"));
        stage.wharf_ok(&["build", "dev"]);
        let run = stage.wharf_ok(&["images", "dev"]);
        let line = |name: &str| {
            let found = run.stdout.lines().find(|line| line.contains(name));
            found.unwrap_or_else(|| panic!("{}", run.talk())).to_owned()
        };
        assert!(line("debian:bookworm-slim").starts_with("debian"));
        assert!(line(&base).starts_with("└ "), "{}", run.talk());
        assert!(line(&app).starts_with("  └ ") && line(&app).trim_end().ends_with("app"));
        assert!(line("nosuch/image:1").contains("not there"));
        let json = stage.wharf_ok(&["images", "dev", "--format", "json"]);
        let list: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
        let row = |name: &str| {
            let mut rows = list.as_array().expect("a list").iter();
            rows.find(|row| row["Name"] == name).expect("a row").clone()
        };
        assert_eq!(row(&app)["StandsOn"], base.as_str());
        assert_eq!(row(&app)["Services"], serde_json::json!(["app"]));
        stage.remove_image(&app);
        stage.remove_image(&base);
    });
}
