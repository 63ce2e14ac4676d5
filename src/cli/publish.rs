use chrono::{SecondsFormat, Utc};
use clap::Args;
use indexmap::IndexSet;

use super::config::digests;
use super::context::{Context, Purpose};
use super::push::{declared_names, push_images};
use super::{Exit, Failure, interrupt};
use crate::apply::CancelLevel;
use crate::config::{self, Format};
use crate::publish::{self, Layer, OciVersion, Published, RawFiles};
use crate::registry::{Registry, RegistryError};
use crate::report::terminal::Answers;
use crate::report::{Board, Tone, short_id};
use crate::resolve::Resolved;

/// Push the project's files to a registry as an OCI artifact
///
/// `docker compose -f oci://REPOSITORY` runs it from there.
#[derive(Args, Debug)]
pub struct Publish {
    /// The images of the services too, and an index that names them
    #[arg(long)]
    pub app: bool,
    /// Version of the image specification: 1.0 or 1.1 (default: the newest that the registry takes)
    #[arg(long, value_name = "VERSION")]
    pub oci_version: Option<String>,
    /// Add a layer that pins images to their digests
    #[arg(long)]
    pub resolve_image_digests: bool,
    /// Env files and the values of environments too
    #[arg(long)]
    pub with_env: bool,
    /// Answer every question with yes
    #[arg(short, long, alias = "y")]
    pub yes: bool,
    /// Speak to the registry without TLS
    #[arg(long, hide = true)]
    pub insecure_registry: bool,
    #[arg(value_name = "[ENV] REPOSITORY[:TAG]", required = true)]
    pub words: Vec<String>,
}

impl Publish {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let version = match self.oci_version.as_deref() {
            None => None,
            Some("1.0") => Some(OciVersion::V1_0),
            Some("1.1") => Some(OciVersion::V1_1),
            Some(other) => {
                return Err(Failure::Worded {
                    message: format!(
                        "`--oci-version {other}` is unknown; versions are 1.0 and 1.1"
                    ),
                    compose: format!("unsupported OCI version: {other}"),
                    exit: Exit::USAGE,
                });
            }
        };
        let env = context.env_word(&self.words);
        let [repository] = self.words.get(env.len()..).unwrap_or_default() else {
            return Err(Failure::Worded {
                message: "`publish` takes one repository, such as `registry.example/team/app:1`"
                    .into(),
                compose: "docker: 'docker compose publish' requires 1 argument".into(),
                exit: Exit::USAGE,
            });
        };
        Registry::check(repository).map_err(|error| Failure::Usage(error.to_string()))?;
        let context = context.with_all_profiles();
        let context = &context;
        let resolved = context.project(&env, Purpose::Print)?.into_resolved()?;
        let files = raw_files(context, &resolved);
        if let Some(refused) = refusal(&resolved, &files) {
            return Err(refused);
        }
        if !self.is_consented(context, &resolved, &files).await? {
            context.say_of_itself("nothing is published");
            // To Compose a no is an answer like any other.
            return Ok(match context.globals.as_compose {
                true => Exit::OK,
                false => Exit::INTERRUPTED,
            });
        }
        let cancel = interrupt::listen();
        tokio::select! {
            done = self.publish(context, resolved, &files, repository, version) => done?,
            () = cancel.reached(CancelLevel::Finish) => return Err(Failure::Interrupted),
        }
        Ok(Exit::OK)
    }

    /// Asks about everything that somebody may not want to publish.
    async fn is_consented(
        &self,
        context: &Context,
        resolved: &Resolved,
        files: &RawFiles,
    ) -> Result<bool, Failure> {
        let project = &resolved.project;
        let as_compose = context.globals.as_compose;
        let mut answers = Answers::default();
        let mounts = publish::bind_mounts(project);
        let found = publish::sensitive(files, project, &context.disk);
        let declared = publish::declared(files);
        let mut questions = Vec::new();
        if !mounts.is_empty() {
            questions.push(publish::about_bind_mounts(&mounts));
        }
        if !found.is_empty() {
            questions.push(publish::about_secrets(&found, as_compose));
        }
        let about_environment = (!self.with_env && !declared.services.is_empty())
            .then(|| publish::about_environment(&declared));
        match &about_environment {
            Some(question) => questions.push(question.clone()),
            None if as_compose && self.with_env => {
                questions.extend(publish::about_values(project));
            }
            None => {}
        }
        if !declared.configs.is_empty() {
            questions.push(publish::about_configs(&declared));
        }
        if self.yes {
            return Ok(true);
        }
        for question in questions {
            match answers
                .ask(&context.console, &format!("{question} [y/N]: "))
                .await
            {
                Some(true) => {}
                None if Some(&question) == about_environment.as_ref() => {
                    let message = publish::refusal_of_environment(&declared);
                    return Err(Failure::Worded {
                        compose: message.clone(),
                        message,
                        exit: Exit::USAGE,
                    });
                }
                Some(false) | None => return Ok(false),
            }
        }
        Ok(true)
    }

    async fn publish(
        &self,
        context: &Context,
        mut resolved: Resolved,
        files: &RawFiles,
        repository: &str,
        version: Option<OciVersion>,
    ) -> Result<(), Failure> {
        let built = declared_names(context, &resolved)?;
        if !built.is_empty() && !context.globals.dry_run {
            push_images(context, &built, context.console.is_quiet(), true).await?;
        }
        let pinned = match self.resolve_image_digests {
            true => {
                let digests = digests(context, &resolved).await?;
                config::pin(&mut resolved, &digests);
                Some(config::lock(&resolved, Format::Yaml))
            }
            false => None,
        };
        let published = Published {
            env_files: self.with_env,
            digests: pinned,
        };
        let layers = publish::layers(files, &published, &context.disk)
            .map_err(|error| Failure::Apply(error.to_string()))?;
        let mut view = View::new(context, repository);
        view.begin();
        let environment = &context.environment;
        let registry = Registry::of(repository, self.insecure_registry, environment).await;
        let registry = registry.map_err(|error| Failure::Usage(error.to_string()))?;
        if context.globals.dry_run {
            view.end(&format!("would be published, {}", counted(&layers)));
            return Ok(());
        }
        match self
            .push(context, &resolved, &registry, &layers, version)
            .await
        {
            Ok(digest) => {
                view.end(&format!(
                    "published {}, {}",
                    short_id(&digest),
                    counted(&layers)
                ));
                Ok(())
            }
            Err(error) => {
                view.fail();
                Err(Failure::Apply(error.to_string()))
            }
        }
    }

    /// The digest of the artifact.
    async fn push(
        &self,
        context: &Context,
        resolved: &Resolved,
        registry: &Registry,
        layers: &[Layer],
        version: Option<OciVersion>,
    ) -> Result<String, RegistryError> {
        let created = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
        let artifact = publish::push(registry, layers, version, &created).await?;
        if self.app {
            let services = resolved.project.services.values();
            let names: IndexSet<&String> = services.filter_map(|one| one.image.as_ref()).collect();
            let mut images = Vec::new();
            for name in names {
                images
                    .push(Registry::of(name, self.insecure_registry, &context.environment).await?);
            }
            publish::push_images(registry, &artifact, &images).await?;
        }
        Ok(artifact.descriptor().digest)
    }
}

fn counted(layers: &[Layer]) -> String {
    crate::diagnostic::prose::count(layers.len(), "file")
}

/// The files that were merged, as they were written.
fn raw_files(context: &Context, resolved: &Resolved) -> RawFiles {
    let text_of = |path| {
        let mut sources = resolved.sources.iter();
        sources
            .find(|(_, file)| &file.path == path)
            .map(|(_, file)| file.text.to_string())
    };
    let files = &resolved.project.files;
    let layers = files
        .iter()
        .filter_map(|path| Some((path.clone(), text_of(path)?)))
        .collect();
    RawFiles::read(
        layers,
        &resolved.directory,
        &resolved.variables,
        &context.disk,
    )
}

/// Why a project cannot be published at all. `None`: it can be.
fn refusal(resolved: &Resolved, files: &RawFiles) -> Option<Failure> {
    let worded = |compose: String, help: &str| Failure::Worded {
        message: format!("{}\nhelp: {help}", compose.trim_end()),
        compose,
        exit: Exit::PROJECT,
    };
    if publish::local_include(files) {
        return Some(worded(
            "cannot publish compose file with local includes".into(),
            "name the files with `-f` one after the other instead of including them",
        ));
    }
    let built = publish::built_only(&resolved.project);
    (!built.is_empty()).then(|| {
        worded(
            publish::refusal_of_builds(&built),
            "give these services an `image` that others can pull",
        )
    })
}

/// What is seen of the push.
struct View<'c> {
    context: &'c Context,
    repository: &'c str,
    board: Board,
}

impl<'c> View<'c> {
    fn new(context: &'c Context, repository: &'c str) -> View<'c> {
        let console = context.console.clone();
        let live =
            !context.globals.as_compose && !console.is_quiet() && console.talks_to_terminal();
        View {
            board: Board::new(console, live),
            context,
            repository,
        }
    }

    fn begin(&mut self) {
        match self.context.globals.as_compose {
            true => self.line("publishing"),
            false => self.board.work(self.repository, self.repository, "push"),
        }
    }

    fn end(&mut self, result: &str) {
        match self.context.globals.as_compose {
            true => self.line("published"),
            false if self.context.console.is_quiet() => {}
            false => self
                .board
                .settle(self.repository, self.repository, Tone::Good, result),
        }
    }

    fn fail(&mut self) {
        match self.context.globals.as_compose {
            true => self.line("publishing Error"),
            false => self.board.clear(),
        }
    }

    fn line(&self, state: &str) {
        let mark = if self.context.globals.dry_run {
            " DRY-RUN MODE - "
        } else {
            ""
        };
        self.context
            .console
            .say(&format!("{mark} {} {state}", self.repository));
    }
}
