//! Releases that were made: shown, compared, gone back to.

use clap::Subcommand;

use super::make::note_other_env;
use super::publication::push;
use super::{record_path, shown, with_env};
use crate::build::Reference;
use crate::cli::context::{Context, Purpose};
use crate::cli::{Exit, Failure, interrupt};
use crate::engine::Engine;
use crate::release::{Record, RecordError, Releases, Target, difference};

#[derive(Subcommand, Debug)]
pub enum Look {
    /// List the releases that are kept, of one env or of all
    List {
        #[arg(value_name = "ENV")]
        words: Vec<String>,
    },
    /// Show a release (default: the current one of the env)
    Show {
        /// An id, the beginning of one, a commit's first seven characters, or `current`
        #[arg(default_value = "current")]
        id: String,
        /// `text`, or the record as `json`
        #[arg(long, value_parser = ["text", "json"], value_name = "FORMAT", default_value = "text")]
        format: String,
    },
    /// Show what is different between two releases
    Diff {
        before: String,
        #[arg(default_value = "current")]
        after: String,
    },
    /// Make an earlier release the current one again: its record and the layer that pins it
    Rollback {
        id: String,
        /// Give the tags on the registries back to it too
        #[arg(long)]
        push: bool,
    },
}

impl Look {
    pub async fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let words = match self {
            Look::List { words } => words.as_slice(),
            _ => &[],
        };
        let words = with_env(context, words);
        let project = context
            .project(&words, Purpose::Build)?
            .into_resolved()?
            .project;
        let env = project.env.as_deref();
        let releases = Releases::of(&project.directory, env);
        let console = &context.console;
        match self {
            Look::List { words } => {
                let records: Result<Vec<Record>, _> =
                    releases.ids().iter().map(|id| releases.read(id)).collect();
                let mut records = records.map_err(usage)?;
                if !words.is_empty() || context.globals.env.is_some() {
                    records.retain(|record| record.env.as_deref() == env);
                }
                if records.is_empty() {
                    console.say(&RecordError::None.to_string());
                    return Ok(Exit::OK);
                }
                let currents = releases.currents();
                let current: Vec<&str> = currents.iter().map(|(id, _)| id.as_str()).collect();
                console.data(&shown::list(console, &records, &current));
            }
            Look::Show { id, format } => {
                let record = releases.read(id).map_err(usage)?;
                console.data(&match format.as_str() {
                    "json" => serde_json::to_string_pretty(&record).map_err(anyhow::Error::from)?,
                    _ => shown::release(console, &record),
                });
            }
            Look::Diff { before, after } => {
                let before = releases.read(before).map_err(usage)?;
                let releases = Releases::of(&project.directory, before.env.as_deref());
                let after = releases.read(after).map_err(usage)?;
                let lines = difference(&before, &after);
                if lines.is_empty() {
                    console.say("both releases have the same images and tags");
                }
                lines.iter().for_each(|line| console.data(line));
            }
            Look::Rollback { id, push } => {
                let id = releases.find(id).map_err(usage)?;
                let record = releases.read(&id).map_err(usage)?;
                if let Some(other) = record.env.as_deref()
                    && env != Some(other)
                {
                    return Err(Failure::Usage(format!(
                        "release {id} is one of env `{other}`\nhelp: `wharf --env {other} release rollback {id}`"
                    )));
                }
                if *push {
                    move_tags_back(context, &record).await?;
                }
                let copy = record_path(&project, None);
                note_other_env(context, &releases, &record);
                releases.make_current(&id, &copy).map_err(|error| {
                    Failure::Apply(format!("cannot go back to release `{id}`: {error}"))
                })?;
                console.say(&format!(
                    "release {id} is the current one again; `wharf up` with `docker-compose.release.yml` as the last `-f` runs it"
                ));
            }
        }
        Ok(Exit::OK)
    }
}

pub fn usage(error: RecordError) -> Failure {
    Failure::Usage(error.to_string())
}

/// Makes the tags of a pushed release name its images again. Where that fails or is interrupted, those that were moved are put
/// back; what could not be is told.
async fn move_tags_back(context: &Context, record: &Record) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let mut targets = Vec::new();
    for (name, component) in &record.components {
        for (repository, pushed) in &component.repositories {
            let Some(digest) = &pushed.digest else {
                return Err(Failure::Usage(format!(
                    "release `{}` was not pushed to `{repository}`; leave `--push` out",
                    record.id
                )));
            };
            let exact = format!("{}@{digest}", Reference::of(repository).repository);
            let image = match engine.inspect_image(&component.image_id).await? {
                Some(image) => image.id,
                None => {
                    pull(engine.as_ref(), context, &exact).await?;
                    exact
                }
            };
            targets.push(Target {
                component: name.clone(),
                image_id: image,
                repository: repository.clone(),
                tags: component.tags.clone(),
            });
        }
    }
    // Until here nothing has been changed that a signal could leave half done.
    let cancel = interrupt::listen();
    push(context, engine.as_ref(), &record.id, &targets, &cancel).await?;
    Ok(())
}

async fn pull(engine: &dyn Engine, context: &Context, reference: &str) -> Result<(), Failure> {
    use futures_util::StreamExt;
    let find = context.credentials();
    let credentials = find(reference).await?;
    let mut messages = engine
        .pull_image(reference, None, credentials.as_ref())
        .await?;
    while let Some(message) = messages.next().await {
        message?;
    }
    Ok(())
}
