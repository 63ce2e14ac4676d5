use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Node, Sources, Span, Supply};

use super::base::decide_base;
use super::discover::{Discovery, Search, named_by_the_shell};
use super::location::absolute;
use super::model::{Loader, Scope};
use super::name::ProjectName;
use super::naming::{name_supply, project_name};
use super::reader::Reader;
use super::remote::Remotes;
use super::{
    Disk, Environment, LayerInfo, LoadRequest, RemoteCopies, SuppliedSecrets, Variables, caller,
    env_file,
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
                asked: Span::NONE,
                named_by: None,
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
        asked,
        named_by,
    } = discovery;
    reader.named_by = named_by;

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
    reader.ahead(&files, asked);
    let name = project_name(request, &mut reader, &files, &env, &home, &variables);
    variables.set(
        "COMPOSE_PROJECT_NAME",
        &*name.text,
        name_supply(&name, &variables),
    );

    let mut loader = Loader {
        reader,
        keep_variables: request.keep_variables,
        keep_paths: request.keep_paths,
        home: environment.home.as_deref(),
        supplied: SuppliedSecrets::default(),
    };
    let mut scope = Scope::new(&variables, directory.clone());
    let root = loader.files(&files, asked, &mut scope);
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
        asked,
        named_by: None,
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
        if request.env_files.is_empty() {
            reader.named_by = Some(named_by_the_shell("COMPOSE_ENV_FILES"));
        }
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
