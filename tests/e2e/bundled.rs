//! The main job: the bundled stack, on real services.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::stage::{Run, Stage, eventually, finish, on_each_engine};

/// Who the tree belongs to when the tests run as root; the user that the bundled images are made for by default.
const USER: &str = "1000";

/// A copy of the bundled stack in the scenario's directory, so that it may be edited.
pub fn bundled(stage: &Stage) -> PathBuf {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copy = stage.directory.path().join("tree");
    std::fs::create_dir(&copy).expect("a directory for the tree");
    let mut copying = Command::new("cp");
    copying
        .args(["-a", "-t"])
        .arg(&copy)
        .arg(home.join("stacks"));
    for layer in ["base", "dev", "test", "prod"] {
        copying.arg(home.join(format!("docker-compose.{layer}.yml")));
    }
    copying.arg(home.join("docker-compose.yml"));
    assert!(copying.status().expect("cp").success());
    let mut giving = Command::new("chown");
    giving.args(["-R", &format!("{USER}:{USER}")]).arg(&copy);
    // Only root can give files away; anybody else owns the copy already.
    let given = giving
        .stderr(Stdio::null())
        .status()
        .expect("chown")
        .success();
    assert!(given || std::fs::metadata(&copy).expect("the copy").uid() != 0);
    copy
}

/// Runs wharf in a copy of the bundled stack, with the scenario's project name.
fn wharf(stage: &Stage, tree: &Path, arguments: &[&str]) -> Run {
    let named = [&["-p", &stage.project], arguments].concat();
    finish(stage.command_in(tree, &named))
}

#[track_caller]
fn wharf_ok(stage: &Stage, tree: &Path, arguments: &[&str]) -> Run {
    let run = wharf(stage, tree, arguments);
    assert_eq!(
        run.code,
        0,
        "wharf {arguments:?} on {}\n{}",
        stage.engine,
        run.talk()
    );
    run
}

/// Asks the app from inside: its port is published where the engine is, which need not be here.
fn http(
    stage: &Stage,
    tree: &Path,
    method: &str,
    path: &str,
    body: &str,
) -> (i32, serde_json::Value) {
    let url = format!("http://127.0.0.1:5000{path}");
    let script = "import json, sys, urllib.request, urllib.error\n\
        request = urllib.request.Request(sys.argv[2], method=sys.argv[1], data=sys.argv[3].encode() or None, headers={'Content-Type': 'application/json'})\n\
        try: answer = urllib.request.urlopen(request, timeout=20)\n\
        except urllib.error.HTTPError as error: answer = error\n\
        print(answer.status); print(answer.read().decode())";
    let run = wharf_ok(
        stage,
        tree,
        &[
            "exec", "-T", "dev", "app", "python3", "-c", script, method, &url, body,
        ],
    );
    let (status, text) = run.stdout.split_once('\n').expect("status and body");
    let body = serde_json::from_str(text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"));
    (status.trim().parse().expect("a status"), body)
}

fn resident(stage: &Stage, tree: &Path, login: &str) -> serde_json::Value {
    http(stage, tree, "GET", &format!("/residents/{login}"), "").1
}

/// The prod image has neither compiler nor package manager, and nothing of it runs as root.
#[test]
fn prod_is_built_without_what_it_does_not_need() {
    on_each_engine(|stage| {
        let tree = bundled(stage);
        wharf_ok(stage, &tree, &["build", "prod"]);
        let image = stage.get("/images/wharf-pycroft-prod:latest/json");
        let user = image["Config"]["User"].as_str().unwrap_or_default();
        assert!(!matches!(user, "" | "0" | "root" | "0:0"), "{user}");
        stage.write(
            "probe.yml",
            "services:\n  app:\n    image: wharf-pycroft-prod:latest\n",
        );
        for tool in ["gcc", "cc", "npm", "node", "pip"] {
            let find = format!("command -v {tool}");
            let arguments = [
                "-f",
                "probe.yml",
                "-p",
                &stage.project,
                "run",
                "--rm",
                "-T",
                "--entrypoint",
                "sh",
                "app",
                "-c",
                &find,
            ];
            let run = stage.wharf(&arguments);
            assert_ne!(run.code, 0, "{tool} is in the prod image: {}", run.talk());
            assert!(run.stdout.is_empty(), "{}", run.talk());
        }
    });
}

/// One command brings the application up with database, directory and queue; data survives `down`; files made in the
/// container belong to the caller; the prod image runs against the same backends without a compiler.
#[test]
fn dev_comes_up_keeps_its_data_and_goes_away() {
    on_each_engine(|stage| {
        let tree = bundled(stage);
        let up = wharf_ok(stage, &tree, &["up", "dev"]);
        for service in ["app", "worker", "db", "ldap", "mq"] {
            assert!(
                up.stdout.contains(service),
                "{service} is not in the table\n{}",
                up.talk()
            );
        }

        let (status, health) = http(stage, &tree, "GET", "/health", "");
        assert_eq!(status, 200, "{health}");
        for backend in ["db", "ldap", "mq"] {
            assert!(health.to_string().contains(backend), "{health}");
        }

        let again = wharf_ok(stage, &tree, &["up", "dev"]);
        assert!(again.stderr.contains("nothing to do"), "{}", again.talk());

        let (status, made) = http(
            stage,
            &tree,
            "POST",
            "/residents",
            r#"{"login": "ada", "name": "Ada Example", "email": "ada@example.org", "building": "A", "room": "1-01"}"#,
        );
        assert_eq!(status, 201, "{made}");
        let known = eventually(
            "the worker writes the entry",
            Duration::from_secs(60),
            || {
                let known = resident(stage, &tree, "ada");
                (known["ldap"]["present"] == true
                    && known["tasks"].as_array().is_some_and(|t| !t.is_empty()))
                .then_some(known)
            },
        );
        assert_eq!(known["login"], "ada");

        // The tree belongs to this user, so the app is this user, and so is what it writes.
        let id = wharf_ok(stage, &tree, &["exec", "-T", "dev", "app", "id", "-u"]);
        assert_eq!(id.stdout.trim(), USER);
        let made = "stacks/pycroft/app/made-by-the-app";
        wharf_ok(
            stage,
            &tree,
            &[
                "exec",
                "-T",
                "dev",
                "app",
                "touch",
                "/opt/pycroft/app/made-by-the-app",
            ],
        );
        let owner = std::fs::metadata(tree.join(made)).expect("the file").uid();
        assert_eq!(owner.to_string(), USER);

        wharf_ok(stage, &tree, &["down", "dev"]);
        let left = stage.objects_of(&stage.project);
        assert!(
            left.iter().all(|object| object.starts_with("volume ")),
            "{left:?}"
        );
        wharf_ok(stage, &tree, &["up", "dev"]);
        let known = resident(stage, &tree, "ada");
        assert_eq!(known["ldap"]["present"], true, "the data survives: {known}");

        wharf_ok(stage, &tree, &["down", "dev", "--volumes"]);
        assert_eq!(stage.objects_of(&stage.project), Vec::<String>::new());
    });
}

fn left_of_test_runs(stage: &Stage) -> Vec<String> {
    stage.objects_with("wharf.run")
}

/// The suite is green with real backends on tmpfs, the report lies on disk, and nothing is left.
#[test]
fn tests_run_in_a_copy_and_leave_nothing_behind() {
    on_each_engine(|stage| {
        let tree = bundled(stage);
        // Two at once: neither sees the other.
        let start = |output: &str| {
            let mut command = stage.command_in(&tree, &["test", "--output", output]);
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("wharf starts")
        };
        let both = [start("results"), start("others")];
        for (child, output) in both.into_iter().zip(["results", "others"]) {
            let run = Run::from(child.wait_with_output().expect("wharf ends"));
            assert_eq!(run.code, 0, "{}", run.talk());
            let report =
                std::fs::read_to_string(tree.join(output).join("junit.xml")).expect("the report");
            assert!(
                report.contains("<testsuite") && report.contains("integration"),
                "{report}"
            );
        }
        assert_eq!(left_of_test_runs(stage), Vec::<String>::new());

        // A failing test gives pytest's own code, and is as clean.
        let failing = tree.join("stacks/pycroft/app/tests/unit/test_broken.py");
        std::fs::write(&failing, "def test_broken():\n    assert 1 == 2\n").expect("the test");
        let run = finish(stage.command_in(&tree, &["test", "--", "-k", "test_broken"]));
        assert_eq!(run.code, 1, "{}", run.talk());
        assert!(run.stdout.contains("test_broken"), "{}", run.talk());
        assert_eq!(left_of_test_runs(stage), Vec::<String>::new());
    });
}

/// Ctrl-C in the middle ends the run with its own code and takes everything away.
#[test]
fn an_interrupted_test_run_cleans_up() {
    on_each_engine(|stage| {
        let tree = bundled(stage);
        let mut command = stage.command_in(&tree, &["test"]);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("wharf starts");
        eventually("the run makes containers", Duration::from_secs(600), || {
            left_of_test_runs(stage)
                .iter()
                .any(|object| object.starts_with("container "))
                .then_some(())
        });
        let id = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &id])
                .status()
                .expect("kill")
                .success()
        );
        let run = Run::from(child.wait_with_output().expect("wharf ends"));
        assert_eq!(run.code, 130, "{}", run.talk());
        assert_eq!(left_of_test_runs(stage), Vec::<String>::new());
    });
}
