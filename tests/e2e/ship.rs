//! Envs on servers: an engine with sshd in a container, reached through a door that counts bytes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::stage::{Run, Stage, eventually, finish, on_each_engine};

/// Where ssh goes: hands bytes on and counts those to the server.
struct Door {
    port: u16,
    sent: Arc<AtomicU64>,
}

impl Door {
    fn to(server: u16) -> Door {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let sent = Arc::new(AtomicU64::new(0));
        let counter = sent.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else {
                    continue;
                };
                let (mut back_from, mut back_to) = (
                    server.try_clone().expect("a clone"),
                    client.try_clone().expect("a clone"),
                );
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut back_from, &mut back_to);
                    let _ = back_to.shutdown(Shutdown::Both);
                });
                let counter = counter.clone();
                std::thread::spawn(move || pump(client, server, &counter));
            }
        });
        Door { port, sent }
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, sent: &AtomicU64) {
    let mut buffer = [0; 16 * 1024];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(count) => count,
        };
        sent.fetch_add(count as u64, Ordering::Relaxed);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// A server that runs for the time of a scenario.
struct Server<'s> {
    stage: &'s Stage,
    door: Door,
    /// What ssh is called with, and where its connection is kept.
    directory: PathBuf,
    name: String,
}

impl<'s> Server<'s> {
    fn start(stage: &'s Stage) -> Server<'s> {
        let home = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let directory = stage.directory.path().join("ssh");
        std::fs::create_dir(&directory).expect("a directory");
        let key = directory.join("key");
        run(Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&key));
        let public = std::fs::read_to_string(directory.join("key.pub")).expect("the key");
        let name = format!("{}-server", stage.project);
        // Not `privileged`: that needs all capabilities, which a machine that is a container itself lacks.
        stage.write(
            "server.yml",
            &format!(
                "name: {name}\nservices:\n  server:\n    image: wharf-ship-server\n    build:\n      context: {}\n      secrets: [ca_bundle]\n    cap_add: [SYS_ADMIN, NET_ADMIN]\n    security_opt: [seccomp=unconfined, apparmor=unconfined]\n    environment:\n      AUTHORIZED_KEY: {}\n    ports: [\"127.0.0.1::22\"]\n    volumes: [\"data:/var/lib/docker\", \"/sys/fs/cgroup:/sys/fs/cgroup\"]\n    stop_signal: SIGKILL\n    healthcheck: {{test: [CMD, docker, version], interval: 1s, start_period: 2m}}\nvolumes: {{data: {{}}}}\nsecrets: {{ca_bundle: {{file: /etc/ssl/certs/ca-certificates.crt}}}}\n",
                home.join("tests/e2e/ship/server").display(),
                public.trim(),
            ),
        );
        stage.wharf_ok(&["-f", "server.yml", "up"]);
        let port = stage.wharf_ok(&["-f", "server.yml", "port", "server", "22"]);
        let port = port
            .stdout
            .trim()
            .rsplit(':')
            .next()
            .expect("a port")
            .parse()
            .expect("a port");
        let door = Door::to(port);
        std::fs::create_dir(directory.join("bin")).expect("a directory");
        let server = Server {
            stage,
            door,
            directory,
            name,
        };
        server.write_config("StrictHostKeyChecking yes");
        let scanned = eventually("sshd answers", Duration::from_secs(60), || {
            let output = Command::new("ssh-keyscan")
                .args(["-t", "ed25519", "-p", &port.to_string(), "127.0.0.1"])
                .output()
                .expect("ssh-keyscan");
            (!output.stdout.is_empty()).then_some(output.stdout)
        });
        let text = String::from_utf8_lossy(&scanned)
            .replace(&format!(":{port}"), &format!(":{}", server.door.port));
        std::fs::write(server.directory.join("known_hosts"), text).expect("known_hosts");
        server
    }

    /// An `ssh` that has the scenario's configuration instead of the user's.
    fn write_config(&self, more: &str) {
        let here = self.directory.display();
        let config = format!(
            "Host *\n  IdentityFile {here}/key\n  IdentitiesOnly yes\n  UserKnownHostsFile {here}/known_hosts\n  GlobalKnownHostsFile /dev/null\n  {more}\n"
        );
        std::fs::write(self.directory.join("config"), config).expect("the configuration");
        let ssh = which("ssh");
        let script = format!("#!/bin/sh\nexec {ssh} -F {here}/config \"$@\"\n");
        let path = self.directory.join("bin/ssh");
        std::fs::write(&path, script).expect("ssh");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("ssh");
    }

    fn address(&self) -> String {
        format!("ssh://root@127.0.0.1:{}", self.door.port)
    }

    fn wharf(&self, arguments: &[&str]) -> Run {
        let mut command = self.stage.command(arguments);
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env(
                "PATH",
                format!("{}:{path}", self.directory.join("bin").display()),
            )
            .env("XDG_RUNTIME_DIR", &self.directory)
            .env("XDG_CACHE_HOME", self.directory.join("cache"));
        finish(command)
    }

    #[track_caller]
    fn ship(&self) -> Run {
        let run = self.wharf(&["-f", "app.yml", "ship", &self.address()]);
        assert_eq!(run.code, 0, "{}", run.talk());
        run
    }

    /// On the server, past the door.
    fn on_server(&self, words: &[&str]) -> String {
        let run = self
            .stage
            .wharf_ok(&[&["-f", "server.yml", "exec", "-T", "server"], words].concat());
        run.stdout.trim().to_owned()
    }

    fn answer(&self) -> String {
        self.on_server(&[
            "docker",
            "exec",
            &format!("{}-web-1", self.stage.project),
            "cat",
            "/answer",
        ])
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let run = self.wharf(&[
            "-f",
            "server.yml",
            "-p",
            &self.name,
            "down",
            "--volumes",
            "--timeout",
            "0",
        ]);
        if run.code != 0 {
            eprintln!("{}", run.talk());
        }
    }
}

#[track_caller]
fn run(command: &mut Command) {
    assert!(command.status().expect("it starts").success());
}

fn which(name: &str) -> String {
    let output = Command::new("sh")
        .args(["-c", &format!("command -v {name}")])
        .output()
        .expect("sh");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A small application, because each shipment goes through every byte, whose answer is in its uppermost layer; `healthy`: what its health check says.
fn write_app(stage: &Stage, answer: &str, healthy: &str) {
    stage.write(
        "app.yml",
        &format!(
            "name: {project}\nservices:\n  web:\n    image: {project}-web\n    build:\n      context: .\n      dockerfile_inline: |\n        FROM debian:bookworm-slim AS debian\n        RUN mkdir /min && cp --parents -L /bin/sh /bin/cat /bin/sleep /bin/true /bin/false /usr/bin/head /lib*/ld-linux*.so.* /lib/*-linux-gnu/libc.so.6 /min/\n        FROM scratch\n        COPY --from=debian /min /\n        RUN head -c 3000000 /dev/urandom > /noise\n        RUN echo {answer} > /answer\n    command: [sleep, infinity]\n    stop_signal: SIGKILL\n    healthcheck: {{test: [CMD, \"{healthy}\"], interval: 1s, retries: 2}}\n",
            project = stage.project
        ),
    );
    // What is there is shipped as it is.
    stage.wharf_ok(&["-f", "app.yml", "build"]);
}

/// The application of [`write_app`] with a configuration that names the server.
fn add_config(stage: &Stage, words: &str) {
    let app = stage.directory.path().join("app.yml");
    let text = std::fs::read_to_string(&app).expect("the application");
    let config = "x-wharf: {config: [{template: app.conf, target: /app.conf}]}\n";
    stage.write("app.yml", &format!("{text}{config}"));
    stage.write("app.conf", &format!("{words} on {{{{ host }}}}\n"));
}

/// A configuration is part of the image on the server, rendered for it, and a change of it alone is a few kilobytes.
#[test]
fn a_configuration_is_shipped_with_the_image_and_changes_alone() {
    on_each_engine(|stage| {
        let server = Server::start(stage);
        let config = || {
            let name = format!("{}-web-1", stage.project);
            server.on_server(&["docker", "exec", &name, "cat", "/app.conf"])
        };
        write_app(stage, "one", "true");
        add_config(stage, "first");
        server.ship();
        assert_eq!(config(), "first on 127.0.0.1");
        assert_eq!(server.answer(), "one");

        write_app(stage, "one", "true");
        add_config(stage, "second");
        server.door.sent.store(0, Ordering::Relaxed);
        server.ship();
        assert_eq!(config(), "second on 127.0.0.1");
        let sent = server.door.sent.swap(0, Ordering::Relaxed);
        assert!(sent < 100_000, "a configuration is small: {sent}");
        let again = server.ship();
        assert!(again.stdout.contains("unchanged"), "{}", again.talk());
    });
}

/// A server that cannot be reached does not keep the others waiting, and a shipment that is under way keeps other clients
/// away.
#[test]
fn other_servers_and_other_clients_are_left_alone() {
    on_each_engine(|stage| {
        let server = Server::start(stage);
        write_app(stage, "one", "true");
        let both = server.wharf(&[
            "-f",
            "app.yml",
            "ship",
            "ssh://root@127.0.0.1:1",
            &server.address(),
        ]);
        assert_eq!(both.code, 5, "{}", both.talk());
        assert!(both.stderr.contains("127.0.0.1:1"), "{}", both.talk());
        assert_eq!(server.answer(), "one");

        let lock = format!("/root/.cache/wharf-ship-{}.lock", stage.project);
        let script = format!(
            "mkdir -p /root/.cache; exec 9>>{lock}; flock 9; echo other from 192.0.2.7 since noon >{lock}; cat"
        );
        let mut other = stage
            .command(&[
                "-f",
                "server.yml",
                "exec",
                "-T",
                "server",
                "sh",
                "-c",
                &script,
            ])
            .stdin(Stdio::piped())
            .spawn()
            .expect("it starts");
        eventually("the lock is held", Duration::from_secs(60), || {
            let said = server.on_server(&["sh", "-c", &format!("cat {lock} || true")]);
            said.contains("noon").then_some(())
        });
        write_app(stage, "two", "true");
        let refused = server.wharf(&["-f", "app.yml", "ship", &server.address()]);
        assert_eq!(refused.code, 5, "{}", refused.talk());
        assert!(
            refused.stderr.contains("from 192.0.2.7 since noon"),
            "{}",
            refused.talk()
        );
        assert_eq!(server.answer(), "one");
        drop(other.stdin.take());
        other.wait().expect("it ends");
        server.ship();
        assert_eq!(server.answer(), "two");
    });
}

/// A first shipment brings everything, a second one only what is new, a third one nothing; a release that does not come
/// up is replaced by the former one; a rollback goes one back; a wrong host key is refused.
#[test]
fn a_server_gets_what_it_lacks_and_keeps_running_what_works() {
    on_each_engine(|stage| {
        let server = Server::start(stage);
        write_app(stage, "one", "true");
        server.ship();
        assert_eq!(server.answer(), "one");
        let first = server.door.sent.swap(0, Ordering::Relaxed);
        assert!(
            first > 3_000_000,
            "the first shipment brings all layers: {first}"
        );

        let again = server.ship();
        assert!(again.stdout.contains("unchanged"), "{}", again.talk());

        server.door.sent.store(0, Ordering::Relaxed);
        write_app(stage, "two", "true");
        server.ship();
        assert_eq!(server.answer(), "two");
        let second = server.door.sent.swap(0, Ordering::Relaxed);
        assert!(second < 200_000, "only the new layer is sent: {second}");

        write_app(stage, "three", "false");
        let broken = server.wharf(&["-f", "app.yml", "ship", &server.address()]);
        assert_eq!(broken.code, 5, "{}", broken.talk());
        assert!(
            broken.stderr.contains("is back and runs"),
            "{}",
            broken.talk()
        );
        assert_eq!(server.answer(), "two");

        let back = server.wharf(&["-f", "app.yml", "ship", "rollback", &server.address()]);
        assert_eq!(back.code, 0, "{}", back.talk());
        assert_eq!(server.answer(), "one");
        assert_eq!(
            server.on_server(&["sh", "-c", "ls -A /root/.cache 2>/dev/null"]),
            ""
        );

        let known = server.directory.join("known_hosts");
        let other = std::fs::read_to_string(server.directory.join("key.pub")).expect("a key");
        let mut words = other.split_whitespace();
        let (kind, key) = (words.next().expect("a kind"), words.next().expect("a key"));
        let line = format!("[127.0.0.1]:{} {kind} {key}\n", server.door.port);
        std::fs::write(known, line).expect("known_hosts");
        // The connection that is kept would not look at the host's key again.
        let _ = std::fs::remove_dir_all(server.directory.join("wharf-ssh"));
        let refused = server.wharf(&["-f", "app.yml", "ship", &server.address()]);
        assert_eq!(refused.code, 7, "{}", refused.talk());
        assert!(
            refused.stderr.contains("another host key"),
            "{}",
            refused.talk()
        );
    });
}
