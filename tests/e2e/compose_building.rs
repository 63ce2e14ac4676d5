//! Called as `docker-compose`, wharf builds in the lines and the words of Compose.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use crate::stage::{Run, Stage, finish as run, on_each_engine};

fn called(stage: &Stage, arguments: &[&str]) -> Run {
    run(stage.compose(arguments))
}

fn refused(ended: &Run, words: &str) {
    assert_eq!(ended.code, 1, "{}", ended.talk());
    assert!(ended.stderr.contains(words), "{}", ended.talk());
}

#[test]
fn a_build_that_is_stopped_must_name_what_it_was_at_and_once() {
    on_each_engine(|stage| {
        stage.write_project(
            r#"
name: PROJECT
services:
  endless:
    build:
      dockerfile_inline: |
        FROM debian:bookworm-slim
        RUN sleep infinity
"#,
        );
        let mut command = stage.compose(&["build", "--progress", "plain"]);
        let mut building = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a build");
        let mut output = BufReader::new(building.stdout.take().expect("its output"));
        let mut said = String::new();
        while !said.contains("RUN sleep infinity") {
            let read = output.read_line(&mut said).expect("a line");
            assert!(read > 0, "{said}");
        }
        let number = building.id().to_string();
        let told = Command::new("kill").args(["-INT", &number]).status();
        assert!(told.is_ok_and(|status| status.success()));
        output.read_to_string(&mut said).expect("the rest");
        let ended = building.wait().expect("its end");
        assert_eq!(ended.code(), Some(130), "{said}");
        assert!(said.contains("CANCELED"), "{said}");
        assert_eq!(said.matches("RUN sleep infinity").count(), 1, "{said}");
    });
}

#[test]
fn dependencies_of_run_must_be_built_once() {
    on_each_engine(|stage| {
        stage.write_project(
            r#"
name: PROJECT
services:
  db:
    pull_policy: build
    build: {dockerfile_inline: "FROM debian:bookworm-slim\nRUN echo db > /db\nCMD sleep 3600"}
    init: true
  app:
    pull_policy: build
    build: {dockerfile_inline: "FROM debian:bookworm-slim\nRUN echo app > /app\nCMD echo it runs"}
    depends_on: [db]
"#,
        );
        let ran = called(stage, &["--verbose", "run", "--build", "--rm", "app"]);
        assert_eq!(ran.code, 0, "{}", ran.talk());
        assert!(ran.stdout.contains("it runs"), "{}", ran.talk());
        for service in ["db", "app"] {
            let line = format!(
                "naming to docker.io/library/{}-{service}",
                stage.project.as_str()
            );
            assert_eq!(ran.stdout.matches(&line).count(), 1, "{}", ran.talk());
        }
        let down = called(stage, &["down", "--rmi", "local", "-t", "0"]);
        assert_eq!(down.code, 0, "{}", down.talk());
    });
}

#[test]
fn what_cannot_be_built_must_be_refused_in_the_words_of_compose() {
    on_each_engine(|stage| {
        const BUILD: &str = r#"
name: PROJECT
services:
  web:
    platform: linux/riscv64
    build:
      dockerfile_inline: FROM debian:bookworm-slim
      platforms: [linux/amd64, linux/arm64]
"#;
        stage.write_project(BUILD);
        refused(
            &called(stage, &["build"]),
            r#"service.build.platforms MUST include service.platform "linux/riscv64""#,
        );
        stage.write_project(&BUILD.replace("    platform: linux/riscv64\n", ""));
        for (text, lacks) in [
            ("platforms: [linux/amd64, linux/arm64]", "multi-arch build"),
            ("privileged: true", "privileged mode"),
        ] {
            let plain = BUILD.replace("    platform: linux/riscv64\n", "");
            stage.write_project(&plain.replace("platforms: [linux/amd64, linux/arm64]", text));
            let mut command = stage.compose(&["build"]);
            command.env("DOCKER_BUILDKIT", "0");
            let words =
                format!("the classic builder doesn't support {lacks}, set DOCKER_BUILDKIT=1");
            refused(&run(command), &words);
        }
    });
}

#[test]
fn former_options_must_be_taken() {
    on_each_engine(|stage| {
        let directory = stage.directory.path().join("there");
        stage.write(
            "there/Dockerfile",
            "FROM debian:bookworm-slim\nCOPY file /file\n",
        );
        stage.write("there/file", "text");
        stage.write(
            "there/compose.yml",
            &format!("name: {}\nservices: {{app: {{build: .}}}}\n", stage.project),
        );
        let there = directory.to_str().expect("a path");
        let built = called(
            stage,
            &[
                "--no-ansi",
                "--workdir",
                there,
                "build",
                "--compress",
                "--parallel",
                "--force-rm",
            ],
        );
        assert_eq!(built.code, 0, "{}", built.talk());
        assert!(built.stdout.contains("COPY file /file"), "{}", built.talk());
        let config = called(stage, &["--workdir", there, "convert", "--services"]);
        assert_eq!(config.stdout, "app\n", "{}", config.talk());
        stage.remove_image(&format!("{}-app", stage.project));
    });
}

/// What is wrong in the files ends with Compose's own code, and what can be built is not kept back by what cannot.
#[test]
fn files_that_cannot_be_built_must_end_with_the_code_of_compose() {
    on_each_engine(|stage| {
        stage.write_project("name: PROJECT\nservices:\n  a: {image: PROJECT-a, build: {dockerfile_inline: FROM PROJECT-b}}\n  b: {image: PROJECT-b, build: {dockerfile_inline: FROM PROJECT-a}}\n",
        );
        refused(&called(stage, &["build"]), "`a` -> `b` -> `a`");
        stage.write_project(
            "name: PROJECT\nservices:\n  app: {build: {context: ., dockerfile: Nofile}}\n",
        );
        for words in [&["build"][..], &["up", "-d"]] {
            refused(&called(stage, words), "Nofile");
        }
        assert_eq!(stage.objects_of(&stage.project), Vec::<String>::new());
        // By wharf's own name it is the project that is wrong, whichever verb comes upon it.
        for words in [&["build"][..], &["up"], &["create"]] {
            let ended = stage.wharf(words);
            assert_eq!(ended.code, 3, "{}", ended.talk());
            assert!(ended.stderr.contains("compose.yml:3:"), "{}", ended.talk());
        }
    });
}
