//! What `wharf test` owes to those who run it: a verdict that can be trusted, and what is needed to understand it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::stage::{Run, Stage, eventually, finish, on_each_engine};

/// A backend and a service for tests, on an image that every engine has. `BACKEND`, `CHECK`, `SCRIPT` and `MORE` are
/// what a scenario makes of it.
const PROJECT: &str = r#"
services:
  db:
    image: debian:bookworm-slim
    init: true
    command: [sh, -c, 'BACKEND']
    healthcheck: {test: [CMD, sh, -c, 'CHECK'], interval: 1s, timeout: 30s, retries: 2}
    environment: {DB_PASSWORD: hidden-from-all}
    volumes: ["shared:/shared"]
  tests:
    image: debian:bookworm-slim
    depends_on: {db: {condition: service_healthy}}
    volumes: ["shared:/shared"]
    EXTRA
volumes: {shared: {}}
x-wharf:
  test:
    service: tests
    command: [sh, -c, 'SCRIPT', sh]
    artifacts: {junit: /junit.xml}
    MORE
"#;

struct Play<'p> {
    backend: &'p str,
    check: &'p str,
    script: &'p str,
    extra: &'p str,
    more: &'p str,
}

impl Default for Play<'_> {
    fn default() -> Self {
        Play {
            backend: "touch /ready; exec sleep 1000",
            check: "test -e /ready",
            script: "exit 0",
            extra: "",
            more: "",
        }
    }
}

impl Play<'_> {
    fn write(&self, stage: &Stage) {
        let text = PROJECT
            .replace("BACKEND", self.backend)
            .replace("CHECK", self.check)
            .replace("SCRIPT", &self.script.replace('$', "$$"))
            .replace("EXTRA", self.extra)
            .replace("MORE", self.more);
        stage.write("docker-compose.test.yml", &text);
    }

    fn run(&self, stage: &Stage, arguments: &[&str]) -> Run {
        self.write(stage);
        test(stage, arguments)
    }
}

pub fn test(stage: &Stage, arguments: &[&str]) -> Run {
    finish(stage.command(&[&["-p", &stage.project, "test"], arguments].concat()))
}

/// What the engine has of this scenario's test runs.
pub fn left(stage: &Stage) -> Vec<String> {
    let mut left = stage.objects_with("wharf.run");
    left.retain(|object| object.contains(&stage.project));
    left
}

fn results(stage: &Stage) -> PathBuf {
    stage.directory.path().join("results")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn summary(stage: &Stage) -> serde_json::Value {
    serde_json::from_str(&read(&results(stage).join("summary.json"))).expect("JSON")
}

/// The run must end with this code and verdict, say so in its summary, and leave nothing on the engine.
#[track_caller]
fn ends(stage: &Stage, play: &Play<'_>, arguments: &[&str], code: i32, verdict: &str) -> Run {
    let run = play.run(stage, &[&["--output", "results"], arguments].concat());
    assert_eq!(run.code, code, "on {}\n{}", stage.engine, run.talk());
    assert_eq!(summary(stage)["verdict"], verdict, "{}", run.talk());
    assert_eq!(left(stage), Vec::<String>::new());
    run
}

const FAILING_REPORT: &str = "echo \"<testsuites><testsuite name=\\\"s\\\" tests=\\\"1\\\" failures=\\\"1\\\"><testcase classname=\\\"c\\\" name=\\\"t\\\"><failure message=\\\"1 is not 2\\\">here.py:3: AssertionError</failure></testcase></testsuite></testsuites>\" > /junit.xml";

#[test]
fn a_failing_test_gives_its_own_code_and_everything_to_understand_it() {
    on_each_engine(|stage| {
        let script = format!("echo out of the tests; {FAILING_REPORT}; exit 3");
        let play = Play {
            script: &script,
            backend: "echo the backend speaks; touch /ready; exec sleep 1000",
            ..Play::default()
        };
        let run = ends(stage, &play, &[], 3, "failed");
        assert!(run.stdout.contains("out of the tests"), "{}", run.talk());
        let results = results(stage);
        assert!(read(&results.join("junit.xml")).contains("1 is not 2"));
        assert!(!results.join("infrastructure.xml").exists());
        assert!(read(&results.join("logs/db-1.log")).contains("the backend speaks"));
        assert!(read(&results.join("plan.txt")).contains("db-1"));
        let containers = read(&results.join("containers.json"));
        assert!(
            containers.contains("\"probes\"") && containers.contains("sha256:"),
            "{containers}"
        );
        let project = read(&results.join("project.yml"));
        assert!(
            project.contains("DB_PASSWORD") && !project.contains("hidden-from-all"),
            "{project}"
        );
        let text = read(&results.join("summary.md"));
        assert!(text.contains("`c::t`: 1 is not 2"), "{text}");
        assert_eq!(summary(stage)["tests"]["failed"], 1);
    });
}

#[test]
fn a_backend_that_crashes_in_the_middle_is_no_failing_test() {
    on_each_engine(|stage| {
        let play = Play {
            backend: "touch /ready; until test -e /shared/started; do sleep 0.1; done; echo last words; exit 9",
            script: "touch /shared/started; sleep 3; exit 1",
            ..Play::default()
        };
        let run = ends(stage, &play, &[], 6, "infrastructure");
        assert!(
            run.stderr.contains("service `db` ended with exit code 9"),
            "{}",
            run.talk()
        );
        let xml = read(&results(stage).join("infrastructure.xml"));
        assert!(
            xml.contains("wharf infrastructure") && xml.contains("last words"),
            "{xml}"
        );
    });
}

/// A restart policy must not make a crash look like a failing test, nor must a timeout.
#[test]
fn a_backend_that_is_started_again_after_its_crash_is_no_failing_test() {
    on_each_engine(|stage| {
        let play = Play {
            backend: "touch /ready; until test -e /shared/started; do sleep 0.1; done; rm /shared/started; echo last words; exit 9",
            script: "touch /shared/started; while test -e /shared/started; do sleep 0.1; done; exec sleep 1000",
            extra: "init: true",
            more: "timeout: 4s",
            ..Play::default()
        };
        play.write(stage);
        let path = stage.directory.path().join("docker-compose.test.yml");
        let text = read(&path).replace("    healthcheck:", "    restart: always\n    healthcheck:");
        stage.write("docker-compose.test.yml", &text);
        let run = test(stage, &["--output", "results"]);
        assert_eq!(run.code, 6, "{}", run.talk());
        for words in [
            "service `db` ended and was started again",
            "did not end in time",
            "last words",
        ] {
            assert!(run.stderr.contains(words), "{words}\n{}", run.talk());
        }
        assert_eq!(left(stage), Vec::<String>::new());
    });
}

#[test]
fn a_backend_that_never_gets_healthy_is_no_failing_test() {
    on_each_engine(|stage| {
        let play = Play {
            check: "echo not yet; false",
            ..Play::default()
        };
        let run = ends(stage, &play, &[], 6, "infrastructure");
        assert!(
            run.stderr.contains("unhealthy") && run.stderr.contains("not yet"),
            "{}",
            run.talk()
        );
        assert!(read(&results(stage).join("infrastructure.xml")).contains("unhealthy"));
    });
}

#[test]
fn an_image_that_is_not_there_is_no_failing_test() {
    on_each_engine(|stage| {
        let play = Play {
            extra: "platform: linux/amd64\n  other: {image: \"wharf-e2e-nowhere:none\", pull_policy: never}",
            more: "needs: [db, other]",
            ..Play::default()
        };
        let run = ends(stage, &play, &[], 6, "infrastructure");
        assert!(
            run.stderr.contains("wharf-e2e-nowhere:none"),
            "{}",
            run.talk()
        );
    });
}

#[test]
fn tests_that_take_too_long_are_stopped_with_a_code_of_their_own() {
    on_each_engine(|stage| {
        // They are told, and may write down how far they have come.
        let script =
            format!("stop() {{ {FAILING_REPORT}; exit 1; }}; trap stop INT; sleep 1000 & wait");
        let play = Play {
            script: &script,
            more: "timeout: 2s",
            ..Play::default()
        };
        ends(stage, &play, &[], 124, "timed-out");
        assert!(read(&results(stage).join("infrastructure.xml")).contains("longer than 2 s"));
        assert!(read(&results(stage).join("junit.xml")).contains("1 is not 2"));
        // Results of an earlier run in the same directory are not those of this one.
        let play = Play {
            more: "needs: false",
            ..Play::default()
        };
        let run = ends(stage, &play, &[], 0, "passed");
        let infrastructure = read(&results(stage).join("infrastructure.xml"));
        assert!(
            infrastructure.contains("the tests left no `/junit.xml`")
                && infrastructure.contains("failures=\"0\"")
                && !infrastructure.contains("longer than 2 s"),
            "{infrastructure}"
        );
        assert!(!read(&results(stage).join("junit.xml")).contains("1 is not 2"));
        assert!(
            run.stderr.contains("the tests left no `/junit.xml`"),
            "{}",
            run.talk()
        );
    });
}

/// Two checkouts give what they build the same name; each has to test its own.
#[test]
fn two_checkouts_never_run_each_others_images() {
    const BUILT: &str = "services: {tests: {build: ., init: true, volumes: [\"./gate:/gate:ro\"]}}\nx-wharf: {test: {service: tests, command: [sh, -c, 'until test $$WHARF_ATTEMPT = 2 || test -e /gate/open; do sleep 0.1; done; cat /version; exit $$((2 - WHARF_ATTEMPT))'], retries: 1}}\n";
    on_each_engine(|stage| {
        for name in ["one", "other"] {
            stage.write(&format!("{name}/docker-compose.test.yml"), BUILT);
            stage.write(
                &format!("{name}/Dockerfile"),
                "FROM debian:bookworm-slim\nCOPY version /version\n",
            );
            stage.write(&format!("{name}/version"), &format!("version of {name}\n"));
        }
        stage.write("one/gate/shut", "");
        stage.write("other/gate/open", "");
        let checkout = |name: &str| {
            let directory = stage.directory.path().join(name);
            stage.command_in(&directory, &["-p", &stage.project, "test"])
        };
        let first = checkout("one")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("wharf starts");
        eventually("the first run tests", Duration::from_secs(120), || {
            let objects = left(stage);
            objects
                .iter()
                .any(|object| object.contains("tests-1-1"))
                .then_some(())
        });
        let run = finish(checkout("other"));
        assert!(run.stdout.contains("version of other"), "{}", run.talk());
        assert!(!run.stdout.contains("version of one"), "{}", run.talk());
        stage.write("one/gate/open", "");
        let run = Run::from(first.wait_with_output().expect("wharf ends"));
        assert_eq!(run.code, 0, "{}", run.talk());
        assert_eq!(
            run.stdout.matches("version of one").count(),
            2,
            "{}",
            run.talk()
        );
        assert!(!run.stdout.contains("version of other"), "{}", run.talk());
        assert_eq!(left(stage), Vec::<String>::new());
        stage.remove_image(&format!("{}-tests", stage.project));
    });
}

#[test]
fn tests_that_run_out_of_memory_are_told_from_those_that_fail() {
    on_each_engine(|stage| {
        let play = Play {
            script: "tail /dev/zero",
            extra: "mem_limit: 24m\n    memswap_limit: 24m",
            ..Play::default()
        };
        let run = play.run(stage, &["--output", "results"]);
        assert!(run.stderr.contains("ran out of memory"), "{}", run.talk());
        assert!(read(&results(stage).join("infrastructure.xml")).contains("out of memory"));
        assert_eq!(left(stage), Vec::<String>::new());
    });
}

#[test]
fn ports_are_free_ones_and_the_tests_are_told() {
    on_each_engine(|stage| {
        let play = Play {
            extra: "healthcheck: {disable: true}\n  web: {image: debian:bookworm-slim, init: true, command: [sleep, \"1000\"], container_name: taken, ports: [\"127.0.0.1:18080:80\"]}",
            more: "needs: [web]",
            script: "echo \"at $WHARF_ADDRESS_WEB_80\"; test -n \"$WHARF_PORT_WEB_80\" && test \"$WHARF_PORT_WEB_80\" != 18080",
            ..Play::default()
        };
        let run = ends(stage, &play, &[], 0, "passed");
        let port = summary(stage)["jobs"][0]["ports"][0]["host_port"].to_string();
        assert!(
            run.stdout.contains(&format!("at 127.0.0.1:{port}")),
            "{}",
            run.talk()
        );
        assert!(run.stderr.contains("web 80/tcp is at"), "{}", run.talk());
    });
}

#[test]
fn a_suite_starts_only_what_it_needs_and_takes_its_defaults() {
    on_each_engine(|stage| {
        let play = Play {
            more: "suites: {unit: {needs: false}, integration: {}, slow: {default: false, command: [sh, -c, \"exit 9\"]}}",
            ..Play::default()
        };
        ends(stage, &play, &["unit"], 0, "passed");
        assert!(!read(&results(stage).join("plan.txt")).contains("db-1"));
        ends(stage, &play, &[], 0, "passed");
        let names: Vec<String> = summary(stage)["jobs"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|job| job["name"].to_string())
            .collect();
        assert_eq!(names, ["\"unit\"", "\"integration\""]);
        assert!(read(&results(stage).join("integration/plan.txt")).contains("db-1"));
        ends(stage, &play, &["test", "slow"], 9, "failed");
        let run = test(stage, &["unti"]);
        assert_eq!(run.code, 2, "{}", run.talk());
        assert!(
            run.stderr.contains("did you mean `unit`?"),
            "{}",
            run.talk()
        );
    });
}

#[test]
fn a_test_that_passes_when_it_is_run_again_is_flaky() {
    on_each_engine(|stage| {
        let script = format!(
            "if test \"$WHARF_ATTEMPT\" = 1; then {FAILING_REPORT}; exit 1; fi; echo \"<testsuites><testsuite name=\\\"s\\\" tests=\\\"1\\\"><testcase classname=\\\"c\\\" name=\\\"t\\\"/></testsuite></testsuites>\" > /junit.xml"
        );
        let play = Play {
            script: &script,
            more: "retries: 2",
            ..Play::default()
        };
        let run = ends(stage, &play, &[], 0, "passed");
        assert!(run.stderr.contains("attempt 2 of 3"), "{}", run.talk());
        assert!(read(&results(stage).join("junit.xml")).contains("flakyFailure"));
        assert!(read(&results(stage).join("attempt-1/junit.xml")).contains("1 is not 2"));
        assert_eq!(summary(stage)["tests"]["flaky"], 1);
        ends(stage, &play, &["--retries", "0"], 1, "failed");
    });
}

#[test]
fn an_artifact_may_be_a_pattern() {
    on_each_engine(|stage| {
        let play = Play {
            script: "mkdir -p /out/in; cd /out; echo 1 > a.tmp; ln a.tmp b.png; echo 2 > in/c.png; ln -s /etc/passwd d.png; echo 3 > e.txt",
            more: "suites: {one: {artifacts: {shots: \"/out/**/*.png\", text: \"ou?/*.txt\", none: \"/out/*.jpg\"}}}",
            ..Play::default()
        };
        ends(stage, &play, &[], 0, "passed");
        let results = results(stage);
        assert_eq!(read(&results.join("shots/b.png")), "1\n");
        assert_eq!(read(&results.join("shots/in/c.png")), "2\n");
        assert!(!results.join("shots/d.png").exists());
        assert!(!results.join("shots/a.tmp").exists());
        // Below the root, which is where these tests begin.
        assert_eq!(read(&results.join("text/out/e.txt")), "3\n");
        let missing = summary(stage)["jobs"][0]["missing"].clone();
        assert_eq!(missing, serde_json::json!(["`none` (`/out/*.jpg`)"]));
    });
}

#[test]
fn every_value_of_a_matrix_and_every_shard_has_a_stack_of_its_own() {
    on_each_engine(|stage| {
        let play = Play {
            extra: "labels: {value: \"${FLAVOUR:-none}\"}",
            script: "echo \"flavour $FLAVOUR shard $WHARF_SHARD of $WHARF_SHARDS\"",
            more: "matrix: {FLAVOUR: [sweet, sour]}",
            ..Play::default()
        };
        let run = ends(stage, &play, &["--parallel", "2"], 0, "passed");
        for line in [
            "flavour sweet shard 1 of 2",
            "flavour sweet shard 2 of 2",
            "flavour sour shard 1 of 2",
            "flavour sour shard 2 of 2",
        ] {
            assert!(run.stdout.contains(line), "{line}\n{}", run.talk());
        }
        let projects: std::collections::BTreeSet<String> = summary(stage)["jobs"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|job| job["project"].to_string())
            .collect();
        assert_eq!(projects.len(), 4);
        let part = ends(stage, &play, &["--shards", "3/3"], 0, "passed");
        assert!(
            part.stdout.contains("flavour sour shard 3 of 3"),
            "{}",
            part.talk()
        );
    });
}

/// The second value makes the files wrong, which is known only after the tests with the first one ran.
#[test]
fn what_ran_before_a_failure_that_ends_all_has_results() {
    on_each_engine(|stage| {
        let play = Play {
            extra: "ports: [\"${PORT:-80}\"]",
            more: "matrix: {PORT: [\"80\", \"none\"]}",
            ..Play::default()
        };
        play.write(stage);
        let run = test(stage, &["--output", "results"]);
        assert_eq!(run.code, 3, "{}", run.talk());
        let summary = summary(stage);
        assert_eq!(summary["verdict"], "infrastructure", "{}", run.talk());
        assert_eq!(summary["jobs"][0]["verdict"], "passed", "{}", run.talk());
        assert_eq!(left(stage), Vec::<String>::new());
    });
}

#[test]
fn github_is_told_where_a_test_failed() {
    on_each_engine(|stage| {
        let script = format!("{FAILING_REPORT}; exit 1");
        Play {
            script: &script,
            more: "needs: false",
            ..Play::default()
        }
        .write(stage);
        stage.write("here.py", "\n\nassert 1 == 2\n");
        let step = stage.write("step.md", "");
        let mut command = stage.command(&["-p", &stage.project, "test"]);
        command
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_STEP_SUMMARY", &step);
        let run = finish(command);
        assert_eq!(run.code, 1, "{}", run.talk());
        let annotation = "::error file=here.py,line=3,title=c%3A%3At::1 is not 2";
        assert!(run.stderr.contains(annotation), "{}", run.talk());
        assert!(read(&step).contains("## Tests failed"));
    });
}
