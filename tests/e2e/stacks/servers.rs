use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::Stack;
use super::components::free_port;
use crate::stage::{Run, eventually, finish};

/// The practice servers that `layered` has for whoever has none.
pub struct Servers<'s> {
    pub stack: &'s Stack<'s>,
    /// The key, the known hosts, and what is called `ssh`.
    pub directory: PathBuf,
    /// By name.
    ports: [(&'static str, u16); 2],
    public_key: String,
}

impl<'s> Servers<'s> {
    /// Starts some of `north` and `south`.
    pub fn start(stack: &'s Stack<'s>, wanted: &[&str]) -> Self {
        let directory = stack.stage.directory.path().join("ssh");
        std::fs::create_dir_all(directory.join("bin")).expect("a directory");
        let key = directory.join("key");
        let mut making = Command::new("ssh-keygen");
        making
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&key);
        assert!(making.status().expect("ssh-keygen").success());
        let public_key = std::fs::read_to_string(directory.join("key.pub")).expect("the key");
        let servers = Servers {
            stack,
            directory,
            ports: [("north", free_port()), ("south", free_port())],
            public_key: public_key.trim().to_owned(),
        };
        let up = servers.wharf(&[&["up"], wanted].concat());
        assert_eq!(up.code, 0, "{}", up.talk());
        servers.meet(wanted);
        servers
    }

    fn port(&self, name: &str) -> u16 {
        let found = self.ports.iter().find(|(known, _)| *known == name);
        found.expect("a server of this name").1
    }

    pub fn address(&self, name: &str) -> String {
        format!("ssh://root@127.0.0.1:{}", self.port(name))
    }

    /// wharf on the project of the servers themselves.
    fn wharf(&self, arguments: &[&str]) -> Run {
        let project = format!("{}-servers", self.stack.stage.project);
        let file = "stacks/layered/servers/docker-compose.yml";
        let named = [&["-p", project.as_str(), "-f", file], arguments].concat();
        let mut command = self.stack.stage.command_in(&self.stack.tree, &named);
        command
            .env("SSH_PUBLIC_KEY", &self.public_key)
            .env("NORTH_PORT", self.port("north").to_string())
            .env("SOUTH_PORT", self.port("south").to_string());
        finish(command)
    }

    /// Learns the servers' host keys, as a user does once, and makes an `ssh` that knows them and has the key.
    fn meet(&self, names: &[&str]) {
        let mut known = String::new();
        for name in names {
            let port = self.port(name).to_string();
            known += &eventually("sshd answers", Duration::from_secs(60), || {
                let scan = ["-t", "ed25519", "-p", &port, "127.0.0.1"];
                let output = Command::new("ssh-keyscan").args(scan).output();
                let output = output.expect("ssh-keyscan");
                let lines = String::from_utf8_lossy(&output.stdout).into_owned();
                (!lines.is_empty()).then_some(lines)
            });
        }
        std::fs::write(self.directory.join("known_hosts"), known).expect("known_hosts");
        let here = self.directory.display();
        let script = format!(
            "#!/bin/sh\nPATH=${{PATH#*:}}\nexec ssh -F none -i {here}/key -o IdentitiesOnly=yes -o UserKnownHostsFile={here}/known_hosts -o StrictHostKeyChecking=yes \"$@\"\n"
        );
        let path = self.directory.join("bin/ssh");
        std::fs::write(&path, script).expect("ssh");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("ssh");
    }

    /// Gives a command the `ssh` that may log in.
    pub fn let_in(&self, command: &mut Command) {
        let path = std::env::var("PATH").unwrap_or_default();
        let bin = self.directory.join("bin");
        command
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("XDG_RUNTIME_DIR", &self.directory)
            .env("XDG_CACHE_HOME", self.directory.join("cache"));
    }

    /// What a command on a server says.
    #[track_caller]
    pub fn on(&self, name: &str, words: &[&str]) -> String {
        let run = self.wharf(&[&["exec", "-T", name], words].concat());
        assert_eq!(run.code, 0, "{}", run.talk());
        run.stdout.trim().to_owned()
    }
}

impl Drop for Servers<'_> {
    fn drop(&mut self) {
        let run = self.wharf(&["down", "--volumes", "--timeout", "0"]);
        if run.code != 0 {
            eprintln!("{}", run.talk());
        }
    }
}
