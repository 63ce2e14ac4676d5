use std::path::Path;

use clap::{Args, ValueEnum};

use super::context::{Context, Purpose};
use super::{Exit, Failure};
use crate::ci::{Forge, Recipe};
use crate::load::Disk;
use crate::model::Project;
use crate::template::shell;

/// Write a workflow that builds, tests and releases the project
#[derive(Args, Debug)]
pub struct Ci {
    #[arg(value_enum, value_name = "github|gitlab")]
    pub forge: ForgeName,
    /// Push on every commit of the main branch too, after a look at what would be pushed
    #[arg(long)]
    pub publish: bool,
    /// Write it where it is looked for, instead of printing it
    #[arg(long, conflicts_with = "check")]
    pub write: bool,
    /// Only say whether the file is as it would be written: exit code 4 if not
    #[arg(long)]
    pub check: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ForgeName {
    Github,
    Gitlab,
}

impl Ci {
    pub fn run(self, context: &Context) -> Result<Exit, Failure> {
        let forge = match self.forge {
            ForgeName::Github => Forge::Github,
            ForgeName::Gitlab => Forge::Gitlab,
        };
        let root = repository(context);
        let recipe = self.recipe(context, root)?;
        let text = recipe
            .render(forge)
            .map_err(|finding| anyhow::anyhow!("a template of wharf: {}", finding.message))?;
        let path = root.join(recipe.path(forge));
        let shown = path
            .strip_prefix(&context.environment.working_directory)
            .unwrap_or(&path)
            .display();
        if self.check {
            let same = std::fs::read_to_string(&path).is_ok_and(|there| there == text);
            if same {
                return Ok(Exit::OK);
            }
            context.console.error(&format!(
                "`{shown}` is not as the project says; `wharf {} --write` writes it",
                recipe.command
            ));
            return Ok(Exit::CHANGES);
        }
        if !self.write {
            context.console.raw_data(text.as_bytes());
            return Ok(Exit::OK);
        }
        if let Ok(there) = std::fs::read_to_string(&path)
            && !recipe.may_replace(&there)
        {
            return Err(Failure::Usage(format!(
                "`{shown}` was not written by wharf for this project; it is left as it is\nhelp: without `--write` the workflow is printed; remove the file to have it written"
            )));
        }
        let directory = path.parent().unwrap_or(root);
        std::fs::create_dir_all(directory)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|error| Failure::Usage(format!("cannot write `{shown}`: {error}")))?;
        context.console.say(&format!("wrote {shown}"));
        Ok(Exit::OK)
    }

    fn recipe(&self, context: &Context, root: &Path) -> Result<Recipe, Failure> {
        let globals = &context.globals;
        let means_one = context.files_are_named() || globals.env.is_some();
        let envs = context.envs();
        // The files, or the env, that are named are what is tested and released.
        let env = |name: &str| {
            let known = envs.iter().find(|env| *env == name);
            known.filter(|_| !means_one).cloned()
        };
        let load = |env: &Option<String>| -> Result<Project, Failure> {
            let words: Vec<String> = env.iter().cloned().collect();
            let scope = context.project(&words, Purpose::Build)?;
            Ok(scope.into_resolved()?.project)
        };
        let test_env = env("test");
        let project = load(&test_env)?;
        let declared = project.wharf.test.as_ref();
        let suites = declared.map(|test| test.suites()).unwrap_or_default();
        let suites: Vec<String> = suites
            .iter()
            .filter(|(_, suite)| suite.default != Some(false))
            .map(|(name, _)| name.clone())
            .collect();
        let release_env = env("prod");
        let released = match &release_env {
            Some(_) => Some(load(&release_env)?.wharf.release.unwrap_or_default()),
            None if means_one => project.wharf.release.clone(),
            None => None,
        };
        if declared.is_none() && released.is_none() {
            let message = "there is nothing to test or to release: no env `prod`, and no tests\nhelp: declare them with `x-wharf: {test: {service: app, command: [..]}}`".to_owned();
            return Err(Failure::Worded {
                compose: message.clone(),
                message,
                exit: Exit::PROJECT,
            });
        }
        let below = |directory: &Path| {
            let below = directory.strip_prefix(root).unwrap_or(Path::new(""));
            match below.display().to_string() {
                root if root.is_empty() => root,
                below => below + "/",
            }
        };
        let directory = below(&project.directory);
        let within = match (&globals.stack, means_files(context)) {
            (Some(_), _) => String::new(),
            (None, true) => below(&context.environment.working_directory),
            (None, false) => directory.clone(),
        };
        let options = options(context);
        let forge = match self.forge {
            ForgeName::Github => "github",
            ForgeName::Gitlab => "gitlab",
        };
        let publish = if self.publish { " --publish" } else { "" };
        let own = std::fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default();
        let is_released = released.is_some();
        let released = released.unwrap_or_default();
        let record = released
            .record
            .unwrap_or_else(|| "image-digests.json".into());
        Ok(Recipe {
            command: format!("{options}ci {forge}{publish}"),
            stack: globals.stack.clone(),
            wharf: format!("wharf {options}").trim_end().to_owned(),
            options,
            within,
            version: env!("CARGO_PKG_VERSION"),
            builds_wharf: own.lines().any(|line| line == "name = \"wharf\""),
            tested: declared.is_some(),
            test_env,
            suites: if suites.len() > 1 { suites } else { Vec::new() },
            released: is_released,
            release_env,
            main_branch: released.main_branch.unwrap_or_else(|| "main".into()),
            publish: self.publish,
            record: format!("{directory}{record}"),
            directory,
        })
    }
}

/// Whether paths on the command line are relative to the working directory, wherever the project is.
fn means_files(context: &Context) -> bool {
    context.files_are_named() || context.globals.project_directory.is_some()
}

/// What of the command line says which project is meant, as it is written again, with a space at its end.
fn options(context: &Context) -> String {
    let globals = &context.globals;
    let mut words: Vec<(&str, String)> = Vec::new();
    words.extend(globals.stack.iter().map(|stack| ("--stack", stack.clone())));
    let named = context.environment.get("COMPOSE_FILE").unwrap_or_default();
    let separator = context.environment.get("COMPOSE_PATH_SEPARATOR");
    let separator = separator.filter(|text| !text.is_empty()).unwrap_or(":");
    let files = match globals.files.is_empty() {
        true => named
            .split(separator)
            .filter(|file| !file.is_empty())
            .map(str::to_owned)
            .collect(),
        false => globals.files.clone(),
    };
    words.extend(files.into_iter().map(|file| ("-f", file)));
    let path = |path: &std::path::PathBuf| path.display().to_string();
    words.extend(globals.project_name.iter().map(|name| ("-p", name.clone())));
    let directory = globals.project_directory.iter();
    words.extend(directory.map(|one| ("--project-directory", path(one))));
    let env_files = globals.env_files.iter();
    words.extend(env_files.map(|one| ("--env-file", path(one))));
    let profiles = globals.profiles.iter();
    words.extend(profiles.map(|one| ("--profile", one.clone())));
    words.extend(globals.env.iter().map(|env| ("--env", env.clone())));
    words
        .iter()
        .map(|(option, value)| format!("{option} {} ", shell(value)))
        .collect()
}

/// The repository that the project is in; where there is none, the working directory.
fn repository(context: &Context) -> &Path {
    let here = context.environment.working_directory.as_path();
    here.ancestors()
        .find(|directory| {
            let git = directory.join(".git");
            context.disk.is_dir(&git) || git.is_file()
        })
        .unwrap_or(here)
}
