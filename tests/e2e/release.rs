//! Releases, with a real registry.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::registry::Registry;
use crate::stage::{Run, Stage, eventually, finish, on_each_engine};

pub(crate) fn git(directory: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command
        .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
        .args(arguments)
        .current_dir(directory);
    let output = command.output().expect("git");
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
}

/// An application of two components in a repository of its own.
pub(crate) fn application(stage: &Stage, release: &str) {
    for component in ["ui", "api"] {
        let name = format!("{}-{component}", stage.project);
        stage.write(
            &format!("app/{component}/Dockerfile"),
            &format!("FROM debian:bookworm-slim\nCOPY file /{component}\nUSER 1000\nCMD [\"sleep\", \"infinity\"]\n# {name}\n"),
        );
        stage.write(&format!("app/{component}/file"), "1\n");
    }
    compose(stage, release);
    stage.write("app/.gitignore", "/.wharf/\n");
    let app = stage.directory.path().join("app");
    git(&app, &["init", "--quiet", "--initial-branch=main"]);
    git(&app, &["add", "."]);
    git(&app, &["commit", "--quiet", "-m", "one"]);
}

fn compose(stage: &Stage, release: &str) {
    let p = &stage.project;
    let service = |name: &str| {
        format!(
            "  {name}:
    image: {p}-{name}:dev
    build: ./{name}
    init: true
    stop_grace_period: 0s
    healthcheck: {{test: [CMD, 'true'], interval: 1s}}
"
        )
    };
    stage.write(
        "app/docker-compose.prod.yml",
        &format!(
            "services:\n{}{}x-wharf:\n  release: {release}\n",
            service("ui"),
            service("api")
        ),
    );
}

/// `wharf` in the application, with credentials where a directory with them is given.
pub(crate) fn wharf(stage: &Stage, login: &str, arguments: &[&str]) -> Run {
    let named = [&["-p", stage.project.as_str()], arguments].concat();
    let mut command = stage.command_in(&stage.directory.path().join("app"), &named);
    command
        .env("DOCKER_CONFIG", login)
        .env_remove("GITHUB_REF_TYPE");
    finish(command)
}

pub(crate) fn record(stage: &Stage) -> Value {
    let path = stage.directory.path().join("app/image-digests.json");
    let text = std::fs::read_to_string(path).expect("the record");
    serde_json::from_str(&text).expect("JSON")
}

/// Takes the images of the application away, by all their names, those on a registry included.
pub(crate) fn forget_images(stage: &Stage, registries: &[&Registry<'_>]) {
    let mut places: Vec<String> = vec![format!("{}-", stage.project)];
    places.extend(registries.iter().map(|one| format!("{}/", one.host())));
    for image in stage.get("/images/json").as_array().into_iter().flatten() {
        let tags = image["RepoTags"].as_array().into_iter().flatten();
        for tag in tags.filter_map(Value::as_str) {
            if places.iter().any(|place| tag.starts_with(place)) {
                stage.remove_image(tag);
            }
        }
    }
}

/// A release must be on the registry as a whole or move no tag at all; what the record and the pinning layer name must be
/// what the registry has and what then runs; going back must give the tags back.
#[test]
fn a_release_is_pushed_as_a_whole() {
    on_each_engine(|stage| {
        let registry = Registry::start(stage);
        let place = format!("127.0.0.1:{}/team", registry.port);
        let release = format!("{{repositories: ['{place}/{{{{ component }}}}']}}");
        application(stage, &release);
        let login = registry.login();

        let refused = wharf(stage, "/nonexistent", &["release", "--push"]);
        assert_eq!(refused.code, 5, "{}", refused.talk());
        assert!(
            refused.stderr.contains("cannot be pushed"),
            "{}",
            refused.talk()
        );
        assert!(registry.tags("team/ui").is_empty());
        assert!(
            !stage
                .directory
                .path()
                .join("app/image-digests.json")
                .exists()
        );

        let pushed = wharf(stage, &login, &["release", "--push"]);
        assert_eq!(pushed.code, 0, "{}", pushed.talk());
        let first = record(stage);
        for component in ["ui", "api"] {
            let recorded = &first["components"][component];
            let digest = &recorded["repositories"][&format!("{place}/{component}")]["digest"];
            let repository = format!("team/{component}");
            assert_eq!(*digest, registry.digest(&repository, "latest"), "{first}");
            let immutable = format!("release-{}", first["id"].as_str().unwrap_or_default());
            assert_eq!(*digest, registry.digest(&repository, &immutable));
            let image = recorded["image_id"].as_str().unwrap_or_default();
            let labels = &stage.get(&format!("/images/{image}/json"))["Config"]["Labels"];
            assert_eq!(
                labels["org.opencontainers.image.revision"],
                first["revision"]
            );
        }

        // A version, of which one component cannot be pushed: nobody must see half of it.
        let app = stage.directory.path().join("app");
        stage.write("app/ui/file", "2\n");
        let broken = format!(
            "{{repositories: ['{place}/{{{{ component }}}}'], components: {{ui: {{}}, api: {{repositories: ['127.0.0.1:1/team/api']}}}}}}"
        );
        compose(stage, &broken);
        git(&app, &["commit", "--quiet", "-am", "two"]);
        git(&app, &["tag", "v1.2.3"]);
        let half = wharf(stage, &login, &["release", "--push"]);
        assert_eq!(half.code, 5, "{}", half.talk());
        assert!(half.stderr.contains("no tag was moved"), "{}", half.talk());
        let before = &first["components"]["ui"]["repositories"][&format!("{place}/ui")]["digest"];
        assert_eq!(*before, registry.digest("team/ui", "latest"));
        assert!(!registry.tags("team/ui").contains(&"1.2.3".to_owned()));
        assert_eq!(record(stage), first);

        compose(stage, &release);
        git(&app, &["commit", "--quiet", "-am", "three"]);
        git(&app, &["tag", "v1.2.4"]);
        let whole = wharf(stage, &login, &["release", "--push"]);
        assert_eq!(whole.code, 0, "{}", whole.talk());
        let second = record(stage);
        for tag in ["1.2.4", "1.2", "1", "latest"] {
            assert!(registry.tags("team/ui").contains(&tag.to_owned()), "{tag}");
            let digest =
                &second["components"]["ui"]["repositories"][&format!("{place}/ui")]["digest"];
            assert_eq!(*digest, registry.digest("team/ui", tag), "{tag}");
        }
        let difference = wharf(
            stage,
            &login,
            &["release", "diff", first["id"].as_str().unwrap_or_default()],
        );
        assert!(
            difference.stdout.contains("ui: image"),
            "{}",
            difference.talk()
        );
        assert!(
            difference.stdout.contains("ui/Dockerfile:2"),
            "{}",
            difference.talk()
        );

        // Later changes of the sources do not matter to who runs the release, on an engine that has nothing of it.
        stage.write("app/ui/file", "4\n");
        forget_images(stage, &[&registry]);
        let layers = [
            "-f",
            "docker-compose.prod.yml",
            "-f",
            "docker-compose.release.yml",
        ];
        let up = wharf(stage, &login, &[&layers[..], &["up", "-d"]].concat());
        assert_eq!(up.code, 0, "{}", up.talk());
        let content = wharf(
            stage,
            &login,
            &[&layers[..], &["exec", "-T", "ui", "cat", "/ui"]].concat(),
        );
        assert_eq!(content.stdout, "2\n", "{}", content.talk());
        wharf(
            stage,
            &login,
            &[&layers[..], &["down", "--timeout", "0"]].concat(),
        );

        let id = first["id"].as_str().unwrap_or_default();
        let back = wharf(stage, &login, &["release", "rollback", id, "--push"]);
        assert_eq!(back.code, 0, "{}", back.talk());
        assert_eq!(record(stage), first);
        assert_eq!(*before, registry.digest("team/ui", "latest"));
        forget_images(stage, &[&registry]);
    });
}

/// An image that breaks the rules must not be released, and the message must say by what and where.
#[test]
fn a_release_that_breaks_its_rules_is_kept_back() {
    on_each_engine(|stage| {
        application(
            stage,
            "{components: {ui: {}}, limits: {size: 1m, build-tools: [perl], vulnerabilities: high}}",
        );
        let token = format!("ghp_{}", "a1".repeat(18));
        stage.write(
            "app/ui/Dockerfile",
            &format!(
                "FROM debian:bookworm-slim\nENV API_TOKEN=x\nRUN echo {token} > /key\nRUN rm /key\n"
            ),
        );
        let app = stage.directory.path().join("app");
        git(&app, &["commit", "--quiet", "-am", "two"]);
        let run = wharf(stage, "/nonexistent", &["release", "ui"]);
        assert_eq!(run.code, 5, "{}", run.talk());
        for words in ["size", "non-root", "secrets", "build-tools"] {
            let sentence = format!("ui is not released: {words}: ");
            assert!(run.stderr.contains(&sentence), "{words}\n{}", run.talk());
        }
        for words in [
            "a GitHub token in `/key`, added by ui/Dockerfile:3 (removed above",
            "the variable `API_TOKEN` of the image",
            "/usr/bin/perl",
            "neither `trivy` nor `grype`",
        ] {
            assert!(run.stdout.contains(words), "{words}\n{}", run.talk());
        }
        assert!(!app.join("image-digests.json").exists());
        assert!(!app.join("docker-compose.release.yml").exists());
        let releases = app.join(".wharf/releases");
        let kept = std::fs::read_dir(releases).map_or(0, Iterator::count);
        assert_eq!(kept, 0);
        for component in ["ui", "api"] {
            stage.remove_image(&format!("{}-{component}:dev", stage.project));
        }
    });
}

/// What a green run has covered may be released, and the record must name the run; after a change of one file it is refused
/// until it has been tested again, and what is missing is said.
#[test]
fn what_a_green_run_covers_may_be_released_until_a_file_changes() {
    on_each_engine(|stage| {
        application(stage, "{components: {ui: {}}}");
        let image = format!("{}-ui:dev", stage.project);
        stage.write(
            "app/docker-compose.test.yml",
            &format!(
                "services:\n  ui:\n    image: {image}\n    build: ./ui\nx-wharf:\n  test: {{service: ui, command: [grep, -q, '[0-9]', /ui]}}\n"
            ),
        );
        let app = stage.directory.path().join("app");
        let commit = |message: &str| {
            git(&app, &["add", "."]);
            git(&app, &["commit", "--quiet", "-m", message]);
        };
        commit("two");
        let tested = || {
            let run = wharf(stage, "/nonexistent", &["test"]);
            assert_eq!(run.code, 0, "{}", run.talk());
            let runs = std::fs::read_dir(app.join(".wharf/runs")).expect("the runs");
            // Each has its time in front of its name.
            let name = |run: std::fs::DirEntry| {
                let name = run.file_name().into_string().expect("text");
                name.rsplit('-').next().expect("a part").to_owned()
            };
            runs.map(|run| name(run.expect("a run")))
                .collect::<Vec<String>>()
        };
        let release = || {
            let words = ["release", "prod", "--require-tested"];
            wharf(stage, "/nonexistent", &words)
        };
        let first = tested();
        let released = release();
        assert_eq!(released.code, 0, "{}", released.talk());
        let before = record(stage);
        let by = &before["components"]["ui"]["tested_by"];
        assert_eq!(by["covers"], "image", "{before}");
        assert!(first.iter().any(|run| by["run"] == **run), "{by} {first:?}");
        assert!(
            released
                .stdout
                .contains(&format!("tested by run {}", first[0])),
            "{}",
            released.talk()
        );

        stage.write("app/ui/file", "2\n");
        commit("three");
        let refused = release();
        assert_eq!(refused.code, 5, "{}", refused.talk());
        for words in [
            &format!("no test has run `{image}`"),
            "the one green run that is noted ran other images",
            "run `wharf test`",
        ] {
            assert!(
                refused.stderr.contains(words),
                "{words}\n{}",
                refused.talk()
            );
        }
        assert_eq!(record(stage), before);

        let second = tested();
        let released = release();
        assert_eq!(released.code, 0, "{}", released.talk());
        let by = record(stage)["components"]["ui"]["tested_by"].clone();
        let new = second.iter().find(|run| !first.contains(run));
        assert_eq!(
            by["run"].as_str(),
            new.map(String::as_str),
            "{by} {second:?}"
        );
        forget_images(stage, &[]);
    });
}

/// What no test has run must not be released where that is asked for.
#[test]
fn untested_images_are_kept_back_when_tests_are_required() {
    on_each_engine(|stage| {
        application(stage, "{}");
        let run = wharf(
            stage,
            "/nonexistent",
            &["release", "--require-tested", "ui"],
        );
        assert_eq!(run.code, 5, "{}", run.talk());
        assert!(run.stderr.contains("no test has run"), "{}", run.talk());
        let run = wharf(stage, "/nonexistent", &["release", "--dry-run", "ui"]);
        assert_eq!(run.code, 0, "{}", run.talk());
        assert!(
            !stage
                .directory
                .path()
                .join("app/image-digests.json")
                .exists()
        );
        stage.remove_image(&format!("{}-ui:dev", stage.project));
    });
}

/// What was not pushed must run as it was released all the same, whatever is built afterwards; its labels must say where it
/// comes from.
#[test]
fn a_release_that_is_not_pushed_is_pinned_by_its_ids() {
    on_each_engine(|stage| {
        application(
            stage,
            "{components: {ui: {}}, labels: {org.opencontainers.image.licenses: MIT}}",
        );
        let app = stage.directory.path().join("app");
        git(
            &app,
            &[
                "remote",
                "add",
                "origin",
                "https://example.org/team/app.git",
            ],
        );
        git(&app, &["tag", "v2.0.0"]);
        let run = wharf(stage, "/nonexistent", &["release", "ui"]);
        assert_eq!(run.code, 0, "{}", run.talk());
        let released = record(stage);
        let id = released["components"]["ui"]["image_id"].clone();
        let id = id.as_str().unwrap_or_default();
        let labels = stage.get(&format!("/images/{id}/json"))["Config"]["Labels"].clone();
        let label = |name: &str| labels[format!("org.opencontainers.image.{name}")].clone();
        assert_eq!(label("licenses"), "MIT");
        assert_eq!(label("version"), "2.0.0");
        assert_eq!(label("revision"), released["revision"]);
        assert!(
            label("created")
                .as_str()
                .is_some_and(|at| at.ends_with('Z'))
        );
        assert!(
            label("source")
                .as_str()
                .is_some_and(|from| from.contains("example.org/team/app")),
            "{labels}"
        );
        for tag in ["2.0.0", "2.0", "2", "latest"] {
            let name = format!("{}-ui:{tag}", stage.project);
            assert_eq!(
                stage.get(&format!("/images/{name}/json"))["Id"],
                id,
                "{tag}"
            );
        }

        stage.write("app/ui/file", "changed afterwards\n");
        let built = wharf(stage, "/nonexistent", &["build", "prod", "ui"]);
        assert_eq!(built.code, 0, "{}", built.talk());
        let layers = [
            "-f",
            "docker-compose.prod.yml",
            "-f",
            "docker-compose.release.yml",
        ];
        let up = [&layers[..], &["up", "-d", "ui"]].concat();
        let up = wharf(stage, "/nonexistent", &up);
        assert_eq!(up.code, 0, "{}", up.talk());
        let cat = [&layers[..], &["exec", "-T", "ui", "cat", "/ui"]].concat();
        let content = wharf(stage, "/nonexistent", &cat);
        assert_eq!(content.stdout, "1\n", "{}", content.talk());
        wharf(
            stage,
            "/nonexistent",
            &[&layers[..], &["down", "--timeout", "0"]].concat(),
        );
        for tag in ["dev", "2.0.0", "2.0", "2", "latest", "sha"] {
            let tag = match tag {
                "sha" => format!(
                    "sha-{}",
                    &released["revision"].as_str().unwrap_or_default()[..7]
                ),
                tag => tag.to_owned(),
            };
            stage.remove_image(&format!("{}-ui:{tag}", stage.project));
        }
    });
}

/// An image with a secret in its configuration must not reach a registry; without one it is released with it.
#[test]
fn a_configuration_with_secrets_is_not_pushed() {
    on_each_engine(|stage| {
        let release = "{components: {ui: {repositories: [127.0.0.1:1/team/ui]}}, limits: {secrets: false}}\n  config: [{template: ui.conf, target: /etc/ui.conf, services: [ui], allow-secrets: true}]\nsecrets: {key: {file: ./key.txt}}";
        application(stage, release);
        stage.write("app/ui.conf", "key={{ secrets.key }}\n");
        stage.write("app/key.txt", "not-for-registries\n");
        let app = stage.directory.path().join("app");
        git(&app, &["add", "."]);
        git(&app, &["commit", "--quiet", "-m", "two"]);
        let run = wharf(stage, "/nonexistent", &["release", "--push", "ui"]);
        assert_eq!(run.code, 5, "{}", run.talk());
        assert!(run.stderr.contains("may hold secrets"), "{}", run.talk());
        let run = wharf(stage, "/nonexistent", &["release", "ui"]);
        assert_eq!(run.code, 0, "{}", run.talk());
        let image = record(stage)["components"]["ui"]["image_id"].clone();
        let id = image.as_str().unwrap_or_default().to_owned();
        let found = eventually("the image", std::time::Duration::from_secs(5), || {
            let found = stage.get(&format!("/images/{id}/json"));
            found["Config"]["Labels"]["wharf.config"]
                .as_str()
                .map(str::to_owned)
        });
        assert_eq!(found.len(), 64);
        for name in [
            format!("{}-ui:configured", stage.project),
            format!("{}-ui:dev", stage.project),
        ] {
            stage.remove_image(&name);
        }
        stage.remove_image(&id);
    });
}
