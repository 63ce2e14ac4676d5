use std::path::Path;

use clap::{Args, ValueEnum};

use super::context::{Context, Purpose};
use super::{Exit, Failure};
use crate::ci::{Forge, Recipe};
use crate::load::Disk;

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
        let directory = path.parent().unwrap_or(root);
        std::fs::create_dir_all(directory)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|error| Failure::Usage(format!("cannot write `{shown}`: {error}")))?;
        context.console.say(&format!("wrote {shown}"));
        Ok(Exit::OK)
    }

    fn recipe(&self, context: &Context, root: &Path) -> Result<Recipe, Failure> {
        let envs = context.envs();
        let env = |name: &str| envs.iter().find(|env| *env == name).cloned();
        let test_env = env("test");
        let words: Vec<String> = test_env.iter().cloned().collect();
        let resolved = context.project(&words, Purpose::Build)?.into_resolved()?;
        let declared = resolved.project.wharf.test.as_ref();
        let suites = declared.map(|test| test.suites()).unwrap_or_default();
        let suites: Vec<String> = suites
            .iter()
            .filter(|(_, suite)| suite.default != Some(false))
            .map(|(name, _)| name.clone())
            .collect();
        let release_env = env("prod");
        let released = match &release_env {
            Some(env) => {
                let words = [env.clone()];
                let resolved = context.project(&words, Purpose::Build)?.into_resolved()?;
                resolved.project.wharf.release.unwrap_or_default()
            }
            None => Default::default(),
        };
        let below = resolved.project.directory.strip_prefix(root);
        let directory = match below.unwrap_or(Path::new("")).display().to_string() {
            root if root.is_empty() => root,
            below => below + "/",
        };
        let named = context.globals.stack.clone();
        let stack = named
            .as_ref()
            .map(|stack| format!("--stack {stack} "))
            .unwrap_or_default();
        let forge = match self.forge {
            ForgeName::Github => "github",
            ForgeName::Gitlab => "gitlab",
        };
        let publish = if self.publish { " --publish" } else { "" };
        let own = std::fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default();
        let record = released
            .record
            .unwrap_or_else(|| "image-digests.json".into());
        Ok(Recipe {
            command: format!("{stack}ci {forge}{publish}"),
            stack: named,
            wharf: format!("wharf {stack}").trim_end().to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            builds_wharf: own.lines().any(|line| line == "name = \"wharf\""),
            test_env: test_env.filter(|_| declared.is_some()),
            suites: if suites.len() > 1 { suites } else { Vec::new() },
            release_env,
            main_branch: released.main_branch.unwrap_or_else(|| "main".into()),
            publish: self.publish,
            record: format!("{directory}{record}"),
            directory,
        })
    }
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
