use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Node, Sources, Span, Supply};

use super::discover::{Discovery, Search, base_missing};
use super::location::{absolute, parent};
use super::model::{Loader, Scope};
use super::name::{self, NameRule, ProjectName};
use super::reader::Reader;
use super::{Disk, Environment, LayerInfo, LoadRequest, Role, Variables, caller, env_file, passes};

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
    /// The profiles that are asked for; `*` stands for all.
    pub profiles: Vec<String>,
    /// Decisions that people should know of, one line each.
    pub notes: Vec<String>,
}

/// Finds, reads and merges the files that `request` means. Every finding is in [`Loaded::diagnostics`]; with an error
/// among them the document is what could be read in spite of it.
pub fn load(request: &LoadRequest, disk: &dyn Disk, environment: &Environment) -> Loaded {
    let mut reader = Reader::new(disk, &environment.working_directory);
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
        mut layers,
        env,
    } = discovery;

    let mut notes = Vec::new();
    if env.is_some() || request.caller_ids {
        notes.extend(caller::supply(
            &mut variables,
            environment,
            disk,
            &directory,
        ));
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
    let name = project_name(request, &mut reader, &files, &env, &directory, &variables);
    variables.set(
        "COMPOSE_PROJECT_NAME",
        &*name.text,
        name_supply(&name, &variables),
    );

    let mut loader = Loader {
        reader,
        keep_variables: request.keep_variables,
    };
    let mut scope = Scope::new(&variables, directory.clone());
    let root = loader.files(&files, Span::NONE, &mut scope);
    let mut reader = loader.reader;
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
        layers,
        env,
    };
    Loaded {
        name,
        profiles,
        notes,
        ..loaded(reader, root, discovery, variables)
    }
}

fn loaded(reader: Reader, root: Node, discovery: Discovery, variables: Variables) -> Loaded {
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
        profiles: Vec::new(),
        notes: Vec::new(),
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
        return search.run(&start, variables, &mut reader.diagnostics);
    }
    if is_env_file_disabled(environment)? {
        return search.run(&start, variables, &mut reader.diagnostics);
    }
    let first = search.first_env_directory(&start);
    default_env_file(reader, &first, variables);
    let discovery = search.run(&start, variables, &mut reader.diagnostics)?;
    if discovery.directory != first {
        default_env_file(reader, &discovery.directory, variables);
    }
    Ok(discovery)
}

fn default_env_file(reader: &mut Reader, directory: &Path, variables: &mut Variables) {
    let file = directory.join(".env");
    if reader.disk.is_file(&file) {
        env_file::read(reader, &[(file, Span::NONE)], variables);
    }
}

fn is_env_file_disabled(environment: &Environment) -> Result<bool, Diagnostic> {
    match environment.get("COMPOSE_DISABLE_ENV_FILE") {
        None => Ok(false),
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some(other) => Err(Diagnostic::error(
            "variable-boolean",
            format!("`COMPOSE_DISABLE_ENV_FILE` is `{other}`, where `true` or `false` is expected"),
        )),
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
            passes::expand(&mut path, &reader.sources, variables, &mut unheard);
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
                passes::expand(
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
