use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use indexmap::IndexMap;

use super::having::have;
use crate::apply::{Cancel, CancelLevel};
use crate::bridge::{DEFAULT_IMAGE, Model, Needed, Output, Results, Transformation, needed};
use crate::cli::context::{Context, Purpose};
use crate::cli::graph::not_an_env;
use crate::cli::run::listen_to;
use crate::cli::{Exit, Failure, interrupt};
use crate::engine::{Engine, ErrorKind, Image};
use crate::load::Disk;
use crate::resolve::{Options, Resolved};

/// Convert the project, by images that make files of it
///
/// What a failing one has made is thrown away; its exit code is that of the command.
#[derive(Args, Debug)]
pub struct Convert {
    /// The directory to write; what is in it is replaced
    #[arg(short, long, value_name = "DIR", default_value = "out")]
    output: PathBuf,
    /// Image to convert with, repeatable: each goes on from what the one before has made (default: docker/compose-bridge-kubernetes)
    #[arg(short, long = "transformation", value_name = "IMAGE")]
    transformations: Vec<String>,
    /// Templates to use instead of those of the image
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
    #[arg(value_name = "ENV")]
    words: Vec<String>,
}

impl Convert {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let env = context.env_word(&self.words);
        if let Some(word) = self.words.get(env.len())
            && !context.globals.as_compose
        {
            return Err(not_an_env(context, word));
        }
        let options = Options {
            list_env_files: true,
            ..Options::default()
        };
        let resolved = context
            .project_as(&env, Purpose::Print, options)?
            .into_resolved()?;
        let templates = self.templates(context)?;
        let output = self.output(context, &resolved, templates.as_deref())?;
        let cancel = interrupt::listen();
        let engine = context.engine().await?;
        let images = images(context, &engine, &needed(&resolved), &cancel).await?;
        let model = Model::of(&resolved, &images, &context.disk)
            .map_err(|error| Failure::Usage(error.to_string()))?
            .to_yaml();
        let mut results = None;
        for image in self.images() {
            have(context, &engine, [(image, None)], &cancel).await?;
            let transformation = Transformation {
                image: image.to_owned(),
                uid: context.environment.uid,
                gid: context.environment.gid,
                templates: templates.clone(),
            };
            let run = Run {
                context,
                engine: &engine,
                cancel: &cancel,
            };
            match run.of(&transformation, &model, results.as_ref()).await? {
                Ok(made) => results = Some(made),
                Err(code) => {
                    context.console.error(&format!(
                        "transformation `{image}` ended with exit code {code}; nothing is written to `{}`",
                        self.output.display()
                    ));
                    return Ok(Exit::of_command(code));
                }
            }
        }
        if let Some(results) = results {
            self.write(context, &output, &results).await?;
        }
        Ok(Exit::OK)
    }

    fn images(&self) -> Vec<&str> {
        match self.transformations.as_slice() {
            [] => vec![DEFAULT_IMAGE],
            named => named.iter().map(String::as_str).collect(),
        }
    }

    fn templates(&self, context: &Context) -> Result<Option<PathBuf>, Failure> {
        let Some(templates) = &self.templates else {
            return Ok(None);
        };
        let directory = context.environment.working_directory.join(templates);
        if !context.disk.is_dir(&directory) {
            return Err(Failure::Usage(format!(
                "there is no directory `{}` with templates\nhelp: `bridge transformations create DIR` copies those of an image",
                templates.display()
            )));
        }
        Ok(Some(directory))
    }

    fn output(
        &self,
        context: &Context,
        resolved: &Resolved,
        templates: Option<&Path>,
    ) -> Result<Output, Failure> {
        let environment = &context.environment;
        let directory = environment.working_directory.join(&self.output);
        if directory.exists() && !directory.is_dir() {
            return Err(Failure::Usage(format!(
                "`{}` is a file, where a directory is to be written",
                self.output.display()
            )));
        }
        let files = resolved.project.files.iter().map(PathBuf::as_path);
        let precious: Vec<&Path> = files
            .chain(templates)
            .chain(environment.home.as_deref())
            .chain([
                environment.working_directory.as_path(),
                resolved.project.directory.as_path(),
            ])
            .collect();
        Ok(Output::new(directory, &precious))
    }

    async fn write(
        &self,
        context: &Context,
        output: &Output,
        results: &Results,
    ) -> Result<(), Failure> {
        let shown = self.output.display();
        let cannot =
            |error: std::io::Error| Failure::Apply(format!("cannot write `{shown}`: {error}"));
        if output.is_kept() {
            context.console.note(&format!(
                "`{shown}` has files of yours in it: nothing in it is removed"
            ));
        }
        output.prepare().map_err(cannot)?;
        results.unpack(output.directory()).await.map_err(cannot)?;
        context.say_of_itself(&format!("wrote {shown}"));
        Ok(())
    }
}

/// The images that services run from, by service; those that are missing are pulled.
async fn images(
    context: &Context,
    engine: &Arc<dyn Engine>,
    needed: &[Needed],
    cancel: &Cancel,
) -> Result<IndexMap<String, Image>, Failure> {
    let wanted = needed
        .iter()
        .map(|one| (one.reference.as_str(), one.platform.as_deref()));
    let pulled = have(context, engine, wanted, cancel).await;
    let mut images = IndexMap::new();
    let mut unbuilt = None;
    for one in needed {
        match engine.inspect_image(&one.reference).await? {
            Some(image) => {
                images.insert(one.service.clone(), image);
            }
            None if one.is_built => unbuilt = Some(one),
            None => {}
        }
    }
    match (pulled, unbuilt) {
        (
            Err(Failure::Worded {
                message,
                compose,
                exit,
            }),
            Some(unbuilt),
        ) => Err(Failure::Worded {
            message: format!(
                "{message}\nhelp: service `{}` is built here: `wharf build` makes its image",
                unbuilt.service
            ),
            compose,
            exit,
        }),
        (pulled, _) => pulled.map(|()| images),
    }
}

/// What running a transformation takes.
struct Run<'r> {
    context: &'r Context,
    engine: &'r Arc<dyn Engine>,
    cancel: &'r Cancel,
}

impl Run<'_> {
    /// What it has made, or the code with which it failed. Its container goes in any case.
    async fn of(
        &self,
        transformation: &Transformation,
        model: &str,
        before: Option<&Results>,
    ) -> Result<Result<Results, i64>, Failure> {
        let engine = self.engine.as_ref();
        let container = engine
            .create_container(&transformation.container())
            .await?
            .id;
        let ended = tokio::select! {
            ended = self.inside(&container, transformation, model, before) => ended,
            () = self.cancel.reached(CancelLevel::Finish) => Err(Failure::Interrupted),
        };
        match engine.remove_container(&container, true, true).await {
            Err(error) if error.kind != ErrorKind::NotFound => {
                self.context
                    .console
                    .warn(&format!("container {container} stays: {error}"));
            }
            _ => {}
        }
        ended
    }

    async fn inside(
        &self,
        container: &str,
        transformation: &Transformation,
        model: &str,
        before: Option<&Results>,
    ) -> Result<Result<Results, i64>, Failure> {
        let engine = self.engine.as_ref();
        transformation
            .fill(engine, container, model, before)
            .await?;
        let code = listen_to(self.context, self.engine, container).await?;
        if code != 0 {
            return Ok(Err(code));
        }
        Ok(Ok(Results::of(engine, container).await?))
    }
}
