//! Builders of buildx: BuildKits beside the engine, with a store of their own.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::stage::{Run, Stage, eventually, finish, on_each_engine};

/// A builder as `docker buildx create` records it. Nothing of it runs until it is built with.
struct Recorded<'s> {
    stage: &'s Stage,
    name: String,
    records: PathBuf,
}

impl<'s> Recorded<'s> {
    fn new(stage: &'s Stage) -> Recorded<'s> {
        let home = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let name = stage.project.clone();
        stage.write(
            "builder.yml",
            &format!(
                "name: {name}-builder
x-builder: &builder
  image: wharf-e2e-builder
  build:
    context: {context}
    dockerfile: {dockerfile}
    secrets: [ca_bundle]
  command: [--allow-insecure-entitlement=security.insecure]
  init: true
  cap_add: [SYS_ADMIN, NET_ADMIN]
  security_opt: [seccomp=unconfined, apparmor=unconfined]
  # Without all privileges the kernel's settings for IPv6 can only be read.
  environment: {{DOCKER_ALLOW_IPV6_ON_IPV4_INTERFACE: 1}}
  volumes: [/var/lib/buildkit, '/sys/fs/cgroup:/sys/fs/cgroup']
  healthcheck: {{test: [CMD, buildctl, debug, workers], interval: 1s, start_period: 1m}}
services:
  builder: *builder
  made: {{<<: *builder, container_name: buildx_buildkit_{name}0, profiles: [made]}}
secrets: {{ca_bundle: {{file: /etc/ssl/certs/ca-certificates.crt}}}}
",
                context = home.join("tests/compose-suite/images").display(),
                dockerfile = home.join("tests/e2e/builder/Dockerfile").display(),
            ),
        );
        stage.wharf_ok(&["-f", "builder.yml", "build", "--builder", "default"]);
        // Docker 20.10 starts no privileged container where the kernel withholds a capability: there the builder is one that is only started.
        if stage.get("/version")["ApiVersion"] == "1.41" {
            stage.wharf_ok(&["-f", "builder.yml", "--profile", "made", "create", "made"]);
        }
        let record = format!(
            r#"{{"Name":"{name}","Driver":"docker-container","Nodes":[{{"Name":"{name}0","Endpoint":"{}","Platforms":null,
            "DriverOpts":{{"image":"wharf-e2e-builder","restart-policy":"no"}},
            "Flags":["--allow-insecure-entitlement=security.insecure"],"Files":null}}],"Dynamic":false}}"#,
            stage.address
        );
        stage.write(&format!("buildx/instances/{name}"), &record);
        Recorded {
            stage,
            records: stage.directory.path().join("buildx"),
            name,
        }
    }

    fn container(&self) -> String {
        format!("buildx_buildkit_{}0", self.name)
    }

    fn runs(&self) -> bool {
        let path = format!("/containers/{}/json", self.container());
        self.stage.get(&path)["State"]["Running"] == true
    }

    /// A wharf command that finds the records.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.stage.command(arguments);
        command.env("BUILDX_CONFIG", &self.records);
        command
    }

    fn wharf(&self, arguments: &[&str]) -> Run {
        finish(self.command(arguments))
    }

    #[track_caller]
    fn wharf_ok(&self, arguments: &[&str]) -> Run {
        let run = self.wharf(arguments);
        assert_eq!(
            run.code,
            0,
            "wharf {arguments:?} on {}\n{}",
            self.stage.engine,
            run.talk()
        );
        run
    }

    /// The command lines of all that runs in its container; the engine lists only those of its own control groups.
    fn processes(&self) -> String {
        let exec = self.post(
            &format!("/containers/{}/exec", self.container()),
            r#"{"AttachStdout":true,"Tty":true,"Cmd":["sh","-c","cat /proc/[0-9]*/cmdline | tr '\\0' ' '"]}"#,
        );
        let exec: serde_json::Value = serde_json::from_str(&exec).expect("JSON");
        let id = exec["Id"].as_str().expect("an id");
        self.post(&format!("/exec/{id}/start"), r#"{"Tty":true}"#)
    }

    fn post(&self, path: &str, body: &str) -> String {
        let socket = self.stage.address.trim_start_matches("unix://");
        let output = Command::new("curl")
            .args(["-sS", "--max-time", "30", "--unix-socket", socket])
            .args(["-H", "Content-Type: application/json", "-d", body])
            .arg(format!("http://engine{path}"))
            .output()
            .expect("curl");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn delete(&self, path: &str) {
        let socket = self.stage.address.trim_start_matches("unix://");
        let _ = Command::new("curl")
            .args(["-sS", "-X", "DELETE", "--unix-socket", socket])
            .arg(format!("http://engine{path}"))
            .output();
    }
}

impl Drop for Recorded<'_> {
    fn drop(&mut self) {
        let down = ["down", "--volumes", "--timeout", "0"];
        let project = ["-f", "builder.yml", "--profile", "made"];
        self.stage.wharf(&[&project[..], &down].concat());
        let container = self.container();
        self.delete(&format!("/containers/{container}?force=1&v=1"));
        self.delete(&format!("/volumes/{container}_state"));
    }
}

/// Somebody else's BuildKit behind a socket: what comes in there goes on to the one in a service's container.
fn serve(stage: &Stage, socket: &Path) {
    let listener = UnixListener::bind(socket).expect("a socket");
    let directory = stage.directory.path().to_owned();
    let address = stage.address.clone();
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let words = ["exec", "-T", "builder", "buildctl", "dial-stdio"];
            let mut behind = Command::new(env!("CARGO_BIN_EXE_wharf"))
                .args([&["-f", "builder.yml"], &words[..]].concat())
                .current_dir(&directory)
                .env("DOCKER_HOST", &address)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("wharf starts");
            let mut to_builder = behind.stdin.take().expect("a pipe");
            let mut from_builder = behind.stdout.take().expect("a pipe");
            let (mut from_wharf, mut to_wharf) =
                (connection.try_clone().expect("a clone"), connection);
            std::thread::spawn(move || {
                let mut bytes = [0; 65536];
                while let Ok(count @ 1..) = from_wharf.read(&mut bytes) {
                    let passed = to_builder.write_all(&bytes[..count]);
                    if passed.and_then(|()| to_builder.flush()).is_err() {
                        break;
                    }
                }
            });
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from_builder, &mut to_wharf);
                let _ = to_wharf.shutdown(Shutdown::Both);
                let _ = behind.wait();
            });
        }
    });
}

/// A builder that somebody else runs must do as well, and one that is not there must be named.
#[test]
fn a_remote_builder_builds_for_the_engine() {
    on_each_engine(|stage| {
        let builder = Recorded::new(stage);
        let socket = stage.directory.path().join("buildkit.sock");
        let name = &stage.project;
        let record = format!(
            r#"{{"Name":"far","Driver":"remote","Nodes":[{{"Name":"far0","Endpoint":"unix://{}"}}]}}"#,
            socket.display()
        );
        stage.write("buildx/instances/far", &record);
        stage.write("ctx/file", "file\n");
        let file = format!(
            "name: {name}\nservices:\n  app:\n    build: {{context: ctx, dockerfile_inline: \"FROM scratch\\nCOPY file /\"}}\n"
        );
        stage.write("docker-compose.yml", &file);
        let run = builder.wharf(&["build", "--builder", "far"]);
        assert_eq!(run.code, 5, "{}", run.talk());
        assert!(run.stderr.contains("No such file"), "{}", run.talk());

        stage.wharf_ok(&["-f", "builder.yml", "up"]);
        serve(stage, &socket);
        builder.wharf_ok(&["build", "--builder", "far"]);
        let image = stage.get(&format!("/images/{name}-app/json"));
        assert!(image["Id"].is_string(), "{image}");
        assert!(!builder.runs());
        stage.remove_image(&format!("{name}-app"));
    });
}

/// What only this builder grants: the engine's own refuses it.
const GRANTED: &str = "entitlements: [security.insecure]";

/// A builder of buildx must be started when there is something to build, build on what the project has built before, leave
/// its result on the engine, say what fails in whose words, and stop when it is told to.
#[test]
fn a_builder_of_buildx_builds_for_the_engine() {
    on_each_engine(|stage| {
        let builder = Recorded::new(stage);
        let name = &stage.project;
        let write = |step: &str| {
            stage.write("ctx/file", "file\n");
            stage.write(
                "docker-compose.yml",
                &format!(
                    "name: {name}
services:
  base:
    image: {name}-base:dev
    build: {{dockerfile_inline: \"FROM debian:bookworm-slim\\nRUN echo base >/base\"}}
    command: ['true']
  app:
    build:
      context: ctx
      # The stage has the name of what it is made from.
      dockerfile_inline: \"FROM {name}-base:dev AS {name}-base\\nCOPY file /\\nRUN {step}\"
      tags: [{name}-app:other]
      {GRANTED}
    command: [cat, /both]
  alien: {{build: {{dockerfile_inline: 'FROM debian:bookworm-slim'}}}}
"
                ),
            );
        };
        write("cat /base /file >/both");
        builder.wharf_ok(&["build", "--builder", "default", "base"]);
        assert!(!builder.runs());
        // It is the current one of this engine.
        let current = format!(
            r#"{{"Key":"{}","Name":"{name}","Global":false}}"#,
            stage.address
        );
        stage.write("buildx/current", &current);
        // Nothing is to be built, so nothing is started.
        let run = builder.wharf_ok(&["build", "base"]);
        assert!(run.stderr.contains("unchanged"), "{}", run.talk());
        assert!(!builder.runs());

        let run = builder.wharf_ok(&["run", "--rm", "-T", "--no-deps", "app"]);
        assert_eq!(run.stdout, "base\nfile\n", "{}", run.talk());
        assert!(builder.runs());
        let id = |name: &str| stage.get(&format!("/images/{name}/json"))["Id"].clone();
        let app = id(&format!("{name}-app"));
        assert!(app.is_string());
        assert_eq!(app, id(&format!("{name}-app:other")));
        let run = builder.wharf_ok(&["build", "app"]);
        assert!(
            run.stderr.contains("image app    unchanged"),
            "{}",
            run.talk()
        );

        // The builder does not see what only the engine has.
        let run = builder.wharf(&["build", "alien"]);
        assert_eq!(run.code, 5, "{}", run.talk());
        assert!(
            run.stderr.contains("does not see the engine's images"),
            "{}",
            run.talk()
        );
        let run = builder.wharf(&["build", "--builder", "nobody", "app"]);
        assert_eq!(run.code, 5, "{}", run.talk());
        assert!(
            run.stderr.contains("no builder \"nobody\" found"),
            "{}",
            run.talk()
        );

        // A builder that was stopped is started again.
        stage.post(&format!("/containers/{}/stop?t=1", builder.container()), "");
        write("echo told; exit 3");
        let run = builder.wharf(&["build", "app"]);
        assert_eq!(run.code, 5, "{}", run.talk());
        for words in [">    3 | RUN echo told; exit 3", "  told", "exit code: 3"] {
            assert!(run.stderr.contains(words), "{words}\n{}", run.talk());
        }
        assert_eq!(app, id(&format!("{name}-app")));

        write("sleep 1234");
        let mut building = builder
            .command(&["build", "app"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("wharf starts");
        eventually("the step runs", Duration::from_secs(60), || {
            builder.processes().contains("sleep 1234").then_some(())
        });
        let interrupt = Command::new("kill")
            .args(["-INT", &building.id().to_string()])
            .status();
        assert!(interrupt.expect("kill").success());
        assert_eq!(building.wait().expect("it ends").code(), Some(130));
        eventually("nothing is left of it", Duration::from_secs(30), || {
            let processes = builder.processes();
            let is_left = processes.contains("sleep 1234") || processes.contains("dial-stdio");
            (!is_left).then_some(())
        });
        for image in ["app", "app:other", "base:dev"] {
            stage.remove_image(&format!("{name}-{image}"));
        }
    });
}

/// An engine whose store holds one platform must get its own of an image for several, and what is made from such an image
/// must be made from all of it.
#[test]
fn an_engine_gets_its_own_platform_of_several() {
    on_each_engine(|stage| {
        let builder = Recorded::new(stage);
        let name = &stage.project;
        let both = "platforms: [linux/amd64, linux/arm64]";
        stage.write("ctx/file", "file\n");
        stage.write(
            "docker-compose.yml",
            &format!(
                "name: {name}
services:
  base:
    image: {name}-base
    build: {{context: ctx, dockerfile_inline: \"FROM scratch\\nCOPY file /base\", {both}}}
  app:
    image: {name}-app
    build: {{context: ctx, dockerfile_inline: \"FROM {name}-base\\nCOPY file /app\", {both}}}
"
            ),
        );
        let run = builder.wharf_ok(&["build", "--builder", name]);
        let talk = run.talk();
        assert!(talk.contains("for linux/amd64, linux/arm64"), "{talk}");
        let own = stage.get("/version")["Arch"].clone();
        for image in ["base", "app"] {
            let image = stage.get(&format!("/images/{name}-{image}/json"));
            assert_eq!(image["Architecture"], own, "{image}\n{talk}");
            stage.remove_image(image["Id"].as_str().expect("an id"));
        }
    });
}
