//! An engine of a scenario's own, in a container, spoken to over TLS: it may be restarted and have a full disk.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::stage::{Run, Stage, eventually, finish, on_each_engine};

struct OwnEngine<'s> {
    stage: &'s Stage,
    name: String,
    port: u32,
    certificates: PathBuf,
}

/// Dash, `sleep` and what they need, out of the engine's own container: an image of a few megabytes.
const SMALL_IMAGE: &str = "cd / && tar -c bin lib lib64 usr/bin/dash usr/bin/sh usr/bin/sleep usr/lib64 \
    usr/lib/*-linux-gnu/libc.so.6 usr/lib/*-linux-gnu/ld-linux-* | docker import - small";

impl<'s> OwnEngine<'s> {
    fn start(stage: &'s Stage) -> OwnEngine<'s> {
        let home = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let certificates = stage.directory.path().join("certificates");
        std::fs::create_dir(&certificates).expect("a directory");
        // One authority, one certificate each for the engine and for who talks to it, and an authority that is not theirs.
        let script = r#"
            set -e
            pair() {
              name=$1
              shift
              openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" -keyout "$name-key.pem" "$@"
            }
            for authority in ca other; do
              pair "$authority" -x509 -days 2 -out "$authority.pem"
            done
            sign() {
              pair "$1" -out "$1.csr"
              printf '%s\n' "$2" > "$1.ext"
              openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile "$1.ext" -out "$1-cert.pem"
            }
            sign server "subjectAltName=IP:127.0.0.1"
            sign client "extendedKeyUsage=clientAuth"
            cp client-cert.pem cert.pem
            cp client-key.pem key.pem
            mkdir stranger
            cp cert.pem key.pem stranger
            cp other.pem stranger/ca.pem
        "#;
        let made = Command::new("sh")
            .args(["-c", script])
            .current_dir(&certificates)
            .output()
            .expect("sh");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let name = format!("{}-engine", stage.project);
        let port = 40_000 + std::process::id() % 20_000;
        // The engine comes back whenever it ends, as under systemd. Volumes have a disk of their own, with few inodes.
        stage.write(
            "engine.yml",
            &format!(
                r#"
name: {name}
services:
  engine:
    image: wharf-ship-server
    build:
      context: {server}
      secrets: [ca_bundle]
    cap_add: [SYS_ADMIN, NET_ADMIN]
    security_opt: [seccomp=unconfined, apparmor=unconfined]
    environment:
      AUTHORIZED_KEY: ""
      ENGINE_OPTIONS: >-
        --shutdown-timeout 2 --host unix:///var/run/docker.sock --host tcp://0.0.0.0:2376 --tlsverify
        --tlscacert /certificates/ca.pem --tlscert /certificates/server-cert.pem --tlskey /certificates/server-key.pem
    entrypoint: [tini, --, sh, -c, "entrypoint; while :; do rm -f /var/run/docker.pid; dockerd --log-level warn $$ENGINE_OPTIONS; done"]
    ports: ["127.0.0.1:{port}:2376"]
    volumes: ["data:/var/lib/docker", "/sys/fs/cgroup:/sys/fs/cgroup", "{certificates}:/certificates:ro"]
    tmpfs: ["/var/lib/docker/volumes:size=4m,nr_inodes=64"]
    stop_signal: SIGKILL
    healthcheck: {{test: [CMD, docker, version], interval: 1s, start_period: 2m}}
volumes: {{data: {{}}}}
secrets: {{ca_bundle: {{file: /etc/ssl/certs/ca-certificates.crt}}}}
"#,
                server = home.join("tests/e2e/ship/server").display(),
                certificates = certificates.display(),
            ),
        );
        stage.wharf_ok(&["-f", "engine.yml", "up"]);
        let engine = OwnEngine {
            stage,
            name,
            port,
            certificates,
        };
        engine.inside(SMALL_IMAGE);
        engine
    }

    /// A wharf command that talks to this engine.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.stage.command(arguments);
        command
            .env("DOCKER_HOST", format!("tcp://127.0.0.1:{}", self.port))
            .env("DOCKER_TLS_VERIFY", "1")
            .env("DOCKER_CERT_PATH", &self.certificates);
        command
    }

    fn wharf(&self, arguments: &[&str]) -> Run {
        finish(self.command(arguments))
    }

    #[track_caller]
    fn wharf_ok(&self, arguments: &[&str]) -> Run {
        let run = self.wharf(arguments);
        assert_eq!(run.code, 0, "wharf {arguments:?}\n{}", run.talk());
        run
    }

    fn exec(&self, script: &str) -> Run {
        let words = ["exec", "-T", "engine", "sh", "-c", script];
        self.stage
            .wharf(&[&["-f", "engine.yml"], &words[..]].concat())
    }

    /// What a script prints in the engine's container.
    #[track_caller]
    fn inside(&self, script: &str) -> String {
        let run = self.exec(script);
        assert_eq!(run.code, 0, "{script}\n{}", run.talk());
        run.stdout.trim().to_owned()
    }

    fn restart(&self) {
        self.inside("kill -TERM $(cat /var/run/docker.pid)");
    }

    /// Containers, networks and volumes of the scenario's project.
    fn objects(&self) -> String {
        let filter = format!(
            "--filter label=com.docker.compose.project={}",
            self.stage.project
        );
        self.inside(&format!(
            "docker ps -aq {filter}; docker network ls -q {filter}; docker volume ls -q {filter}"
        ))
    }

    /// The same command again makes whole what is there, and then there is nothing to do.
    #[track_caller]
    fn heals(&self) {
        eventually("the engine is back", Duration::from_secs(60), || {
            (self.exec("docker version").code == 0).then_some(())
        });
        self.wharf_ok(&["-f", "app.yml", "up"]);
        self.wharf_ok(&["-f", "app.yml", "plan", "--detailed-exitcode"]);
    }

    #[track_caller]
    fn goes_without_a_trace(&self) {
        self.wharf_ok(&["-f", "app.yml", "down", "--volumes", "-t", "0"]);
        assert_eq!(self.objects(), "");
    }
}

impl Drop for OwnEngine<'_> {
    fn drop(&mut self) {
        let down = ["down", "--volumes", "--timeout", "0"];
        let project = ["-f", "engine.yml", "-p", &self.name];
        let run = self.stage.wharf(&[&project[..], &down].concat());
        if run.code != 0 {
            eprintln!("{}", run.talk());
        }
    }
}

/// Services `s0` to `s3`, and `db`, which they wait for and which is healthy when `/ready` is there.
fn write(stage: &Stage, ready: &str) {
    let service = "{image: small, init: true, command: [sleep, '1000']";
    let mut text = format!(
        "name: {}\nservices:\n  db:\n    image: small\n    init: true\n    command: [sh, -c, \"{ready}sleep 1000\"]\n    volumes: ['data:/data']\n    healthcheck: {{test: [CMD, sh, -c, '[ -e /ready ]'], interval: 1s, retries: 1000}}\n",
        stage.project
    );
    for number in 0..4 {
        text.push_str(&format!(
            "  s{number}: {service}, depends_on: {{db: {{condition: service_healthy}}}}}}\n"
        ));
    }
    text.push_str("volumes: {data: {}}\n");
    stage.write("app.yml", &text);
}

const READY: &str = ": > /ready; ";

/// An engine that is restarted under `up` must end it with the name of what was under way, or let it go on; either way
/// the next run makes everything whole and `down` leaves nothing.
#[test]
fn an_engine_restarted_in_the_middle_of_up_is_named_and_healed() {
    on_each_engine(|stage| {
        let engine = OwnEngine::start(stage);
        write(stage, "");
        let up = engine
            .command(&["-f", "app.yml", "up"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("wharf starts");
        let db = format!("{}-db-1", stage.project);
        eventually("the db runs", Duration::from_secs(60), || {
            let state = engine.exec(&format!("docker inspect -f '{{{{.State.Running}}}}' {db}"));
            (state.stdout.trim() == "true").then_some(())
        });
        engine.restart();
        let run = Run::from(up.wait_with_output().expect("it ends"));
        assert_eq!(run.code, 5, "{}", run.talk());
        // The db has ended with its engine, and those who wait for it are named.
        assert!(run.stderr.contains(&format!("`{db}`")), "{}", run.talk());
        assert!(run.stderr.contains("`s0`"), "{}", run.talk());
        write(stage, READY);
        engine.heals();
        engine.goes_without_a_trace();

        // The other moment: while calls are under way.
        let up = engine
            .command(&["-f", "app.yml", "up"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("wharf starts");
        eventually("something is there", Duration::from_secs(60), || {
            (!engine.objects().is_empty()).then_some(())
        });
        engine.restart();
        let run = Run::from(up.wait_with_output().expect("it ends"));
        assert!([0, 5].contains(&run.code), "{}", run.talk());
        if run.code == 5 {
            assert!(run.stderr.contains(&stage.project), "{}", run.talk());
        }
        engine.heals();
        engine.goes_without_a_trace();
    });
}

/// A volume that the disk has no room for must be named; a second run heals once there is room.
#[test]
fn a_full_disk_names_the_volume_and_heals_when_there_is_room() {
    on_each_engine(|stage| {
        let engine = OwnEngine::start(stage);
        write(stage, READY);
        engine.inside(
            "n=0; while touch /var/lib/docker/volumes/filler-$n 2>/dev/null; do n=$((n + 1)); done; [ $n -gt 0 ]",
        );
        let run = engine.wharf(&["-f", "app.yml", "up"]);
        assert_eq!(run.code, 5, "{}", run.talk());
        assert!(
            run.stderr.contains(&format!("{}_data", stage.project)),
            "{}",
            run.talk()
        );
        assert!(run.stderr.contains("no space left"), "{}", run.talk());
        engine.inside("rm /var/lib/docker/volumes/filler-*");
        engine.heals();
        engine.goes_without_a_trace();

        // The certificates are asked for on both sides.
        let mut stranger = engine.command(&["-f", "app.yml", "ps"]);
        stranger.env("DOCKER_CERT_PATH", engine.certificates.join("stranger"));
        let run = finish(stranger);
        assert_eq!(run.code, 7, "{}", run.talk());
        assert!(run.stderr.contains("certificate"), "{}", run.talk());
    });
}
