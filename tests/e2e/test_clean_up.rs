//! A test run is a transaction: however it ends, nothing of it stays, and nothing else is touched.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::stage::{Run, Stage, eventually, on_each_engine};
use crate::test_runs::{left, test};

const SMALL: &str = r#"
services:
  db:
    image: debian:bookworm-slim
    init: true
    command: [sh, -c, "touch /ready; exec sleep 1000"]
    healthcheck: {test: [CMD, test, -e, /ready], interval: 1s, timeout: 30s}
    volumes: ["data:/data"]
  tests:
    image: debian:bookworm-slim
    init: true
    depends_on: {db: {condition: service_healthy}}
volumes: {data: {}}
x-wharf:
  test: {service: tests, command: [sh, -c, "echo begun; sleep ${TESTS_TAKE:-0.2}; echo done"]}
"#;

fn start(stage: &Stage, arguments: &[&str], tests_take: &str) -> Child {
    stage
        .command(&[&["-p", &stage.project, "test"], arguments].concat())
        .env("TESTS_TAKE", tests_take)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("wharf starts")
}

fn signal(child: &Child, name: &str) {
    // One that has ended already cannot be reached, which is as well.
    let _ = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .stderr(Stdio::null())
        .status();
}

fn ended(child: Child) -> Run {
    Run::from(child.wait_with_output().expect("wharf ends"))
}

fn has_containers(stage: &Stage) {
    eventually("the run makes containers", Duration::from_secs(60), || {
        left(stage)
            .iter()
            .any(|object| object.starts_with("container "))
            .then_some(())
    });
}

#[test]
fn every_signal_ends_a_run_and_takes_it_away() {
    on_each_engine(|stage| {
        stage.write("docker-compose.test.yml", SMALL);
        for name in ["INT", "TERM", "HUP"] {
            let child = start(stage, &[], "1000");
            has_containers(stage);
            signal(&child, name);
            let run = ended(child);
            assert_eq!(run.code, 130, "SIG{name}: {}", run.talk());
            assert_eq!(left(stage), Vec::<String>::new(), "after SIG{name}");
        }
    });
}

/// How often the next scenario strikes, where `WHARF_E2E_SIGNALS` does not say. Each time takes some seconds.
const SIGNALS: usize = 10;

/// Moments are drawn from the clock, so that every run of this scenario tries others.
#[test]
fn after_signals_at_any_moment_gc_leaves_nothing_and_a_bystander_lives() {
    let count = match std::env::var("WHARF_E2E_SIGNALS") {
        Ok(text) => text.parse().expect("WHARF_E2E_SIGNALS is a number"),
        Err(_) => SIGNALS,
    };
    on_each_engine(|stage| {
        stage.write("docker-compose.test.yml", SMALL);
        stage.write(
            "bystander.yml",
            "services: {one: {image: debian:bookworm-slim, init: true, command: [sleep, \"1000000\"], volumes: [\"kept:/kept\"]}}\nvolumes: {kept: {}}\n",
        );
        let bystander = ["-f", "bystander.yml", "-p", &stage.project, "up"];
        stage.wharf_ok(&bystander);
        let before = stage.objects_of(&stage.project);
        let running = || {
            let filter = format!("com.docker.compose.project%3D{}", stage.project);
            let listed = stage.get(&format!(
                "/containers/json?filters=%7B%22label%22%3A%5B%22{filter}%22%5D%7D"
            ));
            (listed[0]["Id"].to_string(), listed[0]["State"].to_string())
        };
        let bystander = running();
        let strikes: [&[&str]; 5] = [&["KILL"], &["INT"], &["TERM"], &["INT", "INT"], &["HUP"]];
        let mut codes = std::collections::BTreeMap::<i32, usize>::new();
        // One that is left alone shows which moments there are.
        let began = Instant::now();
        let whole = start(stage, &[], "0.5");
        assert_eq!(ended(whole).code, 0);
        let whole = began.elapsed();
        for number in 0..count {
            let child = start(stage, &[], "0.5");
            let names = strikes[number % strikes.len()];
            for name in names {
                let now = std::time::SystemTime::now()
                    .duration_since(std::time::UNIX_EPOCH)
                    .expect("a clock");
                let share = f64::from(now.subsec_nanos()) / 1e9;
                std::thread::sleep(whole.mul_f64(share * 1.1 / names.len() as f64));
                signal(&child, name);
            }
            let run = ended(child);
            // Killed, interrupted, or quicker than the signal.
            assert!(matches!(run.code, -1 | 0 | 130), "{}", run.talk());
            *codes.entry(run.code).or_default() += 1;
        }
        let swept = stage.wharf_ok(&["gc"]);
        eprintln!(
            "{count} runs ended with {codes:?}; gc: {}",
            swept.stderr.trim()
        );
        assert_eq!(left(stage), Vec::<String>::new());
        assert_eq!(stage.objects_of(&stage.project), before);
        assert_eq!(running(), bystander);
    });
}

#[test]
fn the_next_run_sweeps_what_a_killed_one_has_left() {
    on_each_engine(|stage| {
        stage.write("docker-compose.test.yml", SMALL);
        let child = start(stage, &[], "1000");
        has_containers(stage);
        signal(&child, "KILL");
        ended(child);
        let run = test(stage, &[]);
        assert_eq!(run.code, 0, "{}", run.talk());
        assert_eq!(left(stage), Vec::<String>::new(), "{}", run.talk());
    });
}

/// Whoever develops need not run tests to get rid of what killed ones have left.
#[test]
fn up_and_down_sweep_what_a_killed_run_has_left() {
    on_each_engine(|stage| {
        stage.write("docker-compose.test.yml", SMALL);
        stage.write("alone.yml", "services: {one: {image: debian:bookworm-slim, init: true, command: [sleep, \"1000\"]}}\n");
        for verb in ["up", "down"] {
            let child = start(stage, &[], "1000");
            has_containers(stage);
            signal(&child, "KILL");
            ended(child);
            stage.wharf_ok(&["-f", "alone.yml", "-p", &stage.project, verb]);
            assert_eq!(left(stage), Vec::<String>::new(), "after {verb}");
        }
    });
}

#[test]
fn eight_runs_at_once_are_green_and_never_meet() {
    on_each_engine(|stage| {
        stage.write("docker-compose.test.yml", SMALL);
        let children: Vec<Child> = (0..8).map(|_| start(stage, &[], "0.2")).collect();
        for child in children {
            let run = ended(child);
            assert_eq!(run.code, 0, "{}", run.talk());
        }
        assert_eq!(left(stage), Vec::<String>::new());
    });
}

#[test]
fn a_stack_that_is_kept_can_be_looked_into_and_stays_until_it_is_removed() {
    on_each_engine(|stage| {
        stage.write(
            "docker-compose.test.yml",
            &SMALL.replace("echo done", "exit 1"),
        );
        let run = test(stage, &["--keep=on-failure"]);
        assert_eq!(run.code, 1, "{}", run.talk());
        let id = run
            .stderr
            .split("wharf shell --run ")
            .nth(1)
            .and_then(|rest| rest.split('`').next())
            .unwrap_or_else(|| panic!("{}", run.talk()))
            .to_owned();
        let looked = |arguments: &[&str]| {
            let mut command = stage.command(&[&["shell", "--run", &id], arguments].concat());
            let mut child = command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("wharf starts");
            let stdin = child.stdin.take().expect("standard input");
            std::io::Write::write_all(&mut &stdin, b"echo seen; test -e /ready && echo ready\n")
                .expect("the command");
            drop(stdin);
            ended(child)
        };
        assert_eq!(looked(&[]).stdout.trim(), "seen");
        assert_eq!(looked(&["db"]).stdout.trim(), "seen\nready");
        stage.wharf_ok(&["gc"]);
        assert_ne!(left(stage), Vec::<String>::new(), "kept is kept");
        stage.wharf_ok(&["gc", "--run", &id]);
        assert_eq!(left(stage), Vec::<String>::new());
    });
}

#[test]
fn the_next_run_takes_a_stack_that_stands_ready_and_no_test_has_touched() {
    on_each_engine(|stage| {
        stage.write("docker-compose.test.yml", SMALL);
        let ready = || {
            eventually("a stack stands ready", Duration::from_secs(120), || {
                let mut warm = stage.objects_with("wharf.warm");
                warm.retain(|object| object.contains(&stage.project));
                warm.first().cloned()
            })
        };
        let first = test(stage, &["--warm", "--output", "first"]);
        assert_eq!(first.code, 0, "{}", first.talk());
        let warm = ready();
        let second = test(stage, &["--warm", "--output", "second"]);
        assert_eq!(second.code, 0, "{}", second.talk());
        let path = stage.directory.path().join("second/summary.json");
        let summary: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).expect("a summary")).expect("JSON");
        assert_eq!(summary["jobs"][0]["warm"], true, "{}", second.talk());
        let other = eventually("another one stands ready", Duration::from_secs(120), || {
            let mut next = stage.objects_with("wharf.warm");
            next.retain(|object| object.contains(&stage.project) && *object != warm);
            next.first().cloned()
        });
        assert_ne!(other, warm);
        stage.wharf_ok(&["gc", "--warm"]);
        assert_eq!(left(stage), Vec::<String>::new());
    });
}

/// A run in the background, and what it says.
struct Watching<'s> {
    child: Child,
    log: std::path::PathBuf,
    stage: &'s Stage,
}

impl<'s> Watching<'s> {
    fn start(stage: &'s Stage) -> Self {
        let log = stage.directory.path().join("log");
        let out = std::fs::File::create(&log).expect("a log");
        let child = stage
            .command(&["-p", &stage.project, "test", "--watch"])
            .stdout(out.try_clone().expect("a file"))
            .stderr(out)
            .spawn()
            .expect("wharf starts");
        Watching { child, log, stage }
    }

    /// Waits until it has said these words so often; returns all that it has said.
    fn says(&self, words: &str, times: usize) -> String {
        eventually(words, Duration::from_secs(120), || {
            let text = std::fs::read_to_string(&self.log).unwrap_or_default();
            (text.matches(words).count() >= times).then_some(text)
        })
    }

    fn ends(self) {
        signal(&self.child, "INT");
        assert_eq!(ended(self.child).code, 0);
        assert_eq!(left(self.stage), Vec::<String>::new());
    }
}

#[test]
fn tests_run_again_when_their_files_change() {
    on_each_engine(|stage| {
        let text = SMALL
            .replace(
                "    depends_on:",
                "    volumes: [\"./src:/src:ro\"]\n    depends_on:",
            )
            .replace(
                "echo begun; sleep ${TESTS_TAKE:-0.2}; echo done",
                "cat /src/version",
            );
        stage.write("docker-compose.test.yml", &text);
        stage.write("src/version", "version one\n");
        stage.write("src/.gitignore", "*.tmp\n");
        let git = std::process::Command::new("git")
            .args(["init", "--quiet"])
            .current_dir(stage.directory.path())
            .status();
        assert!(git.expect("git starts").success());
        let watching = Watching::start(stage);
        watching.says("waiting for changes", 1);
        // What git ignores begins no round, and is no part of one.
        stage.write("src/a.tmp", "");
        stage.write("src/version", "version two\n");
        watching.says("version two", 1);
        let said = watching.says("waiting for changes", 2);
        assert!(!said.contains("a.tmp"), "{said}");
        watching.ends();
    });
}

/// Where the project says how, the backends are brought back to their first state, and the stack stays.
#[test]
fn tests_that_run_again_find_the_backends_as_they_were_at_first() {
    on_each_engine(|stage| {
        let text = SMALL
            .replace(
                "    depends_on:",
                "    volumes: [\"./src:/src:ro\", \"data:/data\"]\n    depends_on:",
            )
            .replace(
                "echo begun; sleep ${TESTS_TAKE:-0.2}; echo done",
                "cat /src/version; ls /data; touch /data/touched",
            )
            .replace(
                "{service: tests,",
                "{service: tests, reset: {service: db, command: [rm, /data/touched]},",
            );
        stage.write("docker-compose.test.yml", &text);
        stage.write("src/version", "version one\n");
        let backend = || {
            let mut objects = left(stage);
            objects.retain(|object| object.contains("-db-1"));
            objects
        };
        let watching = Watching::start(stage);
        watching.says("waiting for changes", 1);
        let before = backend();
        stage.write("src/version", "version two\n");
        watching.says("version two", 1);
        let said = watching.says("waiting for changes", 2);
        assert!(!said.contains("touched"), "{said}");
        assert_eq!(backend(), before, "{said}");
        watching.ends();
    });
}
