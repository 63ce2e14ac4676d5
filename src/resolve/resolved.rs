use std::path::PathBuf;

use super::environment::EnvFiles;
use super::{check, defaults, profiles, unused};
use crate::diagnostic::Diagnostics;
use crate::grammar::{self, Anchor};
use crate::load::{Disk, Environment, LayerInfo, Loaded, ProjectName, Variables};
use crate::model::Project;
use crate::source::{DecodeError, Mapping, Node, Sources, from_node};

/// Which steps of resolving are left out, as the flags of `docker compose config` say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `--no-interpolate`: `${..}` stands in the document, so that values stay as written.
    pub keep_variables: bool,
    /// `--no-normalize`: no default network, no names, no implied dependencies.
    pub keep_short: bool,
    /// `--no-path-resolution`.
    pub keep_paths: bool,
    /// `--no-consistency`.
    pub skip_checks: bool,
    /// `--no-env-resolution`: env files stay listed, and are not read.
    pub keep_env_files: bool,
    /// Only these services and what they depend on. Empty: all.
    pub services: Vec<String>,
}

/// A project that is ready to be planned, and the document that it was read from.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// Of no use while [`Resolved::diagnostics`] has errors.
    pub project: Project,
    /// The canonical form, as `docker compose config` prints it; every value knows where it was written.
    pub document: Node,
    /// Services of which no profile is active.
    pub inactive: Mapping,
    pub sources: Sources,
    pub diagnostics: Diagnostics,
    pub name: ProjectName,
    pub layers: Vec<LayerInfo>,
    pub variables: Variables,
    /// Decisions that people should know of, one line each.
    pub notes: Vec<String>,
    pub directory: PathBuf,
}

/// Makes a project out of what was loaded. Findings are added to those of loading.
pub fn resolve(
    loaded: Loaded,
    disk: &dyn Disk,
    environment: &Environment,
    options: &Options,
) -> Resolved {
    let Loaded {
        mut root,
        mut sources,
        mut diagnostics,
        name,
        env,
        directory,
        files,
        layers,
        variables,
        profiles: active,
        notes,
    } = loaded;
    let mut inactive = Mapping::new();
    let mut project = Project::default();
    if !diagnostics.has_errors() {
        defaults::required(&mut root);
        check::structure(&root, &mut diagnostics);
        if !options.keep_paths {
            let anchor = Anchor {
                directory: &directory,
                home: environment.home.as_deref(),
            };
            grammar::absolute(&mut root, anchor);
        }
        if !options.keep_short {
            let variable = |name: &str| variables.value(name).map(str::to_owned);
            defaults::fill(&mut root, &name.text, &variable);
        }
        if !options.keep_variables {
            grammar::canonicalise(&mut root, &mut diagnostics);
            inactive = profiles::deactivate(&mut root, &active);
            if !options.skip_checks {
                check::consistency(&root, &inactive, &mut diagnostics);
            }
            defaults::replicas(&mut root);
            if !options.keep_env_files {
                let mut env_files = EnvFiles::new(disk, &variables, &mut sources, &mut diagnostics);
                env_files.apply_all(&mut root);
            }
            unused::remove(&mut root);
            if !diagnostics.has_errors() {
                match decode(&root, &inactive) {
                    Ok(decoded) => project = decoded,
                    Err(error) => diagnostics.push(error.diagnostic()),
                }
            }
        }
    }
    project.directory.clone_from(&directory);
    project.files = files;
    project.env = env;
    Resolved {
        project,
        document: root,
        inactive,
        sources,
        diagnostics,
        name,
        layers,
        variables,
        notes,
        directory,
    }
}

/// Reads the typed project from the canonical document.
fn decode(root: &Node, inactive: &Mapping) -> Result<Project, DecodeError> {
    let mut project: Project = from_node(root)?;
    for (name, service) in inactive {
        project
            .inactive
            .insert(name.text.to_string(), from_node(service)?);
    }
    Ok(project)
}
