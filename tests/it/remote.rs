//! Files from git repositories, served on loopback.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::stage::{Outcome, Stage, wharf};

/// A repository, and a server for it on a port of its own.
struct Repository {
    directory: tempfile::TempDir,
    port: u16,
    daemon: Child,
}

impl Repository {
    /// `files`: what its only commit on `main` has.
    fn serve(files: &[(&str, &str)]) -> Repository {
        let directory = tempfile::tempdir().expect("a directory");
        let work = directory.path().join("app.git");
        std::fs::create_dir(&work).expect("the repository");
        git(&work, &["init", "--quiet", "--initial-branch=main"]);
        let (port, daemon) = serve(directory.path());
        let repository = Repository {
            directory,
            port,
            daemon,
        };
        repository.commit(files);
        repository
    }

    fn commit(&self, files: &[(&str, &str)]) -> String {
        let work = self.directory.path().join("app.git");
        for (path, text) in files {
            let path = work.join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("the directory");
            std::fs::write(path, text).expect("the file");
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message=more"]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn git(&self, arguments: &[&str]) -> String {
        git(&self.directory.path().join("app.git"), arguments)
    }

    fn link(&self, path: &str, target: &str) {
        let path = self.directory.path().join("app.git").join(path);
        std::os::unix::fs::symlink(target, path).expect("the link");
    }

    fn url(&self) -> String {
        format!("git://127.0.0.1:{}/app.git", self.port)
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=demo", "-c", "user.email=demo@host.example"])
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .expect("git starts");
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
    String::from_utf8(output.stdout)
        .expect("UTF-8")
        .trim()
        .to_owned()
}

fn serve(directory: &Path) -> (u16, Child) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    drop(listener);
    // The program itself: what `git daemon` starts would outlive it.
    let programs = git(directory, &["--exec-path"]);
    let daemon = Command::new(Path::new(&programs).join("git-daemon"))
        .args(["--export-all", "--listen=127.0.0.1"])
        .arg(format!("--port={port}"))
        .arg(format!("--base-path={}", directory.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("git-daemon starts");
    let limit = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < limit, "git-daemon does not answer");
        std::thread::sleep(Duration::from_millis(20));
    }
    (port, daemon)
}

const APP: &str = "services:
  app:
    image: app:${TAG:-1}
    env_file: app.env
    build: .
    volumes: ['./data:/data']
";

const PART: &str = "services:\n  part: {image: part, env_file: part.env}\n";

fn files() -> [(&'static str, &'static str); 5] {
    [
        ("compose.yaml", APP),
        ("app.env", "FROM_FILE=yes\n"),
        (".env", "TAG=theirs\n"),
        ("sub/docker-compose.yml", PART),
        ("sub/part.env", "PART=yes\n"),
    ]
}

fn config(stage: Stage, file: &str) -> Outcome {
    stage.args(["-f", file, "config", "--format", "json"]).run()
}

fn json(outcome: Outcome) -> Value {
    serde_json::from_str(&outcome.succeeds()).expect("JSON")
}

#[test]
fn a_project_of_a_repository_is_at_home_in_its_copy_and_called_after_the_caller() {
    let repository = Repository::serve(&files());
    let url = repository.url();
    // As a hook of git has it that calls wharf.
    let stage = wharf().env("GIT_DIR", "/nowhere");
    let outcome = config(stage.file(".env", "TAG=mine\n"), &url);
    assert!(
        outcome.stderr.starts_with(&format!("fetched {url}, ")),
        "{outcome:?}"
    );
    let commit = repository.git(&["rev-parse", "HEAD"]);
    let config = json(outcome);
    let copy = format!("DIR/.cache/wharf/remote/git/{commit}");
    // A directory's name without capitals is the project's, and the stage writes `NAME` in its place.
    assert!(
        config["name"]
            .as_str()
            .is_some_and(|name| name.starts_with("demo") || name == "NAME"),
        "{config}"
    );
    let app = &config["services"]["app"];
    assert_eq!(app["image"], "app:mine");
    assert_eq!(app["environment"]["FROM_FILE"], "yes");
    assert_eq!(app["build"]["context"], *copy);
    assert_eq!(app["volumes"][0]["source"], format!("{copy}/data"));
}

#[test]
fn revisions_and_directories_are_found_as_git_finds_them() {
    let repository = Repository::serve(&files());
    let url = repository.url();
    let first = repository.git(&["rev-parse", "HEAD"]);
    repository.git(&["tag", "--annotate", "--message=first", "v1"]);
    repository.commit(&[(
        "sub/docker-compose.yml",
        "services: {part: {image: later}}\n",
    )]);
    repository.git(&["branch", "feature/main", &first]);
    for (place, image) in [
        ("#:sub", "later"),
        ("#main:sub", "later"),
        ("#refs/heads/main:sub/docker-compose.yml", "later"),
        ("#v1:sub", "part"),
        ("#feature/main:./sub", "part"),
        (&format!("#{first}:sub"), "part"),
    ] {
        let config = json(config(wharf(), &format!("{url}{place}")));
        assert_eq!(config["services"]["part"]["image"], image, "{place}");
    }
}

#[test]
fn a_commit_that_is_here_is_not_fetched_again() {
    let repository = Repository::serve(&files());
    let commit = repository.git(&["rev-parse", "HEAD"]);
    let url = repository.url();
    let cache = tempfile::tempdir().expect("a directory");
    let cached = cache.path().to_str().expect("UTF-8");
    let call = |place: &str| {
        let stage = wharf().env("XDG_CACHE_HOME", cached);
        config(stage, &format!("{url}{place}"))
    };
    assert!(call("").stderr.contains("fetched "));
    let again = call("#main");
    assert_eq!((again.code, again.stderr.as_str()), (0, ""), "{again:?}");
    drop(repository);
    assert_eq!(call(&format!("#{commit}")).code, 0);
    assert_eq!(call("#main").code, 3);
    let left = std::fs::read_dir(cache.path().join("wharf/remote/git")).expect("the copies");
    assert_eq!(left.count(), 1, "drafts are left");
}

#[test]
fn remote_files_are_included_and_extended_and_name_others() {
    let repository = Repository::serve(&files());
    let url = repository.url();
    repository.commit(&[(
        "more/compose.yaml",
        &format!(
            "include: ['{url}#v1:sub']\nservices:\n  more: {{image: more, extends: {{file: near.yml, service: near}}}}\n"
        ),
    ), (
        "more/near.yml",
        "services:\n  near: {command: [near], env_file: near.env}\n",
    ), ("more/near.env", "NEAR=yes\n")]);
    repository.git(&["tag", "v1"]);
    let text = format!(
        "name: mine
include: ['{url}#main:more']
services:
  own:
    image: own
    extends: {{file: '{url}#main:sub', service: part}}
"
    );
    let outcome = wharf()
        .file("compose.yml", &text)
        .args(["config", "--format", "json"])
        .run();
    // Two references of one commit are one copy, fetched by both at once or by the first.
    assert!(outcome.stderr.contains("fetched "), "{outcome:?}");
    let services = &json(outcome)["services"];
    assert_eq!(services["more"]["command"][0], "near");
    assert_eq!(services["more"]["environment"]["NEAR"], "yes");
    assert_eq!(services["part"]["image"], "part");
    assert_eq!(services["own"]["image"], "own");
    assert_eq!(services["own"]["environment"]["PART"], "yes");
}

#[test]
fn local_files_beside_a_remote_one_are_laid_over_it() {
    let repository = Repository::serve(&files());
    let outcome = wharf()
        .file(
            "over.yml",
            "services: {app: {image: over, volumes: ['./more:/more']}}\n",
        )
        .args([
            "-f",
            &repository.url(),
            "-f",
            "over.yml",
            "config",
            "--explain-layers",
        ])
        .run();
    assert_eq!(
        outcome.succeeds(),
        format!(
            "{}#:compose.yaml: fetched by `-f`\nDIR/over.yml: named by `-f`\n",
            repository.url()
        )
    );
}

#[test]
fn mistakes_in_a_fetched_file_are_shown_where_one_can_look_them_up() {
    let repository = Repository::serve(&[("compose.yaml", "services:\n  app: {imge: x}\n")]);
    let url = repository.url();
    let said = config(wharf(), &format!("{url}#main")).fails(3);
    assert!(
        said.contains(&format!("{url}#main:compose.yaml:2:9")),
        "{said}"
    );
    let origin = wharf()
        .file(
            "compose.yml",
            &format!("include: ['{url}#main:compose.yaml']\n"),
        )
        .args(["config"])
        .run()
        .fails(3);
    assert!(
        origin.contains(&format!("{url}#main:compose.yaml:2:9")),
        "{origin}"
    );
}

#[test]
fn what_cannot_be_fetched_is_told_with_its_place_and_a_way_out() {
    let repository = Repository::serve(&files());
    repository.link("out.yml", "/etc/hostname");
    repository.commit(&[("empty/README", "x\n")]);
    let url = repository.url();
    let gone = url.replace("app.git", "gone.git");
    for (reference, told) in [
        (
            format!("{url}#mian"),
            vec![
                "remote-unavailable",
                "no branch or tag `mian`",
                "did you mean `main`?",
            ],
        ),
        (
            format!("{url}#{}", "ab".repeat(20)),
            vec!["remote-unavailable", "cannot be fetched"],
        ),
        (
            format!("{url}#main:nowhere"),
            vec!["remote-unusable", "#main:nowhere"],
        ),
        (
            format!("{url}#main:empty"),
            vec!["remote-unusable", "no Compose file", "compose.yaml"],
        ),
        (
            format!("{url}#main:out.yml"),
            vec!["remote-reference", "symbolic link"],
        ),
        (
            format!("{url}#main:../x"),
            vec!["remote-reference", "no `..`"],
        ),
        (
            format!("{url}#--upload-pack=touch"),
            vec!["remote-reference"],
        ),
        (gone, vec!["remote-unavailable", "gone.git"]),
        (
            "git://127.0.0.1:1/app.git".into(),
            vec!["remote-unavailable", "Connection refused"],
        ),
        (
            "https://host.example/compose.yml".into(),
            vec!["remote-unsupported", "git repository"],
        ),
        (
            "oci://127.0.0.1:1/team/app".into(),
            vec!["remote-unavailable", "127.0.0.1:1"],
        ),
        ("oci://127.0.0.1:1/Team".into(), vec!["remote-reference"]),
    ] {
        let by_flag = config(wharf(), &reference).fails(3);
        let text = format!("include: ['{reference}']\nservices: {{a: {{image: x}}}}\n");
        let by_file = wharf().file("compose.yml", &text).args(["config"]).run();
        let by_file = by_file.fails(3);
        assert!(by_file.contains("compose.yml:1:11"), "{by_file}");
        for words in told {
            assert!(by_flag.contains(words), "{reference}: {by_flag}");
            assert!(by_file.contains(words), "{reference}: {by_file}");
        }
    }
    let without = wharf().env("PATH", "/nowhere");
    let said = config(without, &url).fails(3);
    assert!(said.contains("`git` is not installed"), "{said}");
}

#[test]
fn remote_files_can_be_turned_off() {
    for (variable, reference) in [
        (
            "COMPOSE_EXPERIMENTAL_GIT_REMOTE",
            "git://127.0.0.1:1/app.git",
        ),
        ("COMPOSE_EXPERIMENTAL_OCI_REMOTE", "oci://127.0.0.1:1/app"),
    ] {
        let said = config(wharf().env(variable, "false"), reference).fails(3);
        assert!(
            said.contains("remote-disabled") && said.contains(variable),
            "{said}"
        );
        let said = config(wharf().env(variable, "perhaps"), reference).fails(3);
        assert!(said.contains("variable-boolean"), "{said}");
    }
}

#[test]
fn the_variable_names_remote_files_too_if_their_colons_end_no_name() {
    let repository = Repository::serve(&files());
    let named = || wharf().env("COMPOSE_FILE", &repository.url());
    let asked = ["config", "--format", "json"];
    let said = named().args(asked).run().fails(3);
    assert!(said.contains("COMPOSE_PATH_SEPARATOR"), "{said}");
    let named = named().env("COMPOSE_PATH_SEPARATOR", ",");
    let config = json(named.args(asked).run());
    assert_eq!(config["services"]["app"]["image"], "app:1");
}

#[test]
fn standard_input_may_take_files_from_elsewhere() {
    let repository = Repository::serve(&files());
    let text = format!("name: piped\ninclude: ['{}#main:sub']\n", repository.url());
    let config = json(config(wharf().input(&text), "-"));
    assert_eq!(config["services"]["part"]["image"], "part");
}
