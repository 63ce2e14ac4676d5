//! `run`: this file has the verb, `service` the service as the command line wants it, `foreground` the conversation with the
//! container.

mod foreground;
mod service;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use foreground::attend;
pub use foreground::{listen_to, pass_signals_on};

use super::build;
use super::carry_out::{carry_out, observe, planning};
use super::consent::{Yes, ask_for_remote};
use super::context::{Context, Purpose};
use super::making::{PullWhen, is_set};
use super::pairs::label_pairs;
use super::providing::provide;
use super::slug::slug;
use super::{Exit, Failure, compose_words, configured, interrupt};
use crate::engine::Engine;
use crate::model::{Project, Service};
use crate::plan::{self, Policy, Pull, RunRequest, pulls};
use crate::report::terminal;
use crate::resolve::Resolved;

/// Run a command in a container of its own, as a service would
#[derive(Args, Debug)]
pub struct Run {
    /// Build images first, if their inputs have changed
    #[arg(long)]
    pub build: bool,
    /// Add a capability
    #[arg(long, value_name = "NAME")]
    pub cap_add: Vec<String>,
    /// Drop a capability
    #[arg(long, value_name = "NAME")]
    pub cap_drop: Vec<String>,
    /// Start it in the background and print its name
    #[arg(short, long)]
    pub detach: bool,
    /// Instead of the image's entrypoint
    #[arg(long, value_name = "COMMAND")]
    pub entrypoint: Option<String>,
    /// Set a variable; without a value it is taken from here
    #[arg(short, long = "env", value_name = "KEY[=VALUE]")]
    pub environment: Vec<String>,
    /// Set variables from env files
    #[arg(long, value_name = "FILE")]
    pub env_from_file: Vec<PathBuf>,
    /// Keep standard input open (the default)
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub interactive: Option<bool>,
    /// Add a label
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub label: Vec<String>,
    /// The container's name
    #[arg(long)]
    pub name: Option<String>,
    /// No terminal, even if there is one here
    #[arg(short = 'T', long = "no-TTY", alias = "no-tty", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub no_tty: Option<bool>,
    /// A terminal (the default where there is one)
    #[arg(short, long, conflicts_with = "no_tty", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub tty: Option<bool>,
    /// Leave dependencies alone
    #[arg(long)]
    pub no_deps: bool,
    /// Publish a port
    #[arg(short, long, value_name = "[IP:][HOST:]PORT")]
    pub publish: Vec<String>,
    /// When to pull images
    #[arg(long, value_enum, value_name = "WHEN")]
    pub pull: Option<PullWhen>,
    /// Say nothing of what is made for it
    #[arg(short, long)]
    pub quiet: bool,
    /// Show no progress of builds
    #[arg(long)]
    pub quiet_build: bool,
    /// Show no progress of pulls
    #[arg(long)]
    pub quiet_pull: bool,
    /// Remove containers of services that the project does not have
    #[arg(long)]
    pub remove_orphans: bool,
    /// Remove the container when it ends
    #[arg(long)]
    pub rm: bool,
    /// Publish the service's ports
    #[arg(short = 'P', long)]
    pub service_ports: bool,
    /// Answer to the service's names on its networks
    #[arg(long)]
    pub use_aliases: bool,
    /// User, as name or UID[:GID]
    #[arg(short, long)]
    pub user: Option<String>,
    /// Mount a volume
    #[arg(short, long, alias = "volumes", value_name = "SOURCE:TARGET[:MODE]")]
    pub volume: Vec<String>,
    /// Working directory in the container
    #[arg(short, long, value_name = "DIR")]
    pub workdir: Option<String>,
    /// Yes to what is asked before a project from elsewhere runs
    #[arg(long)]
    pub yes: bool,
    #[arg(
        value_name = "[ENV] SERVICE [COMMAND]",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub words: Vec<String>,
}

impl Run {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        refuse_options(&self.words)?;
        let context = &context.with_progress(self.quiet, None);
        let scope = context.project(&self.words, Purpose::Run)?;
        let (name, command) = scope.service_and_command("run")?;
        let resolved = scope.into_resolved()?;
        let yes = match self.yes {
            true => Yes::Said,
            false => Yes::FromTerminal,
        };
        ask_for_remote(context, &resolved, yes).await?;
        let tty = self.has_terminal(context)?;
        let (mut project, service) = self.find(context, &resolved, &name).await?;
        let service = self.service(context, &service, command, tty, &resolved)?;
        let cancel = interrupt::listen();
        let docker = context.docker().await?;
        let asked = self.policy(&resolved, &name);
        let mode = match self.build {
            true => build::BuildMode::Changed,
            false => build::BuildMode::Missing,
        };
        let shown = context.with_progress(self.quiet_build || self.quiet, None);
        build::for_services(&shown, &docker, &project, &resolved, &asked, mode, &cancel).await?;
        let engine: Arc<dyn Engine> = Arc::new(docker);
        let policy = context.policy(asked.clone());
        let lock = context
            .lock_in_turn(&engine, &project.name, &cancel)
            .await?;
        let mut snapshot = observe(&engine, &project).await?;
        context.say_orphans(&project, &snapshot, &asked);
        let pulling = pulls(&project, &snapshot, &policy).map_err(planning)?;
        if !pulling.is_empty() {
            carry_out(
                &context.with_progress(self.quiet_pull || self.quiet, None),
                &engine,
                Some(&resolved),
                &pulling,
                context.apply_options(),
                &cancel,
            )
            .await?;
            snapshot = observe(&engine, &project).await?;
        }
        let mut request = self.request(name, service);
        let needed =
            plan::service_order(&project, &policy.services, !policy.no_deps).map_err(planning)?;
        let configured =
            configured::apply(context, &engine, &project, &resolved.sources, &needed).await?;
        if configured != project {
            if let Some(own) = configured.services.get(&request.service_name) {
                request.service.image = own.image.clone();
                request.service.build = own.build.clone();
                request.service.pull_policy = own.pull_policy;
            }
            project = configured;
            snapshot = observe(&engine, &project).await?;
        }
        let (plan, container) =
            plan::run(&project, &snapshot, &policy, &request).map_err(planning)?;
        // What the command line has changed stands in no file: failures point into none, but images are told by service.
        let named = context.globals.as_compose.then_some(&resolved);
        let applied = carry_out(
            context,
            &engine,
            named,
            &plan,
            context.apply_options(),
            &cancel,
        )
        .await?;
        drop(lock);
        if context.globals.dry_run {
            return Ok(Exit::OK);
        }
        let id = applied
            .created
            .iter()
            .find(|(created, _)| *created == container.name)
            .map_or(container.name.clone(), |(_, id)| id.clone());
        self.start(context, &engine, &container.name, &id, tty)
            .await
    }

    /// The service as the files have it, and the project in which it can be run, with what providers give.
    async fn find(
        &self,
        context: &Context,
        resolved: &Resolved,
        name: &str,
    ) -> Result<(Project, Service), Failure> {
        let mut project = resolved.project.clone();
        // A service of an inactive profile may be run by name.
        if let Some(service) = project.inactive.get(name) {
            project.services.insert(name.to_owned(), service.clone());
        }
        if project.services.contains_key(name) {
            provide(context, &mut project, &[name.to_owned()], !self.no_deps).await?;
        }
        match project.services.get(name).cloned() {
            Some(service) => Ok((project, service)),
            None => Err(Failure::Worded {
                message: format!("no service `{name}` in project `{}`", project.name),
                compose: compose_words::of_service(name),
                exit: Exit::USAGE,
            }),
        }
    }

    fn policy(&self, resolved: &Resolved, name: &str) -> Policy {
        Policy {
            services: vec![name.to_owned()],
            no_deps: self.no_deps,
            remove_orphans: self.remove_orphans || is_set(resolved, "COMPOSE_REMOVE_ORPHANS"),
            ignore_orphans: is_set(resolved, "COMPOSE_IGNORE_ORPHANS"),
            pull: self.pull.map_or(Pull::ByService, Pull::from),
            ..Policy::default()
        }
    }

    fn request(&self, name: String, service: Service) -> RunRequest {
        RunRequest {
            service_name: name,
            service,
            name: self.name.clone(),
            slug: slug(12),
            use_aliases: self.use_aliases,
            auto_remove: self.rm && self.detach,
            attached: !self.detach,
            labels: label_pairs(&self.label),
        }
    }

    /// Starts the container, and stays with it to its end unless it is to run in the background.
    async fn start(
        &self,
        context: &Context,
        engine: &Arc<dyn Engine>,
        name: &str,
        id: &str,
        tty: bool,
    ) -> Result<Exit, Failure> {
        if self.detach {
            engine.start_container(name).await?;
            match context.globals.as_compose {
                true => context.console.data(id),
                false => context.console.data(name),
            }
            return Ok(Exit::OK);
        }
        let ended = attend(context, engine, name, id, tty, self.keeps_input()).await;
        if matches!(ended, Ok(None)) {
            return Ok(Exit::OK);
        }
        if self.rm {
            engine.remove_container(id, true, true).await?;
        }
        Ok(ended?.map_or(Exit::OK, Exit::of_command))
    }

    /// Whether the command gets a terminal: as it was said, else where there is one here.
    fn has_terminal(&self, context: &Context) -> Result<bool, Failure> {
        let is_here = terminal::stdin_is_terminal();
        match self.tty.or(self.no_tty.map(|no_tty| !no_tty)) {
            Some(true) if self.keeps_input() && !is_here => Err(Failure::Worded {
                message: "standard input is no terminal\nhelp: leave out `--tty`, or keep the input away from the command with `--interactive=false`".into(),
                compose: "the input device is not a TTY".into(),
                exit: Exit::USAGE,
            }),
            Some(said) => Ok(said),
            None => Ok(!self.detach && is_here && context.console.data_goes_to_terminal()),
        }
    }

    fn keeps_input(&self) -> bool {
        self.interactive != Some(false)
    }
}

/// An option that is not known stands where the service should be: the words from there on are a command's.
pub fn refuse_options(words: &[String]) -> Result<(), Failure> {
    match words.first().filter(|word| word.starts_with('-')) {
        Some(option) => Err(Failure::Worded {
            message: format!("`{option}` is no option of this verb, and no service"),
            compose: format!("unknown flag: {option}"),
            exit: Exit::USAGE,
        }),
        None => Ok(()),
    }
}
