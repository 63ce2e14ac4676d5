use std::path::{Path, PathBuf};

use super::*;
use crate::source::{Node, Supply};

const BASE: &str = "services:\n  app:\n    image: app\n";
const DEV: &str = "services:\n  app:\n    command: dev\n";

fn disk() -> MemoryDisk {
    MemoryDisk::default()
        .with("/p/docker-compose.base.yml", BASE)
        .with("/p/docker-compose.dev.yml", DEV)
        .with("/p/docker-compose.test.yml", DEV)
        .with("/p/src/main.rs", "")
}

fn at(directory: &str) -> Environment {
    Environment {
        working_directory: directory.into(),
        uid: 1234,
        gid: 5678,
        ..Environment::default()
    }
}

fn env(name: &str) -> LoadRequest {
    LoadRequest {
        env: Some(name.into()),
        ..LoadRequest::default()
    }
}

fn files(loaded: &Loaded) -> Vec<&str> {
    loaded
        .files
        .iter()
        .filter_map(|path| path.to_str())
        .collect()
}

fn findings(loaded: &Loaded) -> Vec<(&'static str, &str)> {
    loaded
        .diagnostics
        .iter()
        .map(|finding| (finding.code, finding.message.as_str()))
        .collect()
}

#[test]
fn an_env_is_base_and_layer_found_from_below() {
    let loaded = load(&env("test"), &disk(), &at("/p/src"));
    assert_eq!(findings(&loaded), []);
    assert_eq!(
        files(&loaded),
        ["/p/docker-compose.base.yml", "/p/docker-compose.test.yml"]
    );
    assert_eq!(loaded.env.as_deref(), Some("test"));
    assert_eq!(loaded.directory, Path::new("/p"));
    assert_eq!(loaded.name.text, "p-test");
    let app = loaded.root.get("services").and_then(|s| s.get("app"));
    assert!(app.is_some_and(|app| app.get("image").is_some() && app.get("command").is_some()));
}

#[test]
fn dev_is_the_default_env() {
    let loaded = load(&LoadRequest::default(), &disk(), &at("/p"));
    assert_eq!(loaded.env.as_deref(), Some("dev"));
}

#[test]
fn a_link_to_a_layer_says_which_env_is_the_default() {
    let disk = disk().link("/p/docker-compose.yml", "/p/docker-compose.test.yml");
    let loaded = load(&LoadRequest::default(), &disk, &at("/p"));
    assert_eq!(loaded.env.as_deref(), Some("test"));
    assert_eq!(
        loaded.layers[1].rule,
        "the layer of env `test`, to which `docker-compose.yml` is a link"
    );
}

#[test]
fn whoever_wants_composes_names_gets_no_env() {
    let disk = disk().link("/p/docker-compose.yml", "/p/docker-compose.test.yml");
    let compose = LoadRequest {
        compose_names: true,
        ..LoadRequest::default()
    };
    let loaded = load(&compose, &disk, &at("/p/src"));
    assert_eq!(loaded.env, None);
    assert_eq!(files(&loaded), ["/p/docker-compose.yml"]);
    assert_eq!(loaded.name.text, "p");
}

#[test]
fn a_file_under_composes_own_name_stands_for_itself() {
    let disk = disk()
        .with("/p/docker-compose.yml", BASE)
        .with("/p/docker-compose.override.yml", DEV);
    let loaded = load(&LoadRequest::default(), &disk, &at("/p/src"));
    assert_eq!(loaded.env, None);
    assert_eq!(loaded.name.text, "p");
    assert_eq!(
        files(&loaded),
        ["/p/docker-compose.yml", "/p/docker-compose.override.yml"]
    );
    assert_eq!(loaded.layers[1].role, Role::Override);
}

#[test]
fn a_base_that_the_layer_extends_is_a_library() {
    let dev = "services:\n  app:\n    extends: {file: docker-compose.base.yml, service: app}\n    command: dev\n";
    let disk = disk().with("/p/docker-compose.dev.yml", dev);
    let loaded = load(&env("dev"), &disk, &at("/p"));
    assert_eq!(findings(&loaded), []);
    assert_eq!(files(&loaded), ["/p/docker-compose.dev.yml"]);
    assert_eq!(loaded.layers[0].role, Role::Library);
    let image = loaded
        .root
        .at(&crate::source::Path::keys(["services", "app", "image"]));
    let history = image.and_then(|image| image.history.as_deref());
    assert!(matches!(
        history.map(Vec::as_slice),
        Some([crate::source::Change::Extended { .. }])
    ));
}

#[test]
fn an_env_without_base_must_stand_alone() {
    let disk = MemoryDisk::default().with("/p/compose.dev.yaml", DEV);
    let loaded = load(&env("dev"), &disk, &at("/p"));
    assert_eq!(
        findings(&loaded),
        [(
            "base-missing",
            "env `dev` has no base layer, and service `app` needs one"
        )]
    );
    let disk = MemoryDisk::default().with("/p/compose.dev.yaml", BASE);
    assert_eq!(findings(&load(&env("dev"), &disk, &at("/p"))), []);
}

#[test]
fn unknown_envs_and_stacks_are_told_with_those_that_exist() {
    let disk = disk().with("/p/stacks/pycroft/compose.dev.yml", BASE);
    let loaded = load(&env("tset"), &disk, &at("/p"));
    let finding = loaded.diagnostics.iter().next().unwrap();
    assert_eq!(finding.code, "env-unknown");
    assert_eq!(finding.help[0].text, "did you mean `test`?");
    assert!(finding.notes[1].ends_with("`dev`, `test`"));

    let request = LoadRequest {
        stack: Some("pycorft".into()),
        ..LoadRequest::default()
    };
    let loaded = load(&request, &disk, &at("/p/src"));
    let finding = loaded.diagnostics.iter().next().unwrap();
    assert_eq!(finding.code, "stack-unknown");
    assert_eq!(finding.help[0].text, "did you mean `pycroft`?");
}

#[test]
fn a_stack_is_looked_for_in_its_own_directory_only() {
    let disk = disk().with("/p/stacks/pycroft/compose.dev.yml", BASE);
    let request = LoadRequest {
        stack: Some("pycroft".into()),
        ..LoadRequest::default()
    };
    let loaded = load(&request, &disk, &at("/p/src"));
    assert_eq!(files(&loaded), ["/p/stacks/pycroft/compose.dev.yml"]);
    assert_eq!(loaded.name.text, "pycroft-dev");
    let request = LoadRequest {
        env: Some("test".into()),
        ..request
    };
    let loaded = load(&request, &disk, &at("/p/src"));
    assert_eq!(findings(&loaded)[0].0, "env-unknown");
}

#[test]
fn files_are_named_by_flag_or_variable() {
    let mut environment = at("/p/src");
    environment.variables.insert(
        "COMPOSE_FILE".into(),
        "../docker-compose.base.yml:../docker-compose.dev.yml".into(),
    );
    let loaded = load(&LoadRequest::default(), &disk(), &environment);
    assert_eq!(loaded.env, None);
    assert_eq!(loaded.directory, Path::new("/p"));
    assert_eq!(loaded.files.len(), 2);

    let request = LoadRequest {
        files: vec!["-".into()],
        ..LoadRequest::default()
    };
    let disk = MemoryDisk {
        stdin: BASE.into(),
        ..disk()
    };
    let loaded = load(&request, &disk, &environment);
    assert_eq!(findings(&loaded), []);
    assert_eq!(loaded.directory, Path::new("/p/src"));
    assert_eq!(loaded.name.text, "src");
}

#[test]
fn a_missing_file_is_told_with_the_one_that_is_near() {
    let request = LoadRequest {
        files: vec!["docker-compose.bsae.yml".into()],
        ..LoadRequest::default()
    };
    let loaded = load(&request, &disk(), &at("/p"));
    let finding = loaded.diagnostics.iter().next().unwrap();
    assert_eq!(finding.code, "file-missing");
    assert_eq!(
        finding.help[0].text,
        "did you mean `docker-compose.base.yml`?"
    );
}

#[test]
fn names_given_for_this_run_are_taken_as_they_are() {
    let mut environment = at("/p");
    environment
        .variables
        .insert("COMPOSE_PROJECT_NAME".into(), "mine".into());
    let loaded = load(&env("dev"), &disk(), &environment);
    assert_eq!(loaded.name.text, "mine");
    assert_eq!(loaded.name.rule, NameRule::Variable);

    let request = LoadRequest {
        project_name: Some("Mine".into()),
        ..env("dev")
    };
    let loaded = load(&request, &disk(), &environment);
    assert_eq!(findings(&loaded)[0].0, "project-name");
}

#[test]
fn remote_files_are_wanted_first_and_then_at_home_in_their_copy() {
    let disk = MemoryDisk::default()
        .with("/p/.env", "TAG=mine\n")
        .with("/p/over.yml", "services: {own: {command: [over]}}\n")
        .with("/c/.env", "TAG=theirs\n")
        .with(
            "/c/compose.yml",
            "include: [part/compose.yml, 'oci://registry.example/more']\nservices: {own: {image: 'a:${TAG}'}}\n",
        )
        .with("/c/part/compose.yml", "services: {part: {image: b}}\n")
        .with("/m/one.yml", "services: {more: {image: one}}\n")
        .with("/m/two.yml", "services: {more: {image: two}}\n");
    let git = "https://host.example/app.git#main";
    let mut request = LoadRequest {
        files: vec![git.into(), "over.yml".into()],
        ..LoadRequest::default()
    };
    let copy = |root: &str, files: &[&str]| {
        Ok(RemoteCopy {
            root: root.into(),
            prefix: format!("{root}:"),
            files: files.iter().map(PathBuf::from).collect(),
        })
    };
    let first = load(&request, &disk, &at("/p"));
    assert_eq!(first.wanted, [git]);
    assert_eq!(findings(&first)[0].0, "remote-unfetched");

    request
        .remotes
        .insert(git.into(), copy("/c", &["/c/compose.yml"]));
    let second = load(&request, &disk, &at("/p"));
    assert_eq!(second.wanted, ["oci://registry.example/more"]);

    request.remotes.insert(
        "oci://registry.example/more".into(),
        copy("/m", &["/m/one.yml", "/m/two.yml"]),
    );
    let whole = load(&request, &disk, &at("/p"));
    assert_eq!((findings(&whole), &whole.wanted), (vec![], &vec![]));
    assert_eq!(whole.directory, PathBuf::from("/c"));
    assert_eq!(whole.name.text, "p");
    assert_eq!(
        whole.layers[0].reference.as_deref(),
        Some("https://host.example/app.git#main")
    );
    let image = |service: &str| {
        let path = crate::source::Path::keys(["services", service, "image"]);
        whole.root.at(&path).and_then(Node::as_str)
    };
    assert_eq!(image("own"), Some("a:mine"));
    assert_eq!(image("part"), Some("b"));
    assert_eq!(image("more"), Some("two"));
}

#[test]
fn envs_know_the_caller_and_files_only_when_asked() {
    let supplied = |request: &LoadRequest, environment: &Environment, disk: &MemoryDisk| {
        let loaded = load(request, disk, environment);
        let id = loaded.variables.get("UID").cloned();
        (id, loaded.notes)
    };
    let caller = |uid: &str| {
        Some(crate::load::Variable {
            value: uid.into(),
            supply: Supply::Caller,
        })
    };
    let by_file = LoadRequest {
        files: vec!["docker-compose.base.yml".into()],
        ..LoadRequest::default()
    };
    let user = at("/p");
    assert_eq!(
        supplied(&env("dev"), &user, &disk()),
        (caller("1234"), vec![])
    );
    assert_eq!(supplied(&by_file, &user, &disk()).0, None);
    let asked = LoadRequest {
        caller_ids: true,
        ..by_file
    };
    assert_eq!(supplied(&asked, &user, &disk()).0, caller("1234"));

    let mut root = Environment { uid: 0, ..user };
    let (id, notes) = supplied(&env("dev"), &root, &disk());
    assert_eq!(id, caller("1000"));
    assert!(notes.is_empty(), "nothing uses it: {notes:?}");
    let asking = disk().with(
        "/p/docker-compose.dev.yml",
        "services:\n  app:\n    image: app\n    user: ${UID}\n",
    );
    assert_eq!(supplied(&env("dev"), &root, &asking).1.len(), 1);
    let owned = MemoryDisk {
        owner: Some((77, 88)),
        ..disk()
    };
    assert_eq!(supplied(&env("dev"), &root, &owned).0, caller("77"));
    root.variables.insert("SUDO_UID".into(), "55".into());
    assert_eq!(supplied(&env("dev"), &root, &owned).0, caller("55"));

    let dotenv = disk().with("/p/.env", "UID=9\n");
    let (id, _) = supplied(&env("dev"), &root, &dotenv);
    assert!(id.is_some_and(|id| id.value == "9" && matches!(id.supply, Supply::EnvFile(_))));
}
