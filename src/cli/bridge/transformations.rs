use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use clap::{Args, Subcommand};
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::having::have;
use crate::apply::CancelLevel;
use crate::bridge::{DEFAULT_IMAGE, LABEL, TEMPLATES, write_draft};
use crate::build::ImageName;
use crate::cli::context::Context;
use crate::cli::images::repository_and_tag;
use crate::cli::{Exit, Failure, interrupt};
use crate::engine::{ContainerSpec, Engine, ErrorKind, ImageSummary};
use crate::report::{Table, prose, short_id};

/// Look at the images that convert projects, and begin one
#[derive(Args, Debug)]
#[command(arg_required_else_help = true)]
pub struct Transformations {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// List the transformations that the engine has
    #[command(visible_alias = "ls")]
    List(List),
    /// Write the files of a transformation of your own: the templates of another one, and a Dockerfile
    Create(Create),
}

impl Transformations {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.what {
            What::List(list) => list.run(context).await,
            What::Create(create) => create.run(context).await,
        }
    }

    pub fn changes_nothing(&self) -> bool {
        matches!(self.what, What::List(_))
    }
}

#[derive(Args, Debug)]
struct List {
    /// `table` or `json`
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: String,
    /// Only names
    #[arg(short, long)]
    quiet: bool,
}

impl List {
    async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let format = self.format.to_ascii_lowercase();
        if !matches!(format.as_str(), "" | "table" | "pretty" | "json") && !self.quiet {
            return Err(Failure::Worded {
                message: format!(
                    "`--format {}` is unknown; formats are table and json",
                    self.format
                ),
                compose: format!(
                    "format value {:?} could not be parsed: parsing failed",
                    self.format
                ),
                exit: Exit::USAGE,
            });
        }
        let images = context.engine().await?.list_images(&[LABEL]).await?;
        let console = &context.console;
        if self.quiet {
            for image in &images {
                console.data(image.tags.first().unwrap_or(&image.id));
            }
        } else if format == "json" {
            let list: Vec<Value> = images.iter().map(as_json).collect();
            console.data(&Value::Array(list).to_string());
        } else {
            let titles = ["IMAGE ID", "REPO", "TAGS", "SIZE"];
            let mut table = Table::new(titles, context.table_width());
            if context.globals.as_compose {
                table.at_least(20);
            }
            for image in &images {
                let (repository, tag) = name(image);
                let size = prose::bytes(u64::try_from(image.size).unwrap_or(0));
                table.row([short_id(&image.id).to_owned(), repository, tag, size]);
            }
            console.data(&table.render());
        }
        Ok(Exit::OK)
    }
}

/// Its repository, as people write it, and its tag.
fn name(image: &ImageSummary) -> (String, String) {
    let name = image.tags.first().map(|name| ImageName::normal(name));
    let name = name.as_ref().map_or("", ImageName::familiar);
    let (repository, tag) = repository_and_tag(name);
    (repository.to_owned(), tag.to_owned())
}

/// The engine's own object; what it would have to compute is not asked for.
/// <https://docs.docker.com/reference/api/engine/version/v1.47/#tag/Image/operation/ImageList>
fn as_json(image: &ImageSummary) -> Value {
    json!({
        "Containers": -1,
        "Created": image.created,
        "Id": image.id,
        "Labels": image.labels,
        "ParentId": image.parent,
        "RepoDigests": image.digests,
        "RepoTags": image.tags,
        "SharedSize": -1,
        "Size": image.size,
    })
}

#[derive(Args, Debug)]
struct Create {
    /// The transformation to copy (default: docker/compose-bridge-kubernetes)
    #[arg(short, long, value_name = "IMAGE")]
    from: Option<String>,
    /// The directory to make
    #[arg(value_name = "PATH")]
    path: PathBuf,
}

impl Create {
    async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let directory = context.environment.working_directory.join(&self.path);
        if directory.symlink_metadata().is_ok() {
            return Err(Failure::Worded {
                message: format!("`{}` is there already", self.path.display()),
                compose: format!("output folder {} already exists", directory.display()),
                exit: Exit::USAGE,
            });
        }
        let from = self.from.as_deref().filter(|from| !from.is_empty());
        let from = from.unwrap_or(DEFAULT_IMAGE);
        let cancel = interrupt::listen();
        let engine = context.engine().await?;
        have(context, &engine, [(from, None)], &cancel).await?;
        let spec = ContainerSpec {
            image: from.to_owned(),
            // An image without a command makes no container.
            command: Some(vec!["true".to_owned()]),
            labels: IndexMap::from([("wharf.look".to_owned(), String::new())]),
            ..ContainerSpec::default()
        };
        let container = engine.create_container(&spec).await?.id;
        let written = tokio::select! {
            written = self.write(&engine, &container, from, &directory) => written,
            () = cancel.reached(CancelLevel::Finish) => Err(Failure::Interrupted),
        };
        match engine.remove_container(&container, true, true).await {
            Err(error) if error.kind != ErrorKind::NotFound => {
                let warning = format!("container {container} stays: {error}");
                context.console.warn(&warning);
            }
            _ => {}
        }
        written?;
        let shown = directory.display().to_string();
        context
            .console
            .data(&format!("Transformer created in {shown:?}"));
        Ok(Exit::OK)
    }

    async fn write(
        &self,
        engine: &Arc<dyn Engine>,
        container: &str,
        from: &str,
        directory: &Path,
    ) -> Result<(), Failure> {
        let templates = match engine.download_archive(container, TEMPLATES).await {
            Err(error) if error.kind == ErrorKind::NotFound => {
                return Err(Failure::Worded {
                    message: format!("image `{from}` has no `{TEMPLATES}`"),
                    compose: format!(
                        "Error response from daemon: Could not find the file {TEMPLATES} in container {container}"
                    ),
                    exit: Exit::APPLY,
                });
            }
            templates => templates?,
        };
        let draft = Draft::begin(directory).map_err(|error| self.cannot_write(&error))?;
        write_draft(templates, directory)
            .await
            .map_err(|error| self.cannot_write(&error))?;
        draft.keep();
        Ok(())
    }

    fn cannot_write(&self, error: &io::Error) -> Failure {
        Failure::Apply(format!("cannot write `{}`: {error}", self.path.display()))
    }
}

/// A new directory that goes again unless it is kept.
struct Draft<'d> {
    directory: &'d Path,
    is_kept: bool,
}

impl<'d> Draft<'d> {
    fn begin(directory: &'d Path) -> io::Result<Draft<'d>> {
        if let Some(parent) = directory.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::create_dir(directory)?;
        Ok(Draft {
            directory,
            is_kept: false,
        })
    }

    fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = fs::remove_dir_all(self.directory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transformation_is_listed_under_its_familiar_name() {
        let called = |tags: &[&str]| {
            let image = ImageSummary {
                tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
                ..ImageSummary::default()
            };
            name(&image)
        };
        let pair = |repository: &str, tag: &str| (repository.to_owned(), tag.to_owned());
        assert_eq!(called(&[]), pair("<none>", "<none>"));
        assert_eq!(called(&["docker.io/library/t:1", "u:2"]), pair("t", "1"));
        assert_eq!(called(&["host:5000/a/t:1"]), pair("host:5000/a/t", "1"));
    }

    #[test]
    fn a_draft_that_is_not_finished_goes() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("a/b");
        drop(Draft::begin(&directory).unwrap());
        assert!(!directory.exists());
        Draft::begin(&directory).unwrap().keep();
        assert!(directory.exists());
        assert!(Draft::begin(&directory).is_err());
    }
}
