//! What goes on until somebody ends it: following logs, and ending with the Docker CLI.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixListener;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::stage::{Stage, eventually, on_each_engine};

const PATIENCE: Duration = Duration::from_secs(60);

fn write(stage: &Stage) {
    stage.write(
        "compose.yml",
        &format!(
            "name: {}
services:
  long:
    image: debian:bookworm-slim
    init: true
    command: [sh, -c, 'trap \"echo ended; exit 0\" TERM; echo begun; while :; do sleep 0.1; done']
    stop_grace_period: 1m
  silent:
    image: debian:bookworm-slim
    init: true
    command: [sleep, infinity]
  short:
    image: debian:bookworm-slim
    command: [echo, one line]
",
            stage.project
        ),
    );
}

/// Ends the process when the scenario does.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn logs_that_are_followed_must_take_up_what_starts() {
    on_each_engine(|stage| {
        write(stage);
        stage.wharf_ok(&["up", "long", "silent"]);
        let mut command = stage.command(&["logs", "--follow"]);
        command.stdout(Stdio::piped()).stdin(Stdio::null());
        let mut following = Running(command.spawn().expect("logs"));
        let output = following.0.stdout.take().expect("its output");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let next = || lines.recv_timeout(PATIENCE).expect("a line");
        assert_eq!(next(), "long-1    | begun");
        stage.wharf_ok(&["up", "--scale", "short=2", "short"]);
        let mut both = [next(), next()];
        both.sort();
        assert_eq!(both, ["short-1   | one line", "short-2   | one line"]);
        // What has been told of a container is not told again when it starts anew.
        stage.wharf_ok(&["restart", "long"]);
        assert_eq!(next(), "long-1    | ended");
        assert_eq!(next(), "long-1    | begun");
        assert!(lines.recv_timeout(Duration::from_secs(1)).is_err());
    });
}

#[test]
fn a_plugin_must_end_with_the_docker_cli_that_has_called_it() {
    on_each_engine(|stage| {
        write(stage);
        stage.wharf_ok(&["up", "long"]);
        let socket = stage.directory.path().join("cli");
        for verb in [&["logs", "--follow"][..], &["events"], &["up"]] {
            let cli = UnixListener::bind(&socket).expect("a socket");
            let mut command = stage.compose(verb);
            command
                .env("DOCKER_CLI_PLUGIN_SOCKET", &socket)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let mut running = Running(command.spawn().expect("wharf"));
            let (connection, _) = cli.accept().expect("its connection");
            std::thread::sleep(Duration::from_secs(2));
            assert!(matches!(running.0.try_wait(), Ok(None)), "{verb:?}");
            drop(connection);
            eventually("the end of the plugin", PATIENCE, || {
                running.0.try_wait().ok().flatten()
            });
            std::fs::remove_file(&socket).expect("no socket");
        }
        // `up` has stopped what it was attached to, and in order.
        let log = stage.wharf_ok(&["logs", "--no-log-prefix", "long"]).stdout;
        assert_eq!(log, "begun\nended\n");
    });
}
