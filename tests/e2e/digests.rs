//! `config` names images by what a registry has under their names, whatever the engine has.

use crate::registry::Registry;
use crate::stage::{Run, Stage, finish, on_each_engine};

/// A call in the application's directory, as wharf or as `docker-compose`.
fn called(stage: &Stage, as_compose: bool, login: &str, arguments: &[&str]) -> Run {
    let mut command = match as_compose {
        true => stage.compose(arguments),
        false => stage.command(arguments),
    };
    command.env("DOCKER_CONFIG", login);
    finish(command)
}

#[test]
fn images_are_pinned_to_what_the_registry_has_under_either_name_of_the_program() {
    on_each_engine(|stage| {
        let registry = Registry::start(stage);
        let login = registry.login();
        let image = format!("127.0.0.1:{}/team/app", registry.port);
        let project = &stage.project;
        let file = |tag: &str| {
            format!(
                "name: {project}\nservices:\n  app:\n    image: {image}:{tag}\n    build: {{context: ., dockerfile_inline: \"FROM debian:bookworm-slim\\nLABEL of={project}\\n\"}}\n  built: {{build: .}}\n"
            )
        };
        stage.write("compose.yml", &file("1"));
        let fine = |run: &Run| assert_eq!(run.code, 0, "{}", run.talk());
        fine(&called(
            stage,
            false,
            &login,
            &["-f", "compose.yml", "build", "app"],
        ));
        fine(&called(
            stage,
            false,
            &login,
            &["-f", "compose.yml", "push", "app"],
        ));
        // What the engine has does not count: it need not have the image at all.
        stage.remove_image(&format!("{image}:1"));
        let digest = registry.digest("team/app", "1");
        assert!(digest.starts_with("sha256:"), "{digest:?}");
        let pinned = format!("{image}:1@{digest}");
        let lock = format!("services:\n  app:\n    image: {pinned}\n  built: {{}}\n");

        for as_compose in [false, true] {
            let call = |login: &str, arguments: &[&str]| {
                let named = [&["-f", "compose.yml", "config"], arguments].concat();
                called(stage, as_compose, login, &named)
            };
            let run = call(&login, &["--resolve-image-digests", "--format", "json"]);
            fine(&run);
            let document: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
            assert_eq!(document["services"]["app"]["image"], *pinned);
            assert!(document["services"]["built"].get("image").is_none());
            let run = call(&login, &["--lock-image-digests"]);
            fine(&run);
            assert_eq!(run.stdout, lock);
            // A list of names asks no registry.
            let run = call("/nowhere", &["--resolve-image-digests", "--services"]);
            fine(&run);

            let run = call("/nowhere", &["--resolve-image-digests"]);
            assert_ne!(run.code, 0, "without credentials: {}", run.talk());
            assert_eq!(run.stdout, "");
            stage.write("compose.yml", &file("2"));
            let run = call(&login, &["--lock-image-digests"]);
            assert_ne!(run.code, 0, "{}", run.talk());
            assert_eq!(run.stdout, "");
            assert!(run.stderr.contains(&format!("{image}:2")), "{}", run.stderr);
            stage.write("compose.yml", &file("1"));
        }
        // What was printed is a layer that says the same.
        stage.write("lock.yml", &lock);
        let run = called(
            stage,
            false,
            "/nowhere",
            &[
                "-f",
                "compose.yml",
                "-f",
                "lock.yml",
                "config",
                "--images",
                "app",
            ],
        );
        fine(&run);
        assert_eq!(run.stdout, format!("{pinned}\n"));
    });
}
