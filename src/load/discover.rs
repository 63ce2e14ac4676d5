use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Diagnostics, closest};

use super::envs::{base_names, bases, env_of, envs, envs_in, layer_names, layers_of, stacks};
use super::location::{absolute, display, parent};
use super::reader::Reader;
use super::{Disk, LayerInfo, LoadRequest, Role, Variables, is_remote};
use crate::source::{Span, Supply};

/// The names under which Compose finds a file by itself, most wanted first.
/// <https://docs.docker.com/compose/intro/compose-application-model/#the-compose-file>
pub const COMPOSE_NAMES: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
];
const OVERRIDE_NAMES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];
const DEFAULT_ENV: &str = "dev";

/// Which files make the project, before any of them is read.
#[derive(Debug, PartialEq)]
pub(super) struct Discovery {
    /// The project directory.
    pub(super) directory: PathBuf,
    /// Where `.env` is, and what the project is named after unless its files say it: the project directory, unless that is a
    /// copy of something remote.
    pub(super) home: PathBuf,
    /// Lowest first. `-` as the last part of a path is standard input.
    pub(super) layers: Vec<LayerInfo>,
    /// `None`: the files stand for themselves, as with `docker compose`.
    pub(super) env: Option<String>,
    /// The line of an env file that names the files.
    pub(super) asked: Span,
    /// Who else names them, in a sentence for messages. `None`: the command line, or nobody.
    pub(super) named_by: Option<String>,
}

pub(super) struct Search<'s> {
    pub(super) request: &'s LoadRequest,
    pub(super) disk: &'s dyn Disk,
    pub(super) working_directory: &'s Path,
}

impl Search<'_> {
    /// Where looking for files begins: the stack, `--project-directory`, or the working directory.
    pub(super) fn start(&self) -> Result<PathBuf, Diagnostic> {
        let Some(stack) = &self.request.stack else {
            return Ok(match &self.request.project_directory {
                Some(directory) => absolute(self.working_directory, directory),
                None => self.working_directory.to_path_buf(),
            });
        };
        let found = self
            .working_directory
            .ancestors()
            .map(|directory| directory.join("stacks").join(stack))
            .find(|directory| self.disk.is_dir(directory));
        found.ok_or_else(|| {
            let known = stacks(self.disk, self.working_directory);
            let finding = Diagnostic::error(
                "stack-unknown",
                format!("there is no stack `{stack}` below `stacks/`"),
            );
            suggest(finding, "stack", stack, &known)
        })
    }

    /// The directory whose `.env` is read before any file is found.
    pub(super) fn first_env_directory(&self, start: &Path) -> PathBuf {
        if self.request.project_directory.is_some() {
            return start.to_path_buf();
        }
        match self.request.files.iter().find(|file| *file != "-") {
            Some(file) if !is_remote(file) => {
                parent(&absolute(self.working_directory, file)).to_path_buf()
            }
            Some(_) | None => start.to_path_buf(),
        }
    }

    pub(super) fn run(
        &self,
        start: &Path,
        variables: &Variables,
        reader: &mut Reader,
    ) -> Result<Discovery, Diagnostic> {
        if !self.request.files.is_empty() {
            if let Some(env) = &self.request.env {
                return Err(Diagnostic::error(
                    "env-with-files",
                    format!("env `{env}` and `-f` both say which files to load"),
                )
                .help("leave one of the two out"));
            }
            if let Some(stack) = &self.request.stack {
                return Err(Diagnostic::error(
                    "env-with-files",
                    format!("stack `{stack}` and `-f` both say which files to load"),
                )
                .help(format!("leave one of the two out: `-f stacks/{stack}/..`")));
            }
            let files = self.request.files.iter().map(String::as_str);
            return self.named(files, "`-f`", reader);
        }
        if let Some(env) = &self.request.env {
            return self.env(start, env, "asked for");
        }
        if let Some(files) = variables
            .value("COMPOSE_FILE")
            .filter(|files| !files.is_empty() && self.request.stack.is_none())
        {
            let separator = variables
                .value("COMPOSE_PATH_SEPARATOR")
                .filter(|separator| !separator.is_empty())
                .unwrap_or(":");
            if separator == ":" && files.contains("://") {
                return Err(Diagnostic::error(
                    "remote-reference",
                    "`COMPOSE_FILE` names something remote, whose `:` it takes for the end of a file's name",
                )
                .help("name what stands between files by `COMPOSE_PATH_SEPARATOR`, such as `,`"));
            }
            let found = self.named(files.split(separator), "`COMPOSE_FILE`", reader)?;
            let (asked, named_by) = match variables.get("COMPOSE_FILE").map(|one| &one.supply) {
                Some(Supply::EnvFile(line)) => (*line, None),
                _ => (Span::NONE, Some(named_by_the_shell("COMPOSE_FILE"))),
            };
            return Ok(Discovery {
                asked,
                named_by,
                ..found
            });
        }
        self.default(start, &mut reader.diagnostics)
    }

    /// As Compose does it, the first remote file is at home in its copy, and so is what the others name; the project is still
    /// called as it would be called without it.
    fn named<'f>(
        &self,
        files: impl Iterator<Item = &'f str>,
        by: &str,
        reader: &mut Reader,
    ) -> Result<Discovery, Diagnostic> {
        let mut layers = Vec::new();
        let mut home = None;
        let mut copied = None;
        let mut refused = None;
        for file in files {
            match reader.remotes.copy(file) {
                None => {
                    let path = absolute(self.working_directory, file);
                    if !path.ends_with("-") {
                        home.get_or_insert_with(|| parent(&path).to_path_buf());
                    }
                    layers.push(LayerInfo {
                        path,
                        role: Role::File,
                        rule: format!("named by {by}"),
                        reference: None,
                    });
                }
                Some(Ok(copy)) => {
                    home.get_or_insert_with(|| self.working_directory.to_path_buf());
                    for path in &copy.files {
                        copied.get_or_insert_with(|| parent(path).to_path_buf());
                        layers.push(LayerInfo {
                            path: path.clone(),
                            role: Role::File,
                            rule: format!("fetched by {by}"),
                            reference: Some(file.to_owned()),
                        });
                    }
                }
                Some(Err(finding)) => {
                    if let Some(other) = refused.replace(finding) {
                        reader.diagnostics.push(other);
                    }
                }
            }
        }
        if let Some(finding) = refused {
            return Err(finding);
        }
        let home = match &self.request.project_directory {
            Some(_) => self.project_directory(self.working_directory),
            None => home.unwrap_or_else(|| self.working_directory.to_path_buf()),
        };
        Ok(Discovery {
            asked: Span::NONE,
            named_by: None,
            directory: copied.unwrap_or_else(|| home.clone()),
            home,
            layers,
            env: None,
        })
    }

    fn project_directory(&self, found: &Path) -> PathBuf {
        match &self.request.project_directory {
            Some(directory) => absolute(self.working_directory, directory),
            None => found.to_path_buf(),
        }
    }

    /// The directories in which files are looked for, nearest first. A stack is looked for nowhere else.
    fn places<'d>(&self, start: &'d Path) -> impl Iterator<Item = &'d Path> {
        let far = if self.request.stack.is_some() {
            1
        } else {
            usize::MAX
        };
        start.ancestors().take(far)
    }

    fn env(&self, start: &Path, env: &str, why: &str) -> Result<Discovery, Diagnostic> {
        let found = self
            .places(start)
            .find(|directory| !layers_of(self.disk, directory, env).is_empty());
        match found {
            Some(directory) => Ok(self.env_in(directory, env, why)),
            None => Err(self.unknown_env(start, env)),
        }
    }

    fn unknown_env(&self, start: &Path, env: &str) -> Diagnostic {
        let finding =
            Diagnostic::error("env-unknown", format!("there is no layer for env `{env}`")).note(
                format!(
                    "looked for {} in `{}` and above",
                    layer_names(env).collect::<Vec<_>>().join(", "),
                    start.display()
                ),
            );
        let known = envs(self.disk, start);
        suggest(finding, "env", env, &known)
    }

    fn env_in(&self, directory: &Path, env: &str, why: &str) -> Discovery {
        let base = bases(self.disk, directory)
            .into_iter()
            .map(|path| LayerInfo {
                path,
                role: Role::Base,
                rule: format!("the base of every env in `{}`", self.show(directory)),
                reference: None,
            });
        let own = layers_of(self.disk, directory, env)
            .into_iter()
            .map(|path| LayerInfo {
                path,
                role: Role::Env,
                rule: format!("the layer of env `{env}`, {why}"),
                reference: None,
            });
        Discovery {
            asked: Span::NONE,
            named_by: None,
            directory: self.project_directory(directory),
            home: self.project_directory(directory),
            layers: base.take(1).chain(own.take(1)).collect(),
            env: Some(env.to_owned()),
        }
    }

    /// Neither files nor an env were named.
    fn default(
        &self,
        start: &Path,
        diagnostics: &mut Diagnostics,
    ) -> Result<Discovery, Diagnostic> {
        for directory in self.places(start) {
            let found = existing(self.disk, directory, &COMPOSE_NAMES);
            if self.request.compose_names {
                if !found.is_empty() {
                    return Ok(self.compose_files(directory, found, diagnostics));
                }
                continue;
            }
            if let Some((link, env)) = found
                .iter()
                .find_map(|path| Some((path, self.env_behind(path)?)))
            {
                let why = format!("to which `{}` is a link", self.show(link));
                return Ok(self.env_in(directory, &env, &why));
            }
            let has_old_name = found.iter().any(|path| {
                path.file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with("docker-"))
            });
            let has_dev = !layers_of(self.disk, directory, DEFAULT_ENV).is_empty();
            if has_dev && !has_old_name {
                return Ok(self.env_in(directory, DEFAULT_ENV, "the default env"));
            }
            if !found.is_empty() {
                return Ok(self.compose_files(directory, found, diagnostics));
            }
        }
        Err(self.nothing_found(start))
    }

    /// The env to whose layer, in the same directory, a file is a symbolic link.
    fn env_behind(&self, path: &Path) -> Option<String> {
        let target = self.disk.canonicalize(path).ok()?;
        let directory = self.disk.canonicalize(parent(path)).ok()?;
        if parent(&target) != directory || target.file_name() == path.file_name() {
            return None;
        }
        env_of(target.file_name()?.to_str()?).map(str::to_owned)
    }

    fn compose_files(
        &self,
        directory: &Path,
        found: Vec<PathBuf>,
        diagnostics: &mut Diagnostics,
    ) -> Discovery {
        let overrides = existing(self.disk, directory, &OVERRIDE_NAMES);
        for several in [&found, &overrides] {
            if let [used, others @ ..] = several.as_slice()
                && !others.is_empty()
            {
                let others: Vec<String> = others
                    .iter()
                    .map(|path| format!("`{}`", self.show(path)))
                    .collect();
                diagnostics.push(
                    Diagnostic::warning(
                        "files-ambiguous",
                        format!(
                            "`{}` is used, {} beside it is not",
                            self.show(used),
                            others.join(", ")
                        ),
                    )
                    .help("remove one of them, or name the wanted one with `-f`"),
                );
            }
        }
        let layer = |path: PathBuf, role, rule: &str| LayerInfo {
            path,
            role,
            rule: rule.to_owned(),
            reference: None,
        };
        let main = found
            .into_iter()
            .map(|path| layer(path, Role::File, "one of Compose's own file names"));
        let over = overrides
            .into_iter()
            .map(|path| layer(path, Role::Override, "the override beside it"));
        Discovery {
            asked: Span::NONE,
            named_by: None,
            directory: self.project_directory(directory),
            home: self.project_directory(directory),
            layers: main.take(1).chain(over.take(1)).collect(),
            env: None,
        }
    }

    fn nothing_found(&self, start: &Path) -> Diagnostic {
        let mut finding = Diagnostic::error(
            "files-missing",
            format!("there is no Compose file in `{}` or above", start.display()),
        )
        .note(format!(
            "looked for {} and {}",
            layer_names(DEFAULT_ENV).collect::<Vec<_>>().join(", "),
            COMPOSE_NAMES.join(", ")
        ));
        if !self.disk.is_dir(start) {
            finding = finding.note(format!("there is no directory `{}`", start.display()));
        }
        let known = self
            .places(start)
            .map(|directory| envs_in(self.disk, directory))
            .find(|envs| !envs.is_empty());
        if let Some(known) = known {
            finding = finding.help(format!("name one of the envs that exist: {}", list(&known)));
        } else if self
            .places(start)
            .any(|directory| !bases(self.disk, directory).is_empty())
        {
            finding = finding.help(format!(
                "the base alone is no env: write the layer of one beside it, `docker-compose.{DEFAULT_ENV}.yml`"
            ));
        } else {
            let known = stacks(self.disk, start);
            finding = finding.help(if known.is_empty() {
                "name the files with `-f`".to_owned()
            } else {
                format!("name one of the stacks with `--stack`: {}", list(&known))
            });
        }
        finding
    }

    fn show(&self, path: &Path) -> String {
        display(self.working_directory, path)
    }
}

/// Who names files, for messages about one that cannot be read.
pub(super) fn named_by_the_shell(variable: &str) -> String {
    format!("`{variable}` of the shell names it")
}

/// That an env's layer stands alone although it only amends services.
pub(super) fn base_missing(env: &str, service: &str) -> Diagnostic {
    Diagnostic::error(
        "base-missing",
        format!("env `{env}` has no base layer, and service `{service}` needs one"),
    )
    .note(format!(
        "looked for {} beside the env's layer",
        base_names().collect::<Vec<_>>().join(", ")
    ))
    .help("write the base file, or give each service its `image` or `build` here")
}

fn existing(disk: &dyn Disk, directory: &Path, names: &[&str]) -> Vec<PathBuf> {
    names
        .iter()
        .map(|name| directory.join(name))
        .filter(|path| disk.is_file(path) || disk.is_dir(path))
        .collect()
}

fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

fn suggest(finding: Diagnostic, noun: &str, wanted: &str, known: &[String]) -> Diagnostic {
    if known.is_empty() {
        return finding.note(format!("no {noun} exists here"));
    }
    let finding = match closest(wanted, known.iter().map(String::as_str)) {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => finding,
    };
    let plural = if known.len() == 1 { "" } else { "s" };
    finding.note(format!("{noun}{plural} that exist: {}", list(known)))
}
