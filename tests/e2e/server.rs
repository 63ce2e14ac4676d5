//! A real server: an engine with sshd in a container, reached through a door that counts bytes and can break connections.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::stage::{Run, Stage, eventually, finish};

/// Where connections go through: hands bytes on, counts them, and breaks a connection after so many.
pub struct Door {
    pub port: u16,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicU64,
    sent: AtomicU64,
    /// Bytes until the connection that carries them breaks; not positive: none will.
    until_cut: AtomicI64,
    /// Before it breaks, it only stands still until it is told to break.
    waits: AtomicBool,
    stands_still: AtomicBool,
}

impl Door {
    /// A door to a port of this machine.
    pub fn to(server: u16) -> Door {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::new(Seen::default());
        let door = Door {
            port,
            seen: seen.clone(),
        };
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                seen.connections.fetch_add(1, Ordering::Relaxed);
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
                let seen = seen.clone();
                std::thread::spawn(move || pump(client, server, &seen));
            }
        });
        door
    }

    /// Bytes to the server since this was asked last.
    pub fn sent(&self) -> u64 {
        self.seen.sent.swap(0, Ordering::Relaxed)
    }

    /// Connections since this was asked last.
    pub fn connections(&self) -> u64 {
        self.seen.connections.swap(0, Ordering::Relaxed)
    }

    /// Breaks a connection once that many more bytes have gone through.
    pub fn cut_after(&self, bytes: u64) {
        let bytes = i64::try_from(bytes).expect("not that many");
        self.seen.until_cut.store(bytes, Ordering::Relaxed);
    }

    /// As [`Door::cut_after`], but the connection first stands still, until [`Door::cut`].
    pub fn stand_still_after(&self, bytes: u64) {
        self.seen.waits.store(true, Ordering::Relaxed);
        self.cut_after(bytes);
    }

    pub fn stands_still(&self) -> bool {
        self.seen.stands_still.load(Ordering::Relaxed)
    }

    /// Breaks the connection that stands still.
    pub fn cut(&self) {
        self.seen.waits.store(false, Ordering::Relaxed);
    }

    /// Whether the last cut has happened; none is left to happen afterwards.
    pub fn was_cut(&self) -> bool {
        self.seen.until_cut.swap(0, Ordering::Relaxed) <= 0
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, seen: &Seen) {
    let mut buffer = [0; 16 * 1024];
    loop {
        let mut count = match from.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(count) => count,
        };
        let left = seen.until_cut.load(Ordering::Relaxed);
        let mut is_cut = false;
        if left > 0 {
            let after = left - i64::try_from(count).expect("few bytes");
            seen.until_cut.store(after, Ordering::Relaxed);
            is_cut = after <= 0;
            count = count.min(usize::try_from(left).expect("positive"));
        }
        seen.sent.fetch_add(count as u64, Ordering::Relaxed);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
        if is_cut {
            seen.stands_still.store(true, Ordering::Relaxed);
            while seen.waits.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(20));
            }
            seen.stands_still.store(false, Ordering::Relaxed);
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// A server that runs for the time of a scenario.
pub struct Server<'s> {
    pub stage: &'s Stage,
    pub door: Door,
    /// What ssh is called with, and where its connections are kept; one for all servers of a scenario.
    pub directory: PathBuf,
    /// Its project on the engine under test.
    name: String,
}

impl<'s> Server<'s> {
    /// `name`: tells the servers of a scenario apart.
    pub fn start(stage: &'s Stage, name: &str) -> Server<'s> {
        let home = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let directory = stage.directory.path().join("ssh");
        let key = directory.join("key");
        if !key.exists() {
            std::fs::create_dir_all(directory.join("bin")).expect("a directory");
            run(Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(&key));
        }
        let public = std::fs::read_to_string(directory.join("key.pub")).expect("the key");
        let project = format!("{}-{name}", stage.project);
        // Not `privileged`: that needs all capabilities, which a machine that is a container itself lacks. SYS_PTRACE is for
        // health checks in containers of other users.
        stage.write(
            &format!("{name}.yml"),
            &format!(
                "name: {project}\nservices:\n  server:\n    image: wharf-ship-server\n    build:\n      context: {}\n      secrets: [ca_bundle]\n    cap_add: [SYS_ADMIN, NET_ADMIN, SYS_PTRACE]\n    security_opt: [seccomp=unconfined, apparmor=unconfined]\n    environment:\n      AUTHORIZED_KEY: {}\n    ports: [\"127.0.0.1::22\"]\n    volumes: [\"data:/var/lib/docker\", \"/sys/fs/cgroup:/sys/fs/cgroup\"]\n    stop_signal: SIGKILL\n    healthcheck: {{test: [CMD, docker, version], interval: 1s, start_period: 2m}}\nvolumes: {{data: {{}}}}\nsecrets: {{ca_bundle: {{file: /etc/ssl/certs/ca-certificates.crt}}}}\n",
                home.join("tests/e2e/ship/server").display(),
                public.trim(),
            ),
        );
        let file = format!("{name}.yml");
        stage.wharf_ok(&["-f", &file, "up"]);
        let port = stage.wharf_ok(&["-f", &file, "port", "server", "22"]);
        let port = port
            .stdout
            .trim()
            .rsplit(':')
            .next()
            .expect("a port")
            .parse()
            .expect("a port");
        let door = Door::to(port);
        let server = Server {
            stage,
            door,
            directory,
            name: name.to_owned(),
        };
        server.write_config();
        let scanned = eventually("sshd answers", Duration::from_secs(60), || {
            let output = Command::new("ssh-keyscan")
                .args(["-t", "ed25519", "-p", &port.to_string(), "127.0.0.1"])
                .output()
                .expect("ssh-keyscan");
            (!output.stdout.is_empty()).then_some(output.stdout)
        });
        let text = String::from_utf8_lossy(&scanned)
            .replace(&format!(":{port}"), &format!(":{}", server.door.port));
        let known = server.directory.join("known_hosts");
        let others = std::fs::read_to_string(&known).unwrap_or_default();
        std::fs::write(known, others + &text).expect("known_hosts");
        server
    }

    /// An `ssh` that has the scenario's configuration instead of the user's.
    fn write_config(&self) {
        let here = self.directory.display();
        let config = format!(
            "Host *\n  IdentityFile {here}/key\n  IdentitiesOnly yes\n  UserKnownHostsFile {here}/known_hosts\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n"
        );
        std::fs::write(self.directory.join("config"), config).expect("the configuration");
        let ssh = which("ssh");
        let script = format!("#!/bin/sh\nexec {ssh} -F {here}/config \"$@\"\n");
        let path = self.directory.join("bin/ssh");
        std::fs::write(&path, script).expect("ssh");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("ssh");
    }

    pub fn address(&self) -> String {
        format!("ssh://root@127.0.0.1:{}", self.door.port)
    }

    /// wharf in the scenario's directory, where `ssh` lets it log in on the scenario's servers.
    pub fn wharf(&self, arguments: &[&str]) -> Run {
        let mut command = self.stage.command(arguments);
        self.let_in(&mut command);
        finish(command)
    }

    /// Gives a command the `ssh` that may log in on the scenario's servers.
    pub fn let_in(&self, command: &mut Command) {
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env(
                "PATH",
                format!("{}:{path}", self.directory.join("bin").display()),
            )
            .env("XDG_RUNTIME_DIR", &self.directory)
            .env("XDG_CACHE_HOME", self.directory.join("cache"));
    }

    /// On the server, past the door.
    pub fn on_server(&self, words: &[&str]) -> String {
        let file = format!("{}.yml", self.name);
        let run = self
            .stage
            .wharf_ok(&[&["-f", &file, "exec", "-T", "server"], words].concat());
        run.stdout.trim().to_owned()
    }

    /// Lets the next command open a connection of its own: the one that is kept is not found any more, and ends by itself.
    pub fn hang_up(&self) {
        let _ = std::fs::remove_dir_all(self.directory.join("wharf-ssh"));
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let file = format!("{}.yml", self.name);
        let run = self.wharf(&["-f", &file, "down", "--volumes", "--timeout", "0"]);
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
