//! The four stacks below `stacks/` beside the bundled one: each suite of each is green, and what their READMEs promise holds.

use std::path::{Path, PathBuf};

use crate::bundled::bundled;
use crate::stage::{Run, Stage, finish, on_each_engine};

/// A wharf command on a stack of a copy of the repository, as the scenario's project.
fn wharf(stage: &Stage, tree: &Path, stack: &str, arguments: &[&str]) -> Run {
    let named = [&["--stack", stack, "-p", &stage.project], arguments].concat();
    let mut command = stage.command_in(tree, &named);
    command
        .env("DOCKER_SOCKET", stage.address.trim_start_matches("unix://"))
        .env("APP_TOKEN", "only-for-tests");
    if stack == "deployer" {
        command
            .env("WHARF_FROM", "binary")
            .env("WHARF_BINARY", program(stage))
            .env("WORK", tree);
    }
    finish(command)
}

#[track_caller]
fn wharf_ok(stage: &Stage, tree: &Path, stack: &str, arguments: &[&str]) -> Run {
    let run = wharf(stage, tree, stack, arguments);
    let engine = &stage.engine;
    assert_eq!(
        run.code,
        0,
        "{stack} {arguments:?} on {engine}\n{}",
        run.talk()
    );
    run
}

/// A directory that holds the program under test and nothing else.
fn program(stage: &Stage) -> PathBuf {
    let directory = stage.directory.path().join("program");
    if !directory.exists() {
        std::fs::create_dir(&directory).expect("a directory for the program");
        std::fs::copy(env!("CARGO_BIN_EXE_wharf"), directory.join("wharf")).expect("the program");
    }
    directory
}

/// The suites are green, say so in a report, and leave nothing.
fn suites_are_green(stack: &str, checks: &[&str]) {
    on_each_engine(|stage| {
        let tree = bundled(stage);
        wharf_ok(stage, &tree, stack, &["test", "--output", "results"]);
        let mut reports = Vec::new();
        texts_below(&tree, "junit.xml", &mut reports);
        for check in checks {
            assert!(
                reports.iter().any(|report| report.contains(check)),
                "{check} is in no report of {stack}: {reports:?}"
            );
        }
        let mut left = stage.objects_with("wharf.run");
        left.retain(|object| object.contains(&stage.project));
        assert_eq!(left, Vec::<String>::new());
    });
}

/// The content of every file of this name below a directory.
fn texts_below(directory: &Path, name: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            texts_below(&path, name, found);
        } else if path.ends_with(name) {
            found.push(std::fs::read_to_string(&path).expect("a text"));
        }
    }
}

/// Three services answer, to each other and to a browser.
#[test]
fn components_are_green() {
    suites_are_green(
        "components",
        &[
            "test_every_component_says_how_it_is",
            "test_a_job_that_is_typed_in_appears_with_its_value",
        ],
    );
}

/// Every phase is reached over ssh from the one before, and agrees with its image.
#[test]
fn phases_are_green() {
    suites_are_green(
        "phases",
        &["test_e2e_config", "test_e2e_release", "test_e2e_run"],
    );
}

/// wharf works in its image, on an engine outside of it.
#[test]
fn the_deployer_is_green() {
    on_each_engine(|stage| {
        let tree = bundled(stage);
        let run = wharf_ok(stage, &tree, "deployer", &["test"]);
        for line in [
            "ok      the owner of /work is who runs",
            "ok: up, bind mounts, ownership, no change the second time",
        ] {
            assert!(run.stdout.contains(line), "{line}\n{}", run.talk());
        }
    });
}

/// An edit of one component rebuilds its image and no other.
#[test]
fn a_changed_component_is_rebuilt_alone() {
    on_each_engine(|stage| {
        let tree = bundled(stage);
        let images = || {
            ["engine", "runtime", "operate-ui"].map(|name| {
                let image = format!("/images/wharf-components-{name}:{}/json", stage.project);
                stage.get(&image)["Id"].as_str().map(str::to_owned)
            })
        };
        let build = || {
            let mut command = stage.command_in(&tree, &["--stack", "components", "build", "prod"]);
            command.env("TAG", &stage.project);
            let run = finish(command);
            assert_eq!(run.code, 0, "{}", run.talk());
        };
        build();
        let before = images();
        assert!(before.iter().all(Option::is_some), "{before:?}");
        let source = tree.join("stacks/components/crates/engine/src/expression.rs");
        let text = std::fs::read_to_string(&source).expect("the source");
        std::fs::write(
            &source,
            text.replace("division by zero", "nothing is divided by zero"),
        )
        .expect("an edit");
        build();
        let after = images();
        assert_ne!(before[0], after[0], "the engine is another");
        assert_eq!(before[1..], after[1..], "the others are the same");
        for name in ["engine", "runtime", "operate-ui", "toolchain"] {
            stage.remove_image(&format!("wharf-components-{name}:{}", stage.project));
        }
    });
}

/// `docker run IMAGE up dev` in the repository brings the bundled stack up, and what it writes belongs to the tree's owner.
#[test]
fn the_deployer_brings_the_bundled_stack_up() {
    use std::os::unix::fs::MetadataExt;
    on_each_engine(|stage| {
        let tree = bundled(stage);
        // Any free port: another test may hold the usual ones.
        let layer = tree.join("docker-compose.dev.yml");
        let text = std::fs::read_to_string(&layer).expect("the layer");
        let ports = [
            ("5000:5000", ":5000"),
            ("55432:5432", ":5432"),
            ("15672:15672", ":15672"),
        ];
        let text = ports.iter().fold(text, |text, (fixed, free)| {
            text.replace(&format!("127.0.0.1:{fixed}"), &format!("127.0.0.1:{free}"))
        });
        std::fs::write(&layer, text).expect("the layer");
        wharf_ok(stage, &tree, "deployer", &["build", "dev"]);
        let inside = format!("{}up", stage.project);
        let call = |arguments: &[&str]| {
            let all = [
                &["run", "--rm", "-T", "dev", "deployer", "-p", &inside],
                arguments,
            ]
            .concat();
            wharf(stage, &tree, "deployer", &all)
        };
        let up = call(&["up", "dev"]);
        let seen = stage.objects_of(&inside);
        let made = call(&[
            "exec",
            "-T",
            "dev",
            "app",
            "touch",
            "/opt/pycroft/app/made-from-inside",
        ]);
        let down = call(&["down", "dev", "--volumes", "--timeout", "0"]);
        assert_eq!(up.code, 0, "{}", up.talk());
        for service in ["app", "worker", "db", "ldap", "mq"] {
            assert!(
                seen.iter()
                    .any(|object| object.contains(&format!("-{service}-1"))),
                "{service}: {seen:?}"
            );
        }
        assert_eq!(made.code, 0, "{}", made.talk());
        let owner = |path: &str| std::fs::metadata(tree.join(path)).expect("the file").uid();
        assert_eq!(
            owner("stacks/pycroft/app/made-from-inside"),
            owner("stacks")
        );
        assert_eq!(down.code, 0, "{}", down.talk());
        assert_eq!(stage.objects_of(&inside), Vec::<String>::new());
    });
}
