//! `publish` puts a project where `docker compose -f oci://` looks for it.

use std::process::Command;

use serde_json::Value;

use crate::registry::Registry;
use crate::stage::{Run, Stage, fine, finish, on_each_engine};

/// `trust`: where the credentials are, and the file of authorities.
fn called(stage: &Stage, as_compose: bool, trust: (&str, &str), arguments: &[&str]) -> Run {
    let mut command = match as_compose {
        true => stage.compose(arguments),
        false => stage.command(arguments),
    };
    command
        .env("DOCKER_CONFIG", trust.0)
        .env("SSL_CERT_FILE", trust.1);
    finish(command)
}

/// A project of two layers, an env file, a file that a service is taken from, and an image that is built.
/// In blocks: docker compose breaks lists in one line when it renames what they name.
fn write(stage: &Stage, image: &str) {
    let project = &stage.project;
    stage.write(
        "compose.yml",
        &format!(
            "name: {project}
services:
  app:
    image: {image}
    build: {{context: ., dockerfile_inline: \"FROM debian:bookworm-slim\\nLABEL of={project}\\n\"}}
    env_file:
      - app.env
    extends:
      file: parts/common.yml
      service: common
"
        ),
    );
    write_beside(stage);
}

/// The other files of a project that is published: its second layer, and what its first one names.
pub fn write_beside(stage: &Stage) {
    stage.write(
        "over.yml",
        "services:\n  app:\n    environment: {LEVEL: \"${LEVEL:-info}\"}\n",
    );
    stage.write(
        "parts/common.yml",
        "services:\n  common:\n    init: true\n    command: [sleep, infinity]\n",
    );
    stage.write("app.env", "FROM_FILE=yes\n");
}

/// Every layer's kind, names and text.
fn layers(registry: &Registry, repository: &str, manifest: &Value) -> Vec<(String, Value, String)> {
    let layers = manifest["layers"].as_array().cloned().unwrap_or_default();
    layers
        .into_iter()
        .map(|layer| {
            let digest = layer["digest"].as_str().unwrap_or_default();
            let text = registry.text(&format!("/v2/{repository}/blobs/{digest}"));
            let kind = layer["mediaType"].as_str().unwrap_or_default().to_owned();
            (kind, layer["annotations"].clone(), text)
        })
        .collect()
}

/// The docker compose that wharf is measured against, if this machine has it.
fn peer(stage: &Stage, trust: (&str, &str), arguments: &[&str]) -> Option<Run> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(Into::into)
        .or_else(|| {
            let home = std::env::var_os("HOME")?;
            Some(std::path::PathBuf::from(home).join(".cache"))
        })?;
    let plugin = cache.join("wharf/peers/root/usr/libexec/docker/cli-plugins/docker-compose");
    plugin.is_file().then(|| {
        let mut command = Command::new(plugin);
        command
            .args(arguments)
            .current_dir(stage.directory.path())
            .env("DOCKER_HOST", &stage.address)
            .env("DOCKER_CONFIG", trust.0)
            .env("SSL_CERT_FILE", trust.1);
        finish(command)
    })
}

#[test]
fn a_project_must_be_pushed_whole_and_as_docker_compose_pushes_it() {
    on_each_engine(|stage| {
        let registry = Registry::start_secured(stage);
        let login = registry.login();
        let at = registry.host();
        let image = format!("{at}/team/app:1");
        write(stage, &image);
        let call = |as_compose: bool, login: &str, words: &[&str]| {
            let files = ["-f", "compose.yml", "-f", "over.yml"];
            let authority = registry.authority();
            called(
                stage,
                as_compose,
                (login, &authority),
                &[&files[..], words].concat(),
            )
        };
        fine(&call(false, &login, &["build"]));

        // Nothing leaves unless somebody says so.
        let repository = format!("{at}/team/stack:1");
        let refused = call(true, &login, &["publish", &repository]);
        assert_eq!(refused.code, 1, "{}", refused.talk());
        assert!(
            refused
                .stderr
                .contains("service \"app\" has env_file declared."),
            "{}",
            refused.talk()
        );
        let rehearsed = call(true, &login, &["publish", "--dry-run", "-y", &repository]);
        fine(&rehearsed);
        assert_eq!(registry.tags("team/stack"), Vec::<String>::new());
        let unknown = call(false, "/nowhere", &["publish", "-y", &repository]);
        assert_eq!(unknown.code, 5, "without credentials: {}", unknown.talk());
        assert_eq!(registry.tags("team/stack"), Vec::<String>::new());

        for (as_compose, tag) in [(false, "1"), (true, "2")] {
            let repository = format!("{at}/team/stack:{tag}");
            let words = [
                "publish",
                "--with-env",
                "--resolve-image-digests",
                "-y",
                &repository,
            ];
            fine(&call(as_compose, &login, &words));
        }
        let manifest = registry.manifest("team/stack", "1");
        assert_eq!(
            manifest["artifactType"],
            "application/vnd.docker.compose.project"
        );
        // The image that is built here went before.
        let digest = registry.digest("team/app", "1");
        assert!(digest.starts_with("sha256:"), "{digest:?}");
        let found = layers(&registry, "team/stack", &manifest);
        let kinds: Vec<&str> = found.iter().map(|(kind, ..)| kind.as_str()).collect();
        let file = "application/vnd.docker.compose.file+yaml";
        let env_file = "application/vnd.docker.compose.envfile";
        assert_eq!(kinds, [file, file, file, env_file, file]);
        let named = |at: usize, name: &str| {
            let names = &found[at].1;
            names[format!("com.docker.compose.{name}")]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        assert_eq!(named(0, "file"), "compose.yml");
        assert!(
            found[0]
                .2
                .contains(&format!("env_file:\n      - {}\n", named(3, "envfile")))
        );
        assert!(found[0].2.contains(&format!("file: {}", named(2, "file"))));
        assert!(found[1].2.contains("${LEVEL:-info}"), "{}", found[1].2);
        assert_eq!(named(2, "extends"), "true");
        assert_eq!(found[3].2, "FROM_FILE=yes\n");
        assert_eq!(named(4, "file"), "image-digests.yaml");
        assert!(
            found[4].2.contains(&format!("{image}@{digest}")),
            "{}",
            found[4].2
        );

        let repository = format!("{at}/team/stack:peer");
        let words = [
            "-f",
            "compose.yml",
            "-f",
            "over.yml",
            "publish",
            "--with-env",
        ];
        let words = [&words[..], &["--resolve-image-digests", "-y", &repository]].concat();
        if let Some(theirs) = peer(stage, (&login, &registry.authority()), &words) {
            fine(&theirs);
            let theirs = registry.manifest("team/stack", "peer");
            for part in ["artifactType", "config", "mediaType", "schemaVersion"] {
                assert_eq!(manifest[part], theirs[part], "{part}");
            }
            assert_eq!(found, layers(&registry, "team/stack", &theirs));
        }

        // Older registries know no type of artifact.
        let repository = format!("{at}/team/stack:old");
        fine(&call(
            false,
            &login,
            &["publish", "-y", "--oci-version", "1.0", &repository],
        ));
        let old = registry.manifest("team/stack", "old");
        assert_eq!(old.get("artifactType"), None);
        assert_eq!(
            old["config"]["mediaType"],
            "application/vnd.docker.compose.config.empty.v1+json"
        );

        // An application has its images beside it; a registry takes no manifest of which it lacks a blob.
        let repository = format!("{at}/team/whole:1");
        fine(&call(
            false,
            &login,
            &["publish", "-y", "--app", &repository],
        ));
        let copy = registry.manifest("team/whole", &digest);
        assert_eq!(copy, registry.manifest("team/app", "1"));
        // Who has not signed the certificate of the registry does not vouch for it.
        let run = called(
            stage,
            false,
            (&login, "/etc/ssl/certs/ca-certificates.crt"),
            &["-f", "compose.yml", "publish", "-y", &repository],
        );
        assert_eq!(run.code, 5, "{}", run.talk());
        assert!(run.stderr.contains("ertificate"), "{}", run.talk());
        // A registry of this machine needs no certificate.
        let open = Registry::start_open(stage);
        let repository = format!("{}/team/stack:1", open.host());
        let words = ["-f", "over.yml", "-p", "over", "publish", "-y", &repository];
        stage.write("over.yml", "services:\n  app:\n    image: other\n");
        fine(&called(stage, true, ("/nowhere", "/nowhere"), &words));
        let found = layers(&open, "team/stack", &open.manifest("team/stack", "1"));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].2, "services:\n  app:\n    image: other\n");
        stage.remove_image(&image);
    });
}
