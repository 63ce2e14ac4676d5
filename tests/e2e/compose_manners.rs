//! Called as `docker-compose`, wharf owes what programs expect of Compose: names, words, streams and exit codes.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::stage::{Run, Stage, eventually, fine, finish as run, on_each_engine};

const TWO: &str = r#"
name: PROJECT
services:
  stays:
    image: debian:bookworm-slim
    init: true
    command: [sleep, infinity]
  ends:
    image: debian:bookworm-slim
    command: [sh, -c, "echo to-out; echo to-err >&2"]
"#;

fn called(stage: &Stage, arguments: &[&str]) -> Run {
    run(stage.compose(arguments))
}

fn with(stage: &Stage, variable: (&str, &str), arguments: &[&str]) -> Run {
    let mut command = stage.compose(arguments);
    command.env(variable.0, variable.1);
    run(command)
}

#[test]
fn a_named_project_must_be_what_its_containers_say_whatever_files_lie_here() {
    on_each_engine(|stage| {
        let project = stage.project.as_str();
        stage.write_project(TWO);
        fine(&called(stage, &["up", "-d"]));
        stage.write("compose.yml", "services: {other: {image: nothing}}\n");
        for (verb, words) in [
            ("pause", ""),
            ("stop", ""),
            ("kill", "no container to kill"),
            ("rm", "No stopped containers"),
        ] {
            let passed_over = called(stage, &["-p", project, verb, "nosuch"]);
            fine(&passed_over);
            assert!(passed_over.stderr.contains(words), "{}", passed_over.stderr);
        }
        let unpaused = called(stage, &["-p", project, "unpause", "stays"]);
        assert_eq!(unpaused.code, 1, "{}", unpaused.stderr);
        fine(&called(stage, &["-p", project, "down", "-t", "0"]));
        assert_eq!(stage.objects_of(project), Vec::<String>::new());
        let started = called(stage, &["-p", project, "start"]);
        assert_eq!(started.code, 1);
        assert!(started.stderr.contains("no container found for project"));
    });
}

#[test]
fn what_run_leaves_must_be_told_as_orphan_and_go_with_down() {
    on_each_engine(|stage| {
        stage.write_project(TWO);
        let first = called(stage, &["run", "ends", "true"]);
        fine(&first);
        assert!(!first.stderr.contains("orphan"), "{}", first.stderr);
        let second = called(
            stage,
            &["run", "--env-from-file", "compose.env", "ends", "env"],
        );
        assert!(second.stderr.contains("compose.env"), "{}", second.stderr);
        stage.write("compose.env", "FROM_FILE=yes\n");
        let third = called(
            stage,
            &["run", "--env-from-file", "compose.env", "ends", "env"],
        );
        fine(&third);
        assert!(third.stdout.contains("FROM_FILE=yes"), "{}", third.stdout);
        assert!(
            third.stderr.contains("Found orphan containers"),
            "{}",
            third.stderr
        );
        let silent = with(
            stage,
            ("COMPOSE_IGNORE_ORPHANS", "true"),
            &["run", "--quiet", "-i=false", "ends", "true"],
        );
        fine(&silent);
        assert!(!silent.stderr.contains("orphan"), "{}", silent.stderr);
        fine(&called(stage, &["down"]));
        assert_eq!(stage.objects_of(&stage.project), Vec::<String>::new());
    });
}

#[test]
fn a_dependency_that_is_not_required_must_be_told_as_skipped() {
    on_each_engine(|stage| {
        stage.write_project(&TWO.replace(
            "  ends:\n",
            "  ends:\n    depends_on: {stays: {condition: service_healthy, required: false}}\n",
        ));
        let up = called(stage, &["up", "-d"]);
        fine(&up);
        let words = " optional dependency \"stays\" failed to start";
        assert!(up.stderr.contains(words), "{}", up.stderr);
    });
}

#[test]
fn a_donor_of_volumes_that_is_gone_must_be_missed() {
    on_each_engine(|stage| {
        stage.write_project(&TWO.replace("  ends:\n", "  ends:\n    volumes_from: [stays]\n"));
        fine(&called(stage, &["up", "-d"]));
        fine(&called(stage, &["rm", "-fs", "stays"]));
        let alone = called(stage, &["up", "-d", "--no-deps", "ends"]);
        assert_eq!(alone.code, 1);
        let words = "cannot share volume with service stays: container missing";
        assert!(alone.stderr.contains(words), "{}", alone.stderr);
    });
}

#[test]
fn resources_that_no_service_uses_must_come_when_they_are_asked_for() {
    on_each_engine(|stage| {
        stage.write_project("name: PROJECT\nvolumes: {vol: {}}\nnetworks: {net: {}}\n");
        let nothing = called(stage, &["up"]);
        assert_eq!(nothing.code, 1);
        assert!(
            nothing.stderr.contains("no service selected"),
            "{}",
            nothing.stderr
        );
        let all = called(stage, &["--all-resources", "up"]);
        fine(&all);
        for object in ["Volume", "Network"] {
            let name = if object == "Volume" { "vol" } else { "net" };
            let line = format!("{object} {}_{name}  Created", stage.project);
            assert!(all.stderr.contains(&line), "{}", all.stderr);
        }
        fine(&called(stage, &["down", "-v"]));
    });
}

#[test]
fn down_must_pass_over_what_others_use() {
    on_each_engine(|stage| {
        let (project, other) = (&stage.project, format!("{}o", stage.project));
        let volume = format!("{project}-shared");
        let service = "image: debian:bookworm-slim, init: true, command: [sleep, infinity], volumes: ['data:/data']";
        stage.write(
            "compose.yml",
            &format!("name: {project}\nservices: {{app: {{{service}}}}}\nvolumes: {{data: {{name: {volume}}}}}\n"),
        );
        stage.write(
            "other.yml",
            &format!("name: {other}\nservices: {{app: {{{service}}}}}\nvolumes: {{data: {{name: {volume}, external: true}}}}\n"),
        );
        fine(&called(stage, &["up", "-d"]));
        fine(&called(stage, &["-f", "other.yml", "up", "-d"]));
        let down = called(stage, &["down", "-v", "-t", "0"]);
        let others = called(stage, &["-f", "other.yml", "down", "-t", "0"]);
        fine(&down);
        fine(&others);
        let kept = format!(" Volume {volume}  Resource is still in use");
        assert!(down.stderr.contains(&kept), "{}", down.stderr);
        assert!(!down.stderr.contains(&format!("{volume}  Removed")));
        assert_eq!(stage.objects_of(project).len(), 1);
        fine(&called(stage, &["down", "-v"]));
        assert_eq!(stage.objects_of(project), Vec::<String>::new());
    });
}

#[test]
fn rm_must_ask() {
    on_each_engine(|stage| {
        stage.write_project(TWO);
        fine(&called(stage, &["create"]));
        let unanswered = called(stage, &["rm"]);
        fine(&unanswered);
        assert!(
            unanswered.stdout.contains("Going to remove"),
            "{}",
            unanswered.stdout
        );
        assert!(!stage.objects_of(&stage.project).is_empty());
        let mut command = stage.compose(&["rm", "-v", "stays"]);
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut asking = command.spawn().expect("rm");
        let mut input = asking.stdin.take().expect("its input");
        input.write_all(b"y\n").expect("an answer");
        drop(input);
        let output = asking.wait_with_output().expect("its end");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("stays-1  Removed"), "{said}");
    });
}

#[test]
fn the_command_line_must_be_read_as_compose_reads_it() {
    on_each_engine(|stage| {
        stage.write_project(TWO);
        let project = &stage.project;
        let up = with(
            stage,
            ("COMPOSE_STATUS_STDOUT", "1"),
            &["--compatibility", "up", "--detach=true", "--no-deps=false"],
        );
        fine(&up);
        let name = format!("Container {project}_stays_1  Started");
        assert!(up.stdout.contains(&name), "{}{}", up.stdout, up.stderr);
        eventually("both streams are data", Duration::from_secs(60), || {
            let logs = called(stage, &["logs", "--no-log-prefix=true", "ends"]);
            (logs.stdout.contains("to-out\n") && logs.stdout.contains("to-err\n")).then_some(())
        });
        // As the Docker CLI calls a plugin, its own options first.
        let mut plugin = Command::new(stage.directory.path().join("docker-compose"));
        plugin
            .args(["-H", &stage.address, "--log-level", "error", "compose"])
            .args(["ps", "--format", "{{.Name}}", "stays"])
            .current_dir(stage.directory.path())
            .stdin(Stdio::null());
        assert_eq!(run(plugin).stdout.trim(), format!("{project}_stays_1"));
        for (arguments, words) in [
            (
                &["bridge", "x"][..],
                "unknown docker command: \"compose bridge x\"",
            ),
            (
                &["port", "stays"],
                "requires at least 2 arg(s), only received 1",
            ),
            (&["run", "--nosuch", "stays"], "unknown flag: --nosuch"),
            (
                &["exec", "nosuch", "true"],
                "service \"nosuch\" is not running",
            ),
            (&["-f", "no.yml", "ps"], "no.yml: no such file or directory"),
        ] {
            let refused = called(stage, arguments);
            assert_eq!(refused.code, 1, "{arguments:?}");
            assert!(
                refused.stderr.contains(words),
                "{arguments:?}: {}",
                refused.stderr
            );
        }
        fine(&called(stage, &["down", "-t", "0"]));
    });
}

#[test]
fn export_commit_and_port_must_find_only_what_runs() {
    on_each_engine(|stage| {
        stage.write_project(&TWO.replace("  stays:\n", "  stays:\n    expose: ['81']\n"));
        fine(&called(stage, &["up", "-d", "stays"]));
        let exposed = called(stage, &["port", "stays", "81"]);
        fine(&exposed);
        assert_eq!(exposed.stdout, ":0\n");
        let image = format!("{}-committed", stage.project);
        let committed = called(stage, &["commit", "stays", &image]);
        fine(&committed);
        assert!(
            committed.stderr.contains(" Committed as sha256:"),
            "{}",
            committed.talk()
        );
        stage.remove_image(&image);
        fine(&called(stage, &["stop", "-t", "0"]));
        for arguments in [
            &["port", "stays", "81"][..],
            &["commit", "stays", &image],
            &["export", "-o", "x.tar", "stays"],
        ] {
            let refused = called(stage, arguments);
            assert_eq!(refused.code, 1, "{}", refused.talk());
            assert_eq!(refused.stderr, "service \"stays\" is not running\n");
        }
    });
}

#[test]
fn a_pull_that_fails_must_say_why_once() {
    on_each_engine(|stage| {
        stage.write_project("name: PROJECT\nservices: {web: {image: \"localhost:9/no/such:1\"}}\n");
        let up = called(stage, &["up", "-d"]);
        assert_eq!(up.code, 1, "{}", up.talk());
        assert!(up.stderr.contains(" web Error"), "{}", up.talk());
        assert_eq!(
            up.stderr.matches("localhost:9/v2").count(),
            1,
            "{}",
            up.talk()
        );
        let last = up.stderr.lines().last().unwrap_or_default();
        assert!(last.starts_with("Error response from daemon: "), "{last}");
        assert_eq!(stage.objects_of(&stage.project), Vec::<String>::new());
    });
}

#[test]
fn lists_must_pass_over_services_that_are_not_there() {
    on_each_engine(|stage| {
        stage.write_project(TWO);
        fine(&called(stage, &["up", "-d", "stays"]));
        for verb in [
            &["images", "nosuch"][..],
            &["top", "nosuch"],
            &["stats", "--no-stream", "nosuch"],
        ] {
            let listed = called(stage, verb);
            fine(&listed);
            assert!(listed.stdout.lines().count() <= 1, "{}", listed.stdout);
            let named = [&["-f", "compose.yml"], verb].concat();
            let refused = stage.wharf(&named);
            assert_eq!(refused.code, 2, "{verb:?}: {}", refused.talk());
        }
        let some = called(stage, &["images", "nosuch", "stays"]);
        fine(&some);
        assert!(some.stdout.contains("stays-1"), "{}", some.stdout);
        fine(&called(stage, &["down", "-t", "0"]));
    });
}

#[test]
fn a_container_must_carry_the_hash_that_label_files_give_it() {
    on_each_engine(|stage| {
        // Others would have other paths, and so other hashes.
        stage.write_project(&TWO.replace("  ends:\n", "  ends:\n    label_file: [a.labels]\n"));
        stage.write("a.labels", "from.file=1\n");
        fine(&called(stage, &["up", "-d"]));
        let container = stage.get(&format!("/containers/{}-ends-1/json", stage.project));
        let labels = &container["Config"]["Labels"];
        assert_eq!(labels["from.file"], "1");
        let hashed = called(stage, &["config", "--hash", "ends,stays"]);
        fine(&hashed);
        let own = labels["com.docker.compose.config-hash"]
            .as_str()
            .unwrap_or_default();
        // The file counts in what `up` records, and only what it says in what `config` prints.
        assert!(
            own.len() == 64 && !hashed.stdout.contains(own),
            "{}",
            hashed.stdout
        );
        fine(&called(stage, &["down", "-t", "0"]));
    });
}

#[test]
fn services_that_do_not_run_together_may_name_their_containers_alike() {
    on_each_engine(|stage| {
        let name = format!("{}-either", stage.project);
        let named = format!("  ends:\n    container_name: {name}\n");
        let text = TWO
            .replace(
                "  stays:\n",
                &format!("  stays:\n    container_name: {name}\n"),
            )
            .replace("  ends:\n", &named);
        stage.write_project(&text);
        let both = called(stage, &["up", "-d"]);
        assert_eq!(both.code, 1, "{}", both.talk());
        let words = format!("container name {name:?} is already in use");
        assert!(both.stderr.contains(&words), "{}", both.talk());
        fine(&called(stage, &["up", "ends"]));
        fine(&called(stage, &["down"]));
        fine(&called(stage, &["up", "-d", "stays"]));
        fine(&called(stage, &["down", "-t", "0"]));
    });
}

#[test]
fn containers_must_be_told_as_a_project() {
    on_each_engine(|stage| {
        let ports = "  stays:\n    ports: ['127.0.0.1::80']\n    volumes: ['data:/data']\n";
        let volumes = "\nvolumes: {data: {}}\n";
        stage.write_project(&(TWO.replace("  stays:\n", ports) + volumes));
        fine(&called(stage, &["create"]));
        let project = &stage.project;
        let name = format!("{project}-stays-1");
        let told = called(stage, &["alpha", "generate", "--name", "again", &name]);
        fine(&told);
        for line in [
            "name: again\n",
            "  stays:\n",
            "      - host_ip: 127.0.0.1\n        target: 80\n",
            &format!("        source: {project}_data\n        target: /data\n"),
            &format!("  {project}_default: {{}}\n"),
        ] {
            assert!(told.stdout.contains(line), "{line}: {}", told.talk());
        }
        assert!(!told.stdout.contains("  ends:\n"), "{}", told.talk());
        let nothing = called(stage, &["alpha", "generate", "nosuch"]);
        assert_eq!(nothing.code, 1);
        let words = "no container(s) found with the following name(s): nosuch";
        assert!(nothing.stderr.contains(words), "{}", nothing.talk());
        fine(&called(stage, &["down", "-v"]));
    });
}
