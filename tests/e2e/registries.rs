//! Releases to several registries, and credentials that a helper keeps.

use std::os::unix::fs::PermissionsExt;

use crate::registry::{PASSWORD, Registry, USER};
use crate::release::{application, forget_images, git, record, wharf};
use crate::stage::{Run, Stage, finish, on_each_engine};

/// A release must be on all its registries or move no tag on any: neither on the one that answers while the other does not.
#[test]
fn a_release_is_on_all_its_registries_or_on_none() {
    on_each_engine(|stage| {
        let (guarded, open) = (Registry::start(stage), Registry::start_open(stage));
        let places = [
            format!("{}/team/ui", guarded.host()),
            format!("{}/all/ui", open.host()),
        ];
        let [first, second] = &places;
        application(
            stage,
            &format!("{{components: {{ui: {{}}}}, repositories: ['{first}', '{second}']}}"),
        );
        let login = guarded.login();
        let app = stage.directory.path().join("app");
        let on_both = |tag: &str| {
            let now = record(stage);
            let repositories = &now["components"]["ui"]["repositories"];
            let there = [guarded.digest("team/ui", tag), open.digest("all/ui", tag)];
            for (place, there) in places.iter().zip(&there) {
                assert!(there.starts_with("sha256:"), "{place}:{tag}");
                assert_eq!(repositories[place]["digest"], **there, "{place}:{tag}");
            }
        };
        let released = wharf(stage, &login, &["release", "--push"]);
        assert_eq!(released.code, 0, "{}", released.talk());
        on_both("latest");
        let before = record(stage);
        let latest = guarded.digest("team/ui", "latest");

        open.stop();
        stage.write("app/ui/file", "2\n");
        git(&app, &["commit", "--quiet", "-am", "two"]);
        git(&app, &["tag", "v1.0.0"]);
        let half = wharf(stage, &login, &["release", "--push"]);
        assert_eq!(half.code, 5, "{}", half.talk());
        for words in [second.as_str(), "cannot be pushed", "no tag was moved"] {
            assert!(half.stderr.contains(words), "{words}\n{}", half.talk());
        }
        assert_eq!(guarded.digest("team/ui", "latest"), latest);
        assert!(!guarded.tags("team/ui").contains(&"1.0.0".to_owned()));
        assert_eq!(record(stage), before);

        open.start_again();
        let whole = wharf(stage, &login, &["release", "--push"]);
        assert_eq!(whole.code, 0, "{}", whole.talk());
        assert_ne!(guarded.digest("team/ui", "latest"), latest);
        for tag in ["latest", "1.0.0", "1.0", "1"] {
            on_both(tag);
        }
        forget_images(stage, &[&guarded, &open]);
    });
}

/// `wharf release --push` with a credential helper called `e2e` on the PATH, which answers with what `says` prints.
fn push_with_helper(stage: &Stage, config: &str, says: &str) -> Run {
    let program = stage.write(
        "bin/docker-credential-e2e",
        &format!("#!/bin/sh\nread -r server\necho \"$1 $server\" >> \"$HELPER_LOG\"\n{says}\n"),
    );
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    stage.write("helped/config.json", config);
    let path = std::env::var("PATH").unwrap_or_default();
    let here = stage.directory.path();
    let words = ["-p", &stage.project, "release", "--push"];
    let mut command = stage.command_in(&here.join("app"), &words);
    command
        .env("DOCKER_CONFIG", here.join("helped"))
        .env("HELPER_LOG", here.join("asked"))
        .env("PATH", format!("{}:{path}", here.join("bin").display()))
        .env_remove("GITHUB_REF_TYPE");
    finish(command)
}

/// Credentials that a helper keeps must be good for a push, whether the helper is there for one registry or for all; what it
/// says when it has none to give must be told.
#[test]
fn a_helper_gives_the_credentials_for_a_push() {
    on_each_engine(|stage| {
        let registry = Registry::start(stage);
        let host = registry.host();
        application(
            stage,
            &format!("{{components: {{ui: {{}}}}, repositories: ['{host}/team/ui']}}"),
        );
        let for_one = format!(r#"{{"credHelpers": {{"{host}": "e2e"}}}}"#);
        let locked = "echo 'the keyring is locked' >&2; exit 1";
        let refused = push_with_helper(stage, &for_one, locked);
        assert_eq!(refused.code, 5, "{}", refused.talk());
        assert!(
            refused.stderr.contains("the keyring is locked"),
            "{}",
            refused.talk()
        );
        assert_eq!(registry.tags("team/ui"), Vec::<String>::new());

        let answers = format!(
            r#"[ "$1 $server" = "get {host}" ] || {{ echo 'credentials not found in native keychain'; exit 1; }}
printf '{{"ServerURL":"%s","Username":"{USER}","Secret":"{PASSWORD}"}}' "$server""#
        );
        for (number, config) in [for_one.as_str(), r#"{"credsStore": "e2e"}"#]
            .into_iter()
            .enumerate()
        {
            let app = stage.directory.path().join("app");
            stage.write("app/ui/file", &format!("{number} with a helper\n"));
            git(&app, &["commit", "--quiet", "-am", "a change"]);
            let log = stage.write("asked", "");
            let pushed = push_with_helper(stage, config, &answers);
            assert_eq!(pushed.code, 0, "{config}\n{}", pushed.talk());
            let there = registry.digest("team/ui", "latest");
            let recorded = record(stage)["components"]["ui"]["repositories"]
                [format!("{host}/team/ui")]["digest"]
                .clone();
            assert_eq!(recorded, there, "{config}");
            let asked = std::fs::read_to_string(log).expect("what it was asked");
            assert!(
                asked.contains(&format!("get {host}\n")),
                "{config}: {asked}"
            );
            assert!(!pushed.talk().contains(PASSWORD), "{}", pushed.talk());
        }
        forget_images(stage, &[&registry]);
    });
}
