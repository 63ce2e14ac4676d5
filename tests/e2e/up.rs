//! What `up` owes to those who run it, on real engines.

use std::time::Duration;

use crate::stage::{Stage, eventually, on_each_engine};

const BASE: &str = r#"
name: PROJECT
services:
  db:
    image: debian:bookworm-slim
    init: true
    command: [sh, -c, "sleep 0.3; touch /ready; exec sleep 1000"]
    healthcheck: {test: [CMD, test, -e, /ready], interval: 2s}
    volumes: ["data:/data"]
  migrate:
    image: debian:bookworm-slim
    command: [sh, -c, "echo migrated >> /data/log"]
    volumes: ["data:/data"]
    depends_on: {db: {condition: service_healthy}}
  app:
    image: debian:bookworm-slim
    init: true
    command: [sleep, "1000"]
    network_mode: service:db
    environment: {LEVEL: one}
    volumes: [/anonymous]
    depends_on:
      db: {condition: service_healthy}
      migrate: {condition: service_completed_successfully}
volumes: {data: {}}
"#;

fn id(stage: &Stage, service: &str) -> String {
    stage.container(service)["Id"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_stack_comes_up_in_order_and_goes_away_without_a_trace() {
    on_each_engine(|stage| {
        stage.write_project(BASE);
        stage.wharf_ok(&["-f", "compose.yml", "up"]);
        assert_eq!(stage.container("migrate")["State"]["ExitCode"], 0);
        let migrated = stage.container("migrate")["State"]["FinishedAt"].to_string();
        let started = stage.container("app")["State"]["StartedAt"].to_string();
        assert!(migrated < started, "{migrated} is not before {started}");
        let mode = stage.container("app")["HostConfig"]["NetworkMode"].to_string();
        assert!(mode.contains(&id(stage, "db")), "{mode}");
        stage.wharf_ok(&["-f", "compose.yml", "down", "--volumes"]);
        assert_eq!(stage.objects_of(&stage.project), Vec::<String>::new());
    });
}

#[test]
fn a_second_up_must_change_nothing() {
    on_each_engine(|stage| {
        stage.write_project(BASE);
        stage.wharf_ok(&["-f", "compose.yml", "up"]);
        let services = ["db", "migrate", "app"];
        let state = |service: &&str| {
            let one = stage.container(service);
            (one["Id"].to_string(), one["State"]["StartedAt"].to_string())
        };
        let before: Vec<_> = services.iter().map(state).collect();
        stage.wharf_ok(&["-f", "compose.yml", "up"]);
        let after: Vec<_> = services.iter().map(state).collect();
        assert_eq!(before, after);
    });
}

#[test]
fn a_changed_service_is_replaced_with_those_tied_to_it_and_keeps_its_data() {
    on_each_engine(|stage| {
        stage.write_project(BASE);
        stage.wharf_ok(&["-f", "compose.yml", "up"]);
        let volume = |stage: &Stage| {
            stage.container("app")["Mounts"][0]["Name"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let (db, app, anonymous) = (id(stage, "db"), id(stage, "app"), volume(stage));
        // Only the app changes.
        stage.write_project(&BASE.replace("LEVEL: one", "LEVEL: two"));
        stage.wharf_ok(&["-f", "compose.yml", "up"]);
        assert_eq!(id(stage, "db"), db);
        let changed = id(stage, "app");
        assert_ne!(changed, app);
        assert_eq!(volume(stage), anonymous);
        // The namespace's owner changes: the app must follow.
        stage.write_project(&BASE.replace("sleep 0.3", "sleep 0.2"));
        stage.wharf_ok(&["-f", "compose.yml", "up"]);
        assert_ne!(id(stage, "db"), db);
        assert_ne!(id(stage, "app"), changed);
        let mode = stage.container("app")["HostConfig"]["NetworkMode"].to_string();
        assert!(mode.contains(&id(stage, "db")), "{mode}");
        assert_eq!(volume(stage), anonymous);
    });
}

#[test]
fn an_unhealthy_service_must_end_up_at_once_with_its_last_words() {
    on_each_engine(|stage| {
        stage.write_project(
            r#"
name: PROJECT
services:
  db:
    image: debian:bookworm-slim
    init: true
    command: [sh, -c, "echo I am the database; exec sleep 1000"]
    healthcheck: {test: [CMD-SHELL, "echo no disk; exit 4"], interval: 300ms, retries: 2}
  app:
    image: debian:bookworm-slim
    command: [sleep, "1000"]
    depends_on: {db: {condition: service_healthy}}
"#,
        );
        let run = stage.wharf(&["-f", "compose.yml", "up"]);
        assert_eq!(run.code, 5, "{}", run.talk());
        for part in [
            "db",
            "unhealthy",
            "no disk",
            "exit code 4",
            "I am the database",
            "`app` waited",
        ] {
            assert!(run.stderr.contains(part), "no `{part}`: {}", run.talk());
        }
    });
}

#[test]
fn up_killed_at_any_moment_is_healed_by_the_next() {
    on_each_engine(|stage| {
        stage.write_project(BASE);
        for millis in [40, 150, 300, 600, 1200] {
            let mut child = stage
                .command(&["-f", "compose.yml", "up"])
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .expect("wharf starts");
            std::thread::sleep(Duration::from_millis(millis));
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
            stage.write_project(&BASE.replace("sleep 0.3", &format!("sleep 0.{millis}")));
        }
        stage.wharf_ok(&["-f", "compose.yml", "up"]);
        let names: Vec<String> = stage
            .objects_of(&stage.project)
            .into_iter()
            .filter(|object| object.starts_with("container"))
            .collect();
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(names.iter().all(|name| !name.contains('_')), "{names:?}");
        stage.wharf_ok(&["-f", "compose.yml", "down", "--volumes"]);
        assert_eq!(stage.objects_of(&stage.project), Vec::<String>::new());
    });
}

#[test]
fn a_container_removed_by_hand_comes_back() {
    on_each_engine(|stage| {
        stage.write_project(BASE);
        stage.wharf_ok(&["-f", "compose.yml", "up"]);
        let db = id(stage, "db");
        let socket = stage.address.trim_start_matches("unix://");
        let removed = std::process::Command::new("curl")
            .args(["-sS", "-X", "DELETE", "--unix-socket", socket])
            .arg(format!("http://engine/containers/{db}?force=1"))
            .status()
            .expect("curl");
        assert!(removed.success());
        stage.wharf_ok(&["-f", "compose.yml", "up"]);
        assert_ne!(id(stage, "db"), db);
        eventually("the app runs again", Duration::from_secs(20), || {
            (stage.container("app")["State"]["Running"] == true).then_some(())
        });
    });
}

/// Engine 20.10 makes a network twice when a killed call and the next one meet; then no name means one any more.
#[test]
fn a_network_that_was_made_twice_is_healed() {
    on_each_engine(|stage| {
        stage.write_project(BASE);
        stage.wharf_ok(&["-f", "compose.yml", "up"]);
        let name = format!("{}_default", stage.project);
        let twin = serde_json::json!({
            "Name": name,
            "CheckDuplicate": false,
            "Labels": {
                "com.docker.compose.project": stage.project,
                "com.docker.compose.network": "default",
            },
        });
        let socket = stage.address.trim_start_matches("unix://");
        let made = std::process::Command::new("curl")
            .args([
                "-sS",
                "--unix-socket",
                socket,
                "-H",
                "Content-Type: application/json",
            ])
            .args(["-d", &twin.to_string(), "http://engine/networks/create"])
            .output()
            .expect("curl");
        let answer = String::from_utf8_lossy(&made.stdout).into_owned();
        let networks = || {
            let objects = stage.objects_of(&stage.project);
            objects
                .iter()
                .filter(|object| object.starts_with("network "))
                .count()
        };
        // Later engines refuse, which is as good.
        assert!(
            networks() == 2 || answer.contains("already exists"),
            "{answer}"
        );
        stage.wharf_ok(&["-f", "compose.yml", "up"]);
        assert_eq!(networks(), 1, "{answer}");
        stage.wharf_ok(&["-f", "compose.yml", "down", "--volumes"]);
        assert_eq!(stage.objects_of(&stage.project), Vec::<String>::new());
    });
}

#[test]
fn a_name_that_is_held_is_told_with_its_line_before_anything_is_made() {
    on_each_engine(|stage| {
        let held = format!("{}-held", stage.project);
        let services = |name: &str| {
            format!(
                "name: PROJECT\nservices:\n  {name}:\n    image: debian:bookworm-slim\n    init: true\n    command: [sleep, \"1000\"]\n    network_mode: none\n    container_name: {held}\n"
            )
        };
        stage.write_project(&services("old"));
        stage.wharf_ok(&["-f", "compose.yml", "up"]);
        let before = stage.objects_of(&stage.project);
        stage.write_project(&services("new"));
        for verb in ["plan", "up"] {
            let run = stage.wharf(&["-f", "compose.yml", verb]);
            assert_ne!(run.code, 0, "{}", run.talk());
            assert!(
                run.stderr.contains("error[container-name-taken]")
                    && run.stderr.contains("compose.yml:8:21")
                    && run.stderr.contains("of service `old`"),
                "{}",
                run.talk()
            );
        }
        assert_eq!(stage.objects_of(&stage.project), before);
        // What holds the name goes first.
        stage.wharf_ok(&["-f", "compose.yml", "up", "--remove-orphans"]);
        let name = stage.get(&format!("/containers/{held}/json"))["Config"]["Labels"]["com.docker.compose.service"].clone();
        assert_eq!(name, "new");
    });
}
