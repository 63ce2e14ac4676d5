//! Whoever ends wharf, and whenever: the next run understands what is there and converges.

use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::stage::{Stage, on_each_engine};

const STACK: &str = r#"
name: PROJECT
services:
  db:
    image: debian:bookworm-slim
    init: true
    command: [sleep, "1000"]
    environment: {LEVEL: "LEVEL_NOW"}
    healthcheck: {test: ["CMD", "true"], interval: 1s}
    volumes: ["data:/data"]
  app:
    image: debian:bookworm-slim
    init: true
    command: [sleep, "1000"]
    depends_on: {db: {condition: service_healthy, restart: true}}
  side:
    image: debian:bookworm-slim
    init: true
    command: [sleep, "1000"]
    network_mode: service:db
volumes: {data: {}}
"#;

fn write(stage: &Stage, level: u64) {
    let text = STACK.replace("PROJECT", &stage.project);
    stage.write(
        "compose.yml",
        &text.replace("LEVEL_NOW", &level.to_string()),
    );
}

/// The next of a row of numbers that one seed gives.
fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// `WHARF_E2E_SEED` plays a failure again.
fn seed() -> u64 {
    let given = std::env::var("WHARF_E2E_SEED").ok();
    let seed = given.and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or(1, |now| now.as_nanos() as u64 | 1)
    });
    eprintln!("WHARF_E2E_SEED={seed}");
    seed
}

/// Names, states and levels of the containers, and the other objects.
fn end_state(stage: &Stage) -> Vec<String> {
    let mut state = stage.objects_of(&stage.project);
    for service in ["db", "app", "side"] {
        let one = stage.get(&format!("/containers/{}-{service}-1/json", stage.project));
        let mode = one["HostConfig"]["NetworkMode"]
            .as_str()
            .unwrap_or_default();
        let db = stage.get(&format!("/containers/{}-db-1/json", stage.project));
        let is_tied = mode.strip_prefix("container:") == db["Id"].as_str();
        state.push(format!(
            "{service} {} {} tied={is_tied}",
            one["State"]["Status"], one["Config"]["Env"]
        ));
    }
    state.sort();
    state
}

fn moments() -> u64 {
    let given = std::env::var("WHARF_E2E_MOMENTS").ok();
    given.and_then(|count| count.parse().ok()).unwrap_or(10)
}

/// An `up` killed at any moment must leave what the next one makes whole. Ten moments; `WHARF_E2E_MOMENTS=50` takes longer.
#[test]
fn up_killed_at_random_moments_ends_as_if_nothing_had_been() {
    on_each_engine(|stage| {
        let mut seed = seed();
        write(stage, 0);
        stage.wharf_ok(&["-f", "compose.yml", "up"]);
        for round in 1..=moments() {
            write(stage, round);
            let before = stage.objects_of(&stage.project);
            let mut child = stage
                .command(&["-f", "compose.yml", "up"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("wharf starts");
            std::thread::sleep(Duration::from_millis(next(&mut seed) % 2000));
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
            stage.wharf_ok(&["-f", "compose.yml", "up"]);
            let level = format!("LEVEL={round}");
            let state = end_state(stage);
            assert!(
                state.iter().any(|line| line.contains(&level)),
                "round {round}: {state:#?}"
            );
            assert_eq!(
                stage.objects_of(&stage.project).len(),
                before.len(),
                "{state:#?}"
            );
            let running = state.iter().filter(|line| line.contains("running")).count();
            assert_eq!(running, 3, "round {round}: {state:#?}");
            assert!(
                state
                    .iter()
                    .any(|line| line.starts_with("side") && line.ends_with("tied=true")),
                "round {round}: {state:#?}"
            );
            // Every third time one is killed that begins with nothing.
            if round % 3 == 0 {
                stage.wharf_ok(&["-f", "compose.yml", "down", "-t", "0"]);
                let mut child = stage
                    .command(&["-f", "compose.yml", "up"])
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .expect("wharf starts");
                std::thread::sleep(Duration::from_millis(next(&mut seed) % 1500));
                let _ = child.kill();
                let _ = child.wait();
                stage.wharf_ok(&["-f", "compose.yml", "up"]);
            }
        }
        stage.wharf_ok(&["-f", "compose.yml", "down", "--volumes", "-t", "0"]);
        assert_eq!(stage.objects_of(&stage.project), Vec::<String>::new());
    });
}

/// The first Ctrl-C or SIGTERM must end `up` soon, undo nothing, and say how to go on.
#[test]
fn an_interrupt_ends_the_wait_and_undoes_nothing() {
    on_each_engine(|stage| {
        let slow = STACK.replace("PROJECT", &stage.project);
        let slow = slow.replace(r#"["CMD", "true"]"#, r#"["CMD", "test", "-e", "/never"]"#);
        let slow = slow.replace("interval: 1s", "interval: 1s, retries: 1000");
        stage.write("compose.yml", &slow);
        for signal in ["-INT", "-TERM"] {
            let child = stage
                .command(&["-f", "compose.yml", "up"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("wharf starts");
            crate::stage::eventually("the db runs", Duration::from_secs(30), || {
                let path = format!("/containers/{}-db-1/json", stage.project);
                (stage.get(&path)["State"]["Running"] == true).then_some(())
            });
            let killed = std::process::Command::new("kill")
                .args([signal, &child.id().to_string()])
                .status();
            assert!(killed.is_ok_and(|status| status.success()));
            let output = child.wait_with_output().expect("it ends");
            let talk = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(130), "{talk}");
            assert!(talk.contains("run the same command again"), "{talk}");
            let db = stage.get(&format!("/containers/{}-db-1/json", stage.project));
            assert_eq!(db["State"]["Running"], true, "{talk}");
            stage.wharf_ok(&["-f", "compose.yml", "down", "-t", "0"]);
        }
    });
}
