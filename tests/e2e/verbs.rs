//! What the verbs owe to those who call them, on real engines; under the name of Compose too.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::stage::{Stage, eventually, finish as run, on_each_engine};

const CASCADE: &str = r#"
name: PROJECT
services:
  running:
    image: debian:bookworm-slim
    init: true
    command: [sleep, infinity]
  ends:
    image: debian:bookworm-slim
    command: [sh, -c, "echo to-out; echo to-err >&2"]
  fails:
    image: debian:bookworm-slim
    command: [sh, -c, "sleep 1; exit 42"]
"#;

fn state(stage: &Stage, service: &str) -> String {
    stage.container(service)["State"]["Status"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn the_failure_of_one_container_must_end_all_and_give_its_exit_code() {
    on_each_engine(|stage| {
        stage.write_project(CASCADE);
        let ended = run(stage.compose(&["up", "--abort-on-container-failure"]));
        assert_eq!(ended.code, 42, "{}{}", ended.stdout, ended.stderr);
        assert!(ended.stdout.contains("ends-1 exited with code 0"));
        assert!(ended.stdout.contains("fails-1 exited with code 42"));
        assert!(
            ended.stdout.contains("ends-1     | to-out"),
            "{}",
            ended.stdout
        );
        assert!(ended.stderr.contains("to-err"), "{}", ended.stderr);
        assert_eq!(state(stage, "running"), "exited");
    });
}

/// Behind a company's proxy, the Docker client's settings are all that containers know of it.
#[test]
fn containers_must_be_told_the_proxies_of_the_docker_client() {
    on_each_engine(|stage| {
        stage.write_project(
            r#"
name: PROJECT
services:
  one:
    image: debian:bookworm-slim
    environment: {http_proxy: ""}
"#,
        );
        stage.write(
            "client/config.json",
            r#"{"proxies": {"default": {"httpProxy": "http://proxy.example:3128", "noProxy": "localhost"}}}"#,
        );
        let mut command = stage.command(&["-f", "compose.yml", "run", "--rm", "-T", "one", "env"]);
        command.env("DOCKER_CONFIG", stage.directory.path().join("client"));
        let ran = run(command);
        assert_eq!(ran.code, 0, "{}", ran.talk());
        let mut told: Vec<&str> = ran
            .stdout
            .lines()
            .filter(|line| line.to_lowercase().contains("_proxy="))
            .collect();
        told.sort_unstable();
        let wanted = [
            "HTTP_PROXY=http://proxy.example:3128",
            "NO_PROXY=localhost",
            "http_proxy=",
            "no_proxy=localhost",
        ];
        assert_eq!(told, wanted);
    });
}

#[test]
fn the_exit_code_of_a_chosen_service_must_be_that_of_up() {
    on_each_engine(|stage| {
        stage.write_project(CASCADE);
        let arguments = ["-f", "compose.yml", "up", "--exit-code-from", "running"];
        let ended = stage.wharf(&arguments);
        assert_eq!(ended.code, 143, "{}", ended.talk());
        assert_eq!(state(stage, "running"), "exited");
    });
}

#[test]
fn ctrl_c_must_stop_what_an_attached_up_has_started_and_nothing_else() {
    on_each_engine(|stage| {
        stage.write_project(&CASCADE.replace("    init: true\n", "    init: true\n    depends_on: [below]\n")
                .replace("  ends:\n", "  below: {image: \"debian:bookworm-slim\", init: true, command: [sleep, infinity]}\n  ends:\n"),
        );
        let mut command = stage.compose(&["up", "running"]);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().expect("up");
        eventually("it runs", Duration::from_secs(60), || {
            (state(stage, "running") == "running").then_some(())
        });
        let id = child.id().to_string();
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .expect("kill");
        let output = child.wait_with_output().expect("its end");
        assert_eq!(output.status.code(), Some(130));
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("Gracefully Stopping..."), "{said}");
        assert_eq!(state(stage, "running"), "exited");
        assert_eq!(state(stage, "below"), "running");
    });
}

#[test]
fn compose_must_hear_its_own_words() {
    on_each_engine(|stage| {
        stage.write_project(CASCADE);
        let up = run(stage.compose(&["up", "-d", "running"]));
        let container = format!("Container {}-running-1", stage.project);
        assert_eq!((up.code, up.stdout.as_str()), (0, ""));
        assert!(
            up.stderr.contains(&format!("{container}  Started")),
            "{}",
            up.stderr
        );
        let again = run(stage.compose(&["up", "-d", "running"]));
        assert!(
            again.stderr.contains(&format!("{container}  Running")),
            "{}",
            again.stderr
        );
        let ps = run(stage.compose(&["ps", "--format", "{{.Service}}/{{upper .State}}"]));
        assert_eq!(ps.stdout.trim(), "running/RUNNING");
        for (arguments, code, words) in [
            (&["ps", "nosuch"][..], 1, "no such service: nosuch"),
            (
                &["exec", "ends", "true"],
                1,
                "service \"ends\" is not running",
            ),
            (&["up", "--nosuch"], 1, "unknown flag: --nosuch"),
        ] {
            let refused = run(stage.compose(arguments));
            assert_eq!(refused.code, code, "{arguments:?}");
            assert!(
                refused.stderr.contains(words),
                "{arguments:?}: {}",
                refused.stderr
            );
        }
        let down = run(stage.compose(&["down", "-t", "0"]));
        assert!(
            down.stderr.contains(&format!("{container}  Removed")),
            "{}",
            down.stderr
        );
        assert_eq!(stage.objects_of(&stage.project), Vec::<String>::new());
    });
}

#[test]
fn a_dry_run_must_make_nothing() {
    on_each_engine(|stage| {
        stage.write_project(CASCADE);
        let told = run(stage.compose(&["--dry-run", "up", "-d"]));
        assert_eq!(told.code, 0, "{}", told.stderr);
        let line = format!(
            " DRY-RUN MODE -  Container {}-running-1  Created",
            stage.project
        );
        assert!(told.stderr.contains(&line), "{}", told.stderr);
        assert_eq!(stage.objects_of(&stage.project), Vec::<String>::new());
    });
}

#[test]
fn changed_files_must_reach_the_container_and_removed_ones_must_go() {
    on_each_engine(|stage| {
        stage.write_project(
            r#"
name: PROJECT
services:
  app:
    image: debian:bookworm-slim
    init: true
    command: [sleep, infinity]
    develop:
      watch:
        - {action: sync, path: ./src, target: /app, ignore: ["*.tmp"]}
"#,
        );
        stage.write("src/first", "1");
        let mut watching = stage
            .command(&["-f", "compose.yml", "watch"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("watch");
        let seen = |path: &str| {
            let arguments = ["-f", "compose.yml", "exec", "-T", "app", "cat", path];
            let run = stage.wharf(&arguments);
            (run.code, run.stdout)
        };
        eventually("the file arrives", Duration::from_secs(90), || {
            stage.write("src/deep/second", "two");
            (seen("/app/deep/second") == (0, "two".to_owned())).then_some(())
        });
        stage.write("src/third.tmp", "3");
        std::fs::remove_file(stage.directory.path().join("src/deep/second")).expect("removal");
        eventually("the file goes", Duration::from_secs(60), || {
            (seen("/app/deep/second").0 != 0).then_some(())
        });
        assert_ne!(seen("/app/third.tmp").0, 0);
        watching.kill().expect("the end");
        watching.wait().expect("the end");
    });
}

#[test]
fn a_provider_must_hand_its_variables_to_those_who_depend_on_it() {
    on_each_engine(|stage| {
        let program = stage.write(
            "bin/tunnel",
            "#!/bin/sh\necho \"$@\" >> calls\necho '{\"type\": \"setenv\", \"message\": \"URL=https://x\"}'\n",
        );
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, executable).expect("permissions");
        stage.write_project(
            r#"
name: PROJECT
services:
  far: {provider: {type: tunnel, options: {name: db}}}
  app:
    image: debian:bookworm-slim
    command: [sh, -c, "echo got=$$FAR_URL"]
    depends_on: [far]
"#,
        );
        let path = format!(
            "{}:{}",
            stage.directory.path().join("bin").display(),
            std::env::var("PATH").unwrap_or_default()
        );
        let with_path = |arguments: &[&str]| {
            let mut command = stage.compose(arguments);
            command.env("PATH", &path);
            run(command)
        };
        let up = with_path(&["up"]);
        assert!(
            up.stdout.contains("got=https://x"),
            "{}{}",
            up.stdout,
            up.stderr
        );
        assert_eq!(with_path(&["down"]).code, 0);
        let calls = std::fs::read_to_string(stage.directory.path().join("calls")).expect("calls");
        let name = &stage.project;
        assert_eq!(
            calls,
            format!(
                "compose --project-name={name} up --name=db far\ncompose --project-name={name} down --name=db far\n"
            )
        );
    });
}
