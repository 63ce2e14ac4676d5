//! What builds take from caches, and what they must not take from there.

use std::process::Command;

use crate::registry::Registry;
use crate::stage::{Stage, finish, on_each_engine};

/// What a step has made that makes something else each time it runs.
fn chance(stage: &Stage, service: &str) -> String {
    let run = stage.wharf_ok(&["run", "--rm", "-T", "--no-deps", service, "cat", "/chance"]);
    run.stdout
}

fn write(stage: &Stage, services: &str) {
    let text = format!("name: {}\nservices:\n{services}", stage.project);
    stage.write("docker-compose.yml", &text);
}

/// A step that has run must not run again, unless the files or the command line say so: for all steps or for those of a
/// stage.
#[test]
fn steps_run_again_where_that_is_asked_for() {
    on_each_engine(|stage| {
        let service = |more: &str| {
            format!(
                "  app:\n    build:\n      dockerfile_inline: |\n        FROM debian:bookworm-slim AS one\n        RUN head -c 8 /dev/urandom | base64 > /chance\n        FROM one\n        RUN echo {} >> /chance\n{more}",
                stage.project
            )
        };
        let build = |arguments: &[&str], more: &str| {
            write(stage, &service(more));
            stage.wharf_ok(&[&["build", "--no-skip"], arguments].concat());
            chance(stage, "app")
        };
        let first = build(&[], "");
        assert_eq!(build(&[], ""), first);
        let mut seen = vec![first];
        for (arguments, more) in [
            (&["--no-cache"][..], ""),
            (&[], "      no_cache: true\n"),
            (&[], "      no_cache_filter: [one]\n"),
            (&[], "      x-bake: {no-cache: true}\n"),
        ] {
            let made = build(arguments, more);
            assert!(!seen.contains(&made), "{arguments:?} {more}");
            seen.push(made);
        }
        let last = seen.pop().expect("the last");
        assert_eq!(build(&[], "      no_cache_filter: [other]\n"), last);
        stage.remove_image(&format!("{}-app", stage.project));
    });
}

/// The engine's own base image must do, unless a newer one is asked for: then the registry's must be taken.
#[test]
fn a_newer_base_is_taken_where_that_is_asked_for() {
    on_each_engine(|stage| {
        let registry = Registry::start(stage);
        let login = registry.login();
        let base = format!("{}/base:1", registry.host());
        let wharf = |arguments: &[&str]| {
            let mut command = stage.command(arguments);
            command.env("DOCKER_CONFIG", &login);
            let run = finish(command);
            assert_eq!(run.code, 0, "{arguments:?}\n{}", run.talk());
        };
        let make_base = |version: &str| {
            write(
                stage,
                &format!(
                    "  base:\n    image: {base}\n    build: {{dockerfile_inline: \"FROM debian:bookworm-slim\\nRUN echo {version} > /chance\"}}\n"
                ),
            );
            wharf(&["build"]);
        };
        make_base("new");
        wharf(&["push"]);
        // The engine has the old one under the name that the new one has on the registry.
        make_base("old");
        for (arguments, more, expected) in [
            (&[][..], "", "old"),
            (&["--pull"], "", "new"),
            (&["--no-skip"], "", "old"),
            (&[], "      pull: true\n", "new"),
        ] {
            write(
                stage,
                &format!(
                    "  app:\n    build:\n      dockerfile_inline: \"FROM {base}\\nRUN true\"\n{more}"
                ),
            );
            wharf(&[&["build"], arguments].concat());
            let made = chance(stage, "app");
            assert_eq!(made.trim(), expected, "{arguments:?} {more}");
        }
        stage.remove_image(&format!("{}-app", stage.project));
        stage.remove_image(&base);
    });
}

/// Takes what the engine remembers of steps away whose command has these words.
fn forget_steps(stage: &Stage, words: &str) {
    let usage = stage.get("/system/df");
    let records = usage["BuildCache"].as_array().cloned().unwrap_or_default();
    let socket = stage.address.trim_start_matches("unix://");
    for record in records {
        let described = record["Description"].as_str().unwrap_or_default();
        let (true, Some(id)) = (described.contains(words), record["ID"].as_str()) else {
            continue;
        };
        let filters = format!("%7B%22id%22%3A%5B%22{id}%22%5D%7D");
        let output = Command::new("curl")
            .args(["-sS", "--fail", "-X", "POST", "--unix-socket", socket])
            .arg(format!("http://engine/build/prune?all=1&filters={filters}"))
            .output()
            .expect("curl");
        assert!(output.status.success(), "{output:?}");
    }
}

/// A cache that nobody has.
const NOWHERE: &str = "127.0.0.1:1/none:1";

/// An engine that has forgotten a step must find its result in the cache that an earlier build has left in an image on a
/// registry, and only where it is told to look there; a cache that cannot be read is told, and the build goes on without.
#[test]
fn a_forgotten_step_is_found_in_an_image_on_a_registry() {
    on_each_engine(|stage| {
        let registry = Registry::start(stage);
        let login = registry.login();
        let name = format!("{}/cached:1", registry.host());
        let wharf = |arguments: &[&str]| {
            let mut command = stage.command(arguments);
            command.env("DOCKER_CONFIG", &login);
            let run = finish(command);
            assert_eq!(run.code, 0, "{arguments:?}\n{}", run.talk());
            run
        };
        let describe = |image: &str, more: &str| {
            write(
                stage,
                &format!(
                    "  app:\n    image: {image}\n    build:\n      dockerfile_inline: |\n        FROM debian:bookworm-slim\n        RUN head -c 8 /dev/urandom | base64 > /chance; : {}\n{more}",
                    stage.project
                ),
            );
        };
        describe(&name, "      cache_to: ['type=inline']\n");
        wharf(&["build"]);
        wharf(&["push"]);
        let first = chance(stage, "app");
        stage.remove_image(&name);
        let own = format!("{}-app", stage.project);
        for (from, same) in [
            ("", false),
            (NOWHERE, false),
            (name.as_str(), true),
            (&format!("type=registry,ref={name}"), true),
        ] {
            forget_steps(stage, &stage.project);
            let more = match from {
                "" => String::new(),
                from => format!("      cache_from: ['{from}']\n"),
            };
            describe(&own, &more);
            let said = wharf(&["build", "--no-skip"]).stderr;
            assert_eq!(chance(stage, "app") == first, same, "`{from}`");
            let warning = format!("the cache `{NOWHERE}` cannot be read");
            assert_eq!(said.contains(&warning), from == NOWHERE, "{said}");
            stage.remove_image(&own);
        }
    });
}

/// A directory must do as a cache: the builder leaves its results in it where its image store can, and finds them there
/// after it has forgotten them; elsewhere it says that it cannot, and builds all the same. The directory is the project's,
/// wherever the command is called.
#[test]
fn a_directory_is_a_cache() {
    on_each_engine(|stage| {
        let own = format!("{}-app", stage.project);
        let describe = |more: &str| {
            write(
                stage,
                &format!(
                    "  app:\n    build:\n      dockerfile_inline: |\n        FROM debian:bookworm-slim\n        RUN head -c 8 /dev/urandom | base64 > /chance; : {}\n{more}",
                    stage.project
                ),
            );
        };
        stage.write("below/file", "");
        let build = || {
            let below = stage.directory.path().join("below");
            let run = finish(stage.command_in(&below, &["build", "--no-skip"]));
            assert_eq!(run.code, 0, "{}", run.talk());
            run.stderr
        };
        describe("      cache_to: ['type=local,dest=left/\u{e4},mode=max']\n");
        let said = build();
        let first = chance(stage, "app");
        let store = stage.get("/info")["DriverStatus"].to_string();
        let is_left = store.contains("io.containerd.snapshotter");
        let refused = said.contains("cannot use the cache `type=local");
        assert_eq!(refused, !is_left, "{said}");
        let index = stage.directory.path().join("left/\u{e4}/index.json");
        assert_eq!(index.exists(), is_left, "{said}");
        for (from, same) in [("nowhere", false), ("left/\u{e4}", is_left)] {
            forget_steps(stage, &stage.project);
            stage.remove_image(&own);
            describe(&format!("      cache_from: ['type=local,src={from}']\n"));
            let said = build();
            assert_eq!(chance(stage, "app") == first, same, "`{from}`: {said}");
            assert_eq!(said.contains("there is no cache in `"), !same, "{said}");
        }
        stage.remove_image(&own);
    });
}
