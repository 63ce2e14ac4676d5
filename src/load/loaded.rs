use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::interpolate;
use crate::source::{Node, Sources, Span, Supply};

use super::discover::{Discovery, Search, base_missing};
use super::location::{absolute, parent};
use super::model::{Loader, Scope};
use super::name::{self, NameRule, ProjectName};
use super::reader::Reader;
use super::remote::Remotes;
use super::{
    Disk, Environment, LayerInfo, LoadRequest, RemoteCopies, Role, SuppliedSecrets, Variables,
    caller, env_file,
};

/// What was read: one merged document, and how it came to be.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The merged document: interpolated, extended, with everything included. Values keep their spans and histories.
    /// An empty mapping when nothing could be read.
    pub root: Node,
    /// Every text that was read.
    pub sources: Sources,
    pub diagnostics: Diagnostics,
    pub name: ProjectName,
    /// `None`: the files stand for themselves, as with `docker compose`.
    pub env: Option<String>,
    /// The project directory, absolute: what relative paths refer to.
    pub directory: PathBuf,
    /// The merged files, lowest first, absolute; for standard input the working directory joined with `-`.
    pub files: Vec<PathBuf>,
    /// The merged files and the base that an env's layer brings in by itself, each with the rule that chose it.
    pub layers: Vec<LayerInfo>,
    /// What `${..}` could name.
    pub variables: Variables,
    pub supplied: SuppliedSecrets,
    /// The profiles that are asked for; `*` stands for all.
    pub profiles: Vec<String>,
    /// Decisions that people should know of, one line each.
    pub notes: Vec<String>,
    /// The remote references of the files and of the request, and what is known of them.
    pub remotes: RemoteCopies,
    /// Remote references that are to be fetched before the project is whole. While there are any, findings may be due to
    /// what is missing.
    pub wanted: Vec<String>,
}

impl Loaded {
    /// Activates the profiles of services that are asked for by name.
    /// <https://github.com/compose-spec/compose-spec/blob/main/15-profiles.md#implicit-enabling-of-profiles>
    pub fn activate(&mut self, services: &[String]) {
        let Some(all) = self.root.get("services") else {
            return;
        };
        for service in services.iter().filter_map(|name| all.get(name)) {
            let profiles = service.get("profiles").and_then(Node::as_sequence);
            let profiles: Vec<&str> = profiles
                .unwrap_or_default()
                .iter()
                .filter_map(Node::as_str)
                .collect();
            let is_active = profiles
                .iter()
                .any(|profile| self.profiles.iter().any(|one| one == profile || one == "*"));
            if !is_active {
                self.profiles
                    .extend(profiles.into_iter().map(str::to_owned));
            }
        }
    }
}

/// Finds, reads and merges the files that `request` means. Every finding is in [`Loaded::diagnostics`]; with an error
/// among them the document is what could be read in spite of it.
pub fn load(request: &LoadRequest, disk: &dyn Disk, environment: &Environment) -> Loaded {
    let remotes = Remotes::new(&request.remotes, environment);
    let mut reader = Reader::new(disk, &environment.working_directory, remotes);
    let mut variables = Variables::default();
    for (name, value) in &environment.variables {
        variables.set(name, value, Supply::Shell);
    }
    variables.offer(
        "PWD",
        environment.working_directory.display().to_string(),
        Supply::Shell,
    );
    let discovery = match discover(request, environment, &mut reader, &mut variables) {
        Ok(discovery) => discovery,
        Err(finding) => {
            reader.diagnostics.push(finding);
            let discovery = Discovery {
                directory: environment.working_directory.clone(),
                home: environment.working_directory.clone(),
                layers: Vec::new(),
                env: None,
            };
            let root = Node::empty_mapping(Span::NONE);
            let profiles = profiles(request, &variables);
            return Loaded {
                profiles,
                ..loaded(reader, root, discovery, variables)
            };
        }
    };
    let Discovery {
        directory,
        home,
        mut layers,
        env,
    } = discovery;

    let mut notes = Vec::new();
    let mut caller_note = None;
    if env.is_some() || request.caller_ids {
        caller_note = caller::supply(&mut variables, environment, disk, &directory);
    }
    let profiles = profiles(request, &variables);
    if let Some(env) = &env {
        decide_base(&mut reader, &mut layers, env, &directory, &variables);
    }
    let files: Vec<PathBuf> = layers
        .iter()
        .filter(|layer| layer.role.is_merged())
        .map(|layer| layer.path.clone())
        .collect();
    reader.ahead(&files, Span::NONE);
    let name = project_name(request, &mut reader, &files, &env, &home, &variables);
    variables.set(
        "COMPOSE_PROJECT_NAME",
        &*name.text,
        name_supply(&name, &variables),
    );

    let mut loader = Loader {
        reader,
        keep_variables: request.keep_variables,
        home: environment.home.as_deref(),
        supplied: SuppliedSecrets::default(),
    };
    let mut scope = Scope::new(&variables, directory.clone());
    let root = loader.files(&files, Span::NONE, &mut scope);
    let (mut reader, supplied) = (loader.reader, loader.supplied);
    if caller_note.is_some() && caller::is_used(&root) {
        notes.extend(caller_note);
    }
    env_file::warn_of_shadowed(&mut reader);
    if root.as_mapping().is_some_and(|members| members.is_empty())
        && !reader.diagnostics.has_errors()
    {
        let shown: Vec<String> = files
            .iter()
            .map(|path| format!("`{}`", reader.show(path)))
            .collect();
        reader.diagnostics.push(
            Diagnostic::error(
                "document-empty",
                format!("{} says nothing", shown.join(", ")),
            )
            .help("define at least one service under `services`"),
        );
    }
    let discovery = Discovery {
        directory,
        home,
        layers,
        env,
    };
    Loaded {
        name,
        profiles,
        notes,
        supplied,
        ..loaded(reader, root, discovery, variables)
    }
}

fn loaded(reader: Reader, root: Node, discovery: Discovery, variables: Variables) -> Loaded {
    let (wanted, remotes) = reader.remotes.settle();
    Loaded {
        root,
        sources: reader.sources,
        diagnostics: reader.diagnostics,
        name: ProjectName::default(),
        env: discovery.env,
        directory: discovery.directory,
        files: discovery
            .layers
            .iter()
            .filter(|layer| layer.role.is_merged())
            .map(|layer| layer.path.clone())
            .collect(),
        layers: discovery.layers,
        variables,
        supplied: SuppliedSecrets::default(),
        profiles: Vec::new(),
        notes: Vec::new(),
        remotes,
        wanted,
    }
}

/// Finds the files, and reads the env files that say where they are and what is in them.
fn discover(
    request: &LoadRequest,
    environment: &Environment,
    reader: &mut Reader,
    variables: &mut Variables,
) -> Result<Discovery, Diagnostic> {
    let working_directory = &environment.working_directory;
    let search = Search {
        request,
        disk: reader.disk,
        working_directory,
    };
    let start = search.start()?;
    let explicit: Vec<(PathBuf, Span)> = if request.env_files.is_empty() {
        environment
            .get("COMPOSE_ENV_FILES")
            .unwrap_or_default()
            .split(',')
            .filter(|file| !file.is_empty())
            .map(|file| (absolute(working_directory, file), Span::NONE))
            .collect()
    } else {
        request
            .env_files
            .iter()
            .map(|file| (absolute(working_directory, file), Span::NONE))
            .collect()
    };
    if !explicit.is_empty() {
        env_file::read(reader, &explicit, variables);
        return search.run(&start, variables, reader);
    }
    if environment.boolean("COMPOSE_DISABLE_ENV_FILE")? == Some(true) {
        return search.run(&start, variables, reader);
    }
    let first = search.first_env_directory(&start);
    default_env_file(reader, &first, variables);
    let discovery = search.run(&start, variables, reader)?;
    if discovery.home != first {
        default_env_file(reader, &discovery.home, variables);
    }
    Ok(discovery)
}

fn default_env_file(reader: &mut Reader, directory: &Path, variables: &mut Variables) {
    let file = directory.join(".env");
    if reader.disk.is_file(&file) {
        env_file::read(reader, &[(file, Span::NONE)], variables);
    }
}

/// `--profile`, else `COMPOSE_PROFILES`.
/// <https://github.com/compose-spec/compose-spec/blob/main/15-profiles.md>
fn profiles(request: &LoadRequest, variables: &Variables) -> Vec<String> {
    if !request.profiles.is_empty() {
        return request.profiles.clone();
    }
    variables
        .value("COMPOSE_PROFILES")
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|profile| !profile.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Decides whether the base of an env is a layer or a library, and whether the env can do without one.
fn decide_base(
    reader: &mut Reader,
    layers: &mut [LayerInfo],
    env: &str,
    directory: &Path,
    variables: &Variables,
) {
    let Some(own) = layers
        .iter()
        .find(|layer| layer.role == Role::Env)
        .map(|layer| layer.path.clone())
    else {
        return;
    };
    let shown = reader.show(&own);
    if let Some(base) = layers.iter_mut().find(|layer| layer.role == Role::Base) {
        if let Some(by) = brings_in(reader, &own, &base.path, directory, variables) {
            base.role = Role::Library;
            base.rule = format!("`{shown}` brings it in by `{by}`, so it is not merged as a layer");
        }
        return;
    }
    let Some(documents) = reader.peek(&own, Span::NONE) else {
        return;
    };
    let stands_alone = |service: &Node| {
        ["image", "build", "extends", "provider"]
            .iter()
            .any(|key| service.get(key).is_some())
    };
    let has_include = documents
        .iter()
        .any(|document| document.get("include").is_some());
    let dependent = documents
        .iter()
        .filter_map(|document| document.get("services")?.as_mapping())
        .flatten()
        .find(|(_, service)| service.as_mapping().is_some() && !stands_alone(service));
    if let Some((key, _)) = dependent
        && !has_include
    {
        let finding = base_missing(env, &key.text).at(key.span, "has neither `image` nor `build`");
        reader.diagnostics.push(finding);
    }
}

/// Whether `file`, or a file that it extends or includes, extends or includes `base`; and by which of the two.
fn brings_in(
    reader: &mut Reader,
    file: &Path,
    base: &Path,
    directory: &Path,
    variables: &Variables,
) -> Option<&'static str> {
    let mut seen = HashSet::from([file.to_path_buf()]);
    let mut waiting = vec![(file.to_path_buf(), directory.to_path_buf(), None)];
    while let Some((file, directory, first)) = waiting.pop() {
        for (by, reference) in references(reader, &file, variables) {
            let path = absolute(&directory, &reference);
            let by = first.unwrap_or(by);
            if path == base {
                return Some(by);
            }
            if reader.disk.is_file(&path) && seen.insert(path.clone()) {
                let directory = parent(&path).to_path_buf();
                waiting.push((path, directory, Some(by)));
            }
        }
    }
    None
}

/// The files that a file extends or includes, as written, with variables substituted.
fn references(
    reader: &mut Reader,
    file: &Path,
    variables: &Variables,
) -> Vec<(&'static str, String)> {
    let mut found: Vec<(&'static str, Node)> = Vec::new();
    for document in reader.peek(file, Span::NONE).unwrap_or_default() {
        let services = document.get("services").and_then(Node::as_mapping);
        let extends = services
            .into_iter()
            .flat_map(|services| services.values())
            .filter_map(|service| service.get("extends")?.get("file"));
        found.extend(extends.map(|file| ("extends", file.clone())));
        let include = document.get("include").and_then(Node::as_sequence);
        for element in include.into_iter().flatten() {
            let path = element.get("path").unwrap_or(element);
            let paths = path.as_sequence().unwrap_or(std::slice::from_ref(path));
            found.extend(paths.iter().map(|path| ("include", path.clone())));
        }
    }
    // What is wrong with them is found when they are loaded.
    let mut unheard = Diagnostics::default();
    found
        .into_iter()
        .filter_map(|(by, mut path)| {
            interpolate::expand(&mut path, &reader.sources, variables, &mut unheard);
            Some((by, path.as_str()?.to_owned()))
        })
        .collect()
}

fn project_name(
    request: &LoadRequest,
    reader: &mut Reader,
    files: &[PathBuf],
    env: &Option<String>,
    directory: &Path,
    variables: &Variables,
) -> ProjectName {
    let given = |text: Option<&str>, rule| {
        text.filter(|text| !text.is_empty())
            .map(|text| ProjectName {
                text: text.to_owned(),
                rule,
            })
    };
    let explicit = given(request.project_name.as_deref(), NameRule::Flag)
        .or_else(|| given(variables.value("COMPOSE_PROJECT_NAME"), NameRule::Variable));
    if let Some(name) = explicit {
        if name::normalize(&name.text) != name.text {
            reader.diagnostics.push(name_refused(&name, Span::NONE));
        }
        return name;
    }
    let mut name = match written_name(reader, files) {
        Some(mut node) => {
            let written = node.span;
            if !request.keep_variables {
                interpolate::expand(
                    &mut node,
                    &reader.sources,
                    variables,
                    &mut reader.diagnostics,
                );
            }
            let text = node.as_str().map(name::normalize).unwrap_or_default();
            let name = ProjectName {
                text,
                rule: NameRule::File,
            };
            if name.text.is_empty() && !reader.diagnostics.has_errors() {
                let as_written = ProjectName {
                    text: node.as_str().unwrap_or_default().to_owned(),
                    ..name.clone()
                };
                reader.diagnostics.push(name_refused(&as_written, written));
            }
            name
        }
        None => ProjectName {
            text: name::of_directory(directory),
            rule: NameRule::Directory,
        },
    };
    if name.text.is_empty() && name.rule == NameRule::Directory {
        reader.diagnostics.push(name_refused(
            &ProjectName {
                text: directory.display().to_string(),
                rule: NameRule::Directory,
            },
            Span::NONE,
        ));
    }
    if let Some(env) = env
        && !name.rule.is_explicit()
    {
        name.text = format!("{}-{}", name.text, name::normalize(env));
    }
    name
}

/// The top-level `name` of the highest layer that has one.
fn written_name(reader: &mut Reader, files: &[PathBuf]) -> Option<Node> {
    files.iter().rev().find_map(|file| {
        reader
            .peek(file, Span::NONE)?
            .iter()
            .rev()
            .filter_map(|document| document.get("name"))
            .find(|name| name.as_str().is_some_and(|text| !text.is_empty()))
            .cloned()
    })
}

fn name_refused(name: &ProjectName, span: Span) -> Diagnostic {
    let usable = name::normalize(&name.text);
    let finding = Diagnostic::error(
        "project-name",
        format!(
            "`{}`, {}, is no project name",
            name.text,
            name.rule.describe()
        ),
    )
    .at(span, "")
    .note("a project name has only lower-case letters, digits, `-` and `_`, and begins with a letter or digit");
    if usable.is_empty() {
        finding.help("name the project with `-p`")
    } else {
        finding.help(format!("use `{usable}`"))
    }
}

/// Who is to be told as the supplier of the variable that holds the project's name.
fn name_supply(name: &ProjectName, variables: &Variables) -> Supply {
    match (name.rule, variables.get("COMPOSE_PROJECT_NAME")) {
        (NameRule::Variable, Some(variable)) => variable.supply.clone(),
        _ => Supply::Caller,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{MemoryDisk, RemoteCopy};

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
}
