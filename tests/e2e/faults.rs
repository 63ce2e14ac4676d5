//! What the world does to a project meanwhile: each time a message that names it, no leak, and a second run that heals.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::stage::{Stage, eventually, finish, on_each_engine};

const STACK: &str = r#"
name: PROJECT
services:
  db:
    image: debian:bookworm-slim
    init: true
    command: [sleep, "1000"]
    environment: {LEVEL: one}
  app:
    image: debian:bookworm-slim
    init: true
    command: [sleep, "1000"]
    depends_on: {db: {condition: service_started, restart: true}}
  side:
    image: debian:bookworm-slim
    init: true
    command: [sleep, "1000"]
    network_mode: service:db
"#;

/// A call of the engine with a body; returns the answer.
fn call(stage: &Stage, method: &str, path: &str, body: &str) -> String {
    let socket = stage.address.trim_start_matches("unix://");
    let output = Command::new("curl")
        .args([
            "-sS",
            "--max-time",
            "30",
            "-X",
            method,
            "--unix-socket",
            socket,
        ])
        .args(["-H", "Content-Type: application/json", "-d", body])
        .arg(format!("http://engine{path}"))
        .output()
        .expect("curl");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A container that is none of the project's, connected to a network.
fn stranger(stage: &Stage, network: &str) -> String {
    let name = format!("{}-stranger", stage.project);
    let body = serde_json::json!({
        "Image": "debian:bookworm-slim",
        "Cmd": ["sleep", "100"],
        "HostConfig": {"NetworkMode": network},
    });
    call(
        stage,
        "POST",
        &format!("/containers/create?name={name}"),
        &body.to_string(),
    );
    call(stage, "POST", &format!("/containers/{name}/start"), "");
    name
}

/// A network that others use must stay, and whoever uses it must be named.
#[test]
fn down_names_the_foreign_container_that_holds_its_network() {
    on_each_engine(|stage| {
        stage.write_project(STACK);
        stage.wharf_ok(&["-f", "compose.yml", "up"]);
        let name = stranger(stage, &format!("{}_default", stage.project));
        let run = stage.wharf(&["-f", "compose.yml", "down", "-t", "0"]);
        call(stage, "DELETE", &format!("/containers/{name}?force=1"), "");
        assert_eq!(run.code, 5, "{}", run.talk());
        assert!(run.stderr.contains(&format!("`{name}`")), "{}", run.talk());
        stage.wharf_ok(&["-f", "compose.yml", "down", "-t", "0"]);
        assert_eq!(stage.objects_of(&stage.project), Vec::<String>::new());
    });
}

/// Those outside of the selection must follow when what they live in is replaced.
#[test]
fn who_lives_in_a_replaced_namespace_follows_although_nobody_named_it() {
    on_each_engine(|stage| {
        stage.write_project(STACK);
        stage.wharf_ok(&["-f", "compose.yml", "up"]);
        let started = stage.container("app")["State"]["StartedAt"].clone();
        stage.write_project(&STACK.replace("LEVEL: one", "LEVEL: two"));
        stage.wharf_ok(&["-f", "compose.yml", "up", "db"]);
        let db = stage.container("db");
        let side = stage.container("side");
        let mode = format!("container:{}", db["Id"].as_str().unwrap_or_default());
        assert_eq!(side["HostConfig"]["NetworkMode"], mode);
        assert_eq!(side["State"]["Running"], true);
        assert_ne!(stage.container("app")["State"]["StartedAt"], started);
        let plan = stage.wharf_ok(&["-f", "compose.yml", "plan", "--detailed-exitcode"]);
        assert!(plan.stdout.contains("nothing to do"), "{}", plan.talk());
    });
}

/// A plan must name the field, both values, and the line of the new one.
#[test]
fn a_plan_says_where_the_new_value_is_written() {
    on_each_engine(|stage| {
        stage.write_project(STACK);
        stage.wharf_ok(&["-f", "compose.yml", "up"]);
        stage.write_project(&STACK.replace("LEVEL: one", "LEVEL: two"));
        let plan = stage.wharf(&["-f", "compose.yml", "plan", "--detailed-exitcode"]);
        assert_eq!(plan.code, 4, "{}", plan.talk());
        let line = "environment.LEVEL: one -> two (compose.yml:8)";
        assert!(plan.stdout.contains(line), "{}", plan.talk());
        let json = stage.wharf_ok(&["-f", "compose.yml", "plan", "--format", "json"]);
        let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
        let places: Vec<&serde_json::Value> = json["steps"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|step| step["cause"]["fields"][0].get("place"))
            .collect();
        assert!(places.iter().all(|place| place["line"] == 8), "{json}");
        assert!(!places.is_empty(), "{json}");
    });
}

/// A plan made before its images exist must be good once they do.
#[test]
fn a_plan_written_before_the_build_is_applied_after_it() {
    on_each_engine(|stage| {
        let text = STACK.replace(
            "image: debian:bookworm-slim\n    init: true\n    command: [sleep, \"1000\"]\n    environment",
            "build: {dockerfile_inline: \"FROM debian:bookworm-slim\\nRUN touch /built\"}\n    init: true\n    command: [sleep, \"1000\"]\n    environment",
        );
        stage.write_project(&text);
        let image = format!("{}-db", stage.project);
        stage.wharf_ok(&["-f", "compose.yml", "plan", "--out", "p.json"]);
        stage.wharf_ok(&["-f", "compose.yml", "apply", "p.json"]);
        assert_eq!(stage.container("db")["State"]["Running"], true);
        let again = stage.wharf(&["-f", "compose.yml", "apply", "p.json"]);
        stage.wharf_ok(&["-f", "compose.yml", "down", "-t", "0"]);
        stage.remove_image(&image);
        assert_eq!(again.code, 5, "{}", again.talk());
        assert!(again.stderr.contains("not as it was"), "{}", again.talk());
    });
}

/// A second wharf must not change what a first one is changing, and must say who that is.
#[test]
fn two_wharfs_on_one_project_take_turns() {
    on_each_engine(|stage| {
        let slow = STACK.replace(
            "environment: {LEVEL: one}",
            "healthcheck: {test: [CMD, test, -e, /open], interval: 1s, retries: 100}",
        );
        stage.write_project(&slow);
        let mut first = stage
            .command(&["-f", "compose.yml", "up"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("wharf starts");
        eventually("the db runs", Duration::from_secs(30), || {
            (stage.container("db")["State"]["Running"] == true).then_some(())
        });
        let refused = stage.wharf(&["-f", "compose.yml", "stop"]);
        let looked = stage.wharf(&["-f", "compose.yml", "ps"]);
        let bounded = stage.wharf(&["-f", "compose.yml", "stop", "--wait-lock=200ms"]);
        let waiting = stage.command(&["-f", "compose.yml", "down", "-t", "0", "--wait-lock"]);
        let waiting = std::thread::spawn(move || finish(waiting));
        stage.wharf_ok(&["-f", "compose.yml", "exec", "-T", "db", "touch", "/open"]);
        let ended = first.wait().expect("it ends");
        let waited = waiting.join().expect("it ends");
        assert!(ended.success());
        assert_eq!((refused.code, looked.code, bounded.code), (5, 0, 5));
        let who = format!("process {}", first.id());
        assert!(refused.stderr.contains(&who), "{}", refused.talk());
        assert_eq!(waited.code, 0, "{}", waited.talk());
        assert_eq!(stage.objects_of(&stage.project), Vec::<String>::new());
    });
}

/// A project that another directory has started must not be taken over, nor taken away, unless that is said.
#[test]
fn a_second_clone_leaves_the_first_ones_containers_alone() {
    on_each_engine(|stage| {
        stage.write_project(STACK);
        stage.wharf_ok(&["-f", "compose.yml", "up"]);
        let clone = stage.write(
            "clone/compose.yml",
            &STACK.replace("PROJECT", &stage.project),
        );
        let clone = clone.parent().expect("a parent");
        for verb in ["up", "down", "stop"] {
            let run = finish(stage.command_in(clone, &["-f", "compose.yml", verb]));
            assert_eq!(run.code, 5, "{verb}: {}", run.talk());
            assert!(run.stderr.contains("--take-over"), "{}", run.talk());
            assert!(run.stderr.contains("/clone`"), "{}", run.talk());
        }
        assert_eq!(stage.container("db")["State"]["Running"], true);
        let run = finish(stage.command_in(clone, &["-f", "compose.yml", "--take-over", "up"]));
        assert_eq!(run.code, 0, "{}", run.talk());
    });
}

/// A port that somebody takes between plan and apply must be named with its holder; nothing is left of it afterwards.
#[test]
fn a_port_taken_after_the_plan_is_named_and_heals() {
    on_each_engine(|stage| {
        let port = 20_000 + std::process::id() % 20_000;
        let text = STACK.replace(
            "environment: {LEVEL: one}",
            &format!("ports: [\"127.0.0.1:{port}:80\"]"),
        );
        stage.write_project(&text);
        stage.wharf_ok(&["-f", "compose.yml", "plan", "--out", "p.json"]);
        let name = format!("{}-thief", stage.project);
        let body = serde_json::json!({
            "Image": "debian:bookworm-slim",
            "Cmd": ["sleep", "100"],
            "ExposedPorts": {"80/tcp": {}},
            "HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": port.to_string()}]}},
        });
        call(
            stage,
            "POST",
            &format!("/containers/create?name={name}"),
            &body.to_string(),
        );
        call(stage, "POST", &format!("/containers/{name}/start"), "");
        let run = stage.wharf(&["-f", "compose.yml", "apply", "p.json"]);
        call(stage, "DELETE", &format!("/containers/{name}?force=1"), "");
        assert_eq!(run.code, 5, "{}", run.talk());
        assert!(run.stderr.contains(&format!("`{name}`")), "{}", run.talk());
        assert!(run.stderr.contains(&port.to_string()), "{}", run.talk());
        stage.wharf_ok(&["-f", "compose.yml", "up"]);
        stage.wharf_ok(&["-f", "compose.yml", "down", "-t", "0"]);
        assert_eq!(stage.objects_of(&stage.project), Vec::<String>::new());
    });
}

/// An image that goes between plan and apply must be named.
#[test]
fn an_image_removed_after_the_plan_is_named() {
    on_each_engine(|stage| {
        let image = format!("{}-gone:1", stage.project);
        let repository = format!("{}-gone", stage.project);
        let tag = |stage: &Stage| {
            let path = format!("/images/debian:bookworm-slim/tag?repo={repository}&tag=1");
            call(stage, "POST", &path, "")
        };
        tag(stage);
        let text = STACK.replacen("debian:bookworm-slim", &image, 1);
        stage.write_project(&text);
        stage.wharf_ok(&["-f", "compose.yml", "plan", "--out", "p.json"]);
        stage.remove_image(&image);
        let run = stage.wharf(&["-f", "compose.yml", "apply", "p.json"]);
        assert_eq!(run.code, 5, "{}", run.talk());
        assert!(run.stderr.contains(&image), "{}", run.talk());
        tag(stage);
        stage.wharf_ok(&["-f", "compose.yml", "up"]);
        stage.wharf_ok(&["-f", "compose.yml", "down", "-t", "0"]);
        stage.remove_image(&image);
        assert_eq!(stage.objects_of(&stage.project), Vec::<String>::new());
    });
}

/// A container that somebody removes while it is waited for must end the wait at once, by name.
#[test]
fn a_container_removed_while_it_is_waited_for_is_named() {
    on_each_engine(|stage| {
        let slow = STACK.replace(
            "environment: {LEVEL: one}",
            "healthcheck: {test: [CMD, test, -e, /never], interval: 1s, retries: 1000}",
        );
        stage.write_project(&slow);
        let up = stage
            .command(&["-f", "compose.yml", "up"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("wharf starts");
        eventually("the db runs", Duration::from_secs(30), || {
            (stage.container("db")["State"]["Running"] == true).then_some(())
        });
        // The gate is what it is in by then.
        std::thread::sleep(Duration::from_millis(800));
        call(
            stage,
            "DELETE",
            &format!("/containers/{}-db-1?force=1", stage.project),
            "",
        );
        let output = up.wait_with_output().expect("it ends");
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(5), "{talk}");
        assert!(talk.contains("`db`") && talk.contains("-db-1"), "{talk}");
        stage.write_project(STACK);
        stage.wharf_ok(&["-f", "compose.yml", "up"]);
    });
}

/// A probe that hangs must hold neither the gate nor other probes: here the first one never ends, the next ones do.
#[test]
fn a_probe_that_hangs_does_not_hold_the_gate() {
    on_each_engine(|stage| {
        stage.write_project(r#"
name: PROJECT
services:
  db:
    image: debian:bookworm-slim
    init: true
    command: [sleep, "1000"]
    healthcheck:
      test: [CMD-SHELL, "mkdir /first 2>/dev/null && sleep 100; mkdir /second 2>/dev/null && sleep 100; true"]
      interval: 2s
      timeout: 90s
"#,
        );
        let began = std::time::Instant::now();
        stage.wharf_ok(&["-f", "compose.yml", "up"]);
        // Ninety seconds are what the hung probe itself has: anything clearly below shows that it was not waited for.
        assert!(began.elapsed() < Duration::from_secs(60));
    });
}
