use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt;
use indexmap::IndexMap;
use tokio::signal::unix::{SignalKind, signal};

use super::build;
use super::carry_out::{carry_out, observe, planning};
use super::consent::{Yes, ask_for_remote};
use super::context::{Context, Purpose};
use super::making::{PullWhen, is_set};
use super::pairs::{environment_pairs, label_pairs};
use super::providing::provide;
use super::slug::slug;
use super::{Exit, Failure, compose_words, configured, interrupt};
use crate::diagnostic::{Diagnostics, Severity, render};
use crate::engine::{AttachOptions, ConsoleSize, Engine, LogOptions, LogStream};
use crate::load::{Disk, Environment, Host, dotenv};
use crate::model::Service;
use crate::plan::{self, Policy, Pull, RunRequest, pulls};
use crate::report::{Console, Ended, converse, terminal};
use crate::resolve::Fragment;
use crate::resolve::Resolved;
use crate::source::{self, Sources};

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
        let mut project = resolved.project.clone();
        // A service of an inactive profile may be run by name.
        if let Some(service) = project.inactive.get(&name) {
            project.services.insert(name.clone(), service.clone());
        }
        let tty = self.has_terminal(context)?;
        if project.services.contains_key(&name) {
            provide(
                context,
                &mut project,
                std::slice::from_ref(&name),
                !self.no_deps,
            )
            .await?;
        }
        let Some(service) = project.services.get(&name) else {
            return Err(Failure::Worded {
                message: format!("no service `{name}` in project `{}`", project.name),
                compose: compose_words::of_service(&name),
                exit: Exit::USAGE,
            });
        };
        let mut service = self.service(context, service, command, tty, &resolved)?;
        let cancel = interrupt::listen();
        let docker = context.docker().await?;
        let policy = Policy {
            services: vec![name.clone()],
            no_deps: self.no_deps,
            remove_orphans: self.remove_orphans || is_set(&resolved, "COMPOSE_REMOVE_ORPHANS"),
            ignore_orphans: is_set(&resolved, "COMPOSE_IGNORE_ORPHANS"),
            pull: self.pull.map_or(Pull::ByService, Pull::from),
            ..Policy::default()
        };
        let mode = if self.build {
            build::BuildMode::Changed
        } else {
            build::BuildMode::Missing
        };
        let shown = context.with_progress(self.quiet_build || self.quiet, None);
        build::for_services(&shown, &docker, &project, &resolved, &policy, mode, &cancel).await?;
        let engine: Arc<dyn Engine> = Arc::new(docker);
        let asked = policy.clone();
        let policy = context.policy(policy);
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
        let needed =
            plan::service_order(&project, &policy.services, !policy.no_deps).map_err(planning)?;
        let configured =
            configured::apply(context, &engine, &project, &resolved.sources, &needed).await?;
        if configured != project {
            if let Some(own) = configured.services.get(&name) {
                service.image = own.image.clone();
                service.build = own.build.clone();
                service.pull_policy = own.pull_policy;
            }
            project = configured;
            snapshot = observe(&engine, &project).await?;
        }
        let request = RunRequest {
            service_name: name,
            service,
            name: self.name.clone(),
            slug: slug(12),
            use_aliases: self.use_aliases,
            auto_remove: self.rm && self.detach,
            attached: !self.detach,
            labels: label_pairs(&self.label),
        };
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
        if self.detach {
            engine.start_container(&container.name).await?;
            match context.globals.as_compose {
                true => context.console.data(&id),
                false => context.console.data(&container.name),
            }
            return Ok(Exit::OK);
        }
        let ended = attend(
            context,
            &engine,
            &container.name,
            &id,
            tty,
            self.keeps_input(),
        )
        .await;
        if matches!(ended, Ok(None)) {
            return Ok(Exit::OK);
        }
        if self.rm {
            engine.remove_container(&id, true, true).await?;
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

    /// The service as the command line wants it.
    fn service(
        &self,
        context: &Context,
        service: &Service,
        command: Vec<String>,
        tty: bool,
        resolved: &Resolved,
    ) -> Result<Service, Failure> {
        let mut service = service.clone();
        let fragment = Fragment {
            ports: &self.publish,
            volumes: &self.volume,
            entrypoint: self.entrypoint.as_deref(),
        };
        let given = fragment
            .read(&resolved.directory, context.environment.home.as_deref())
            .map_err(Failure::Usage)?;
        if self.entrypoint.is_some() {
            service.entrypoint = given.entrypoint;
            service.command = Some(command);
        } else if !command.is_empty() {
            service.command = Some(command);
        }
        for file in &self.env_from_file {
            let variables = env_file(file, &context.environment)?;
            service.environment.extend(variables);
        }
        service
            .environment
            .extend(environment_pairs(&self.environment, |name| {
                resolved.variables.value(name)
            }));
        service.cap_add.extend(self.cap_add.clone());
        service.cap_drop.extend(self.cap_drop.clone());
        service.tty = Some(tty);
        service.stdin_open = Some(self.keeps_input());
        if let Some(user) = &self.user {
            service.user = Some(user.clone());
        }
        if let Some(workdir) = &self.workdir {
            service.working_dir = Some(workdir.clone());
        }
        if !self.service_ports {
            service.ports.clear();
        }
        service.ports.extend(given.ports);
        service.volumes.extend(given.volumes);
        Ok(service)
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

/// Larger env files are not read, in bytes.
const LARGEST_ENV_FILE: u64 = 1 << 20;

/// The variables of an env file.
fn env_file(
    file: &Path,
    environment: &Environment,
) -> Result<IndexMap<String, Option<String>>, Failure> {
    let path = environment.working_directory.join(file);
    let bytes = Host
        .read(&path, LARGEST_ENV_FILE)
        .map_err(|error| Failure::Worded {
            message: format!("cannot read env file `{}`: {error}", file.display()),
            compose: format!("open {}: {error}", file.display()),
            exit: Exit::USAGE,
        })?;
    let text = source::decode(bytes)
        .map_err(|error| Failure::Usage(format!("env file `{}`: {error}", file.display())))?;
    let mut sources = Sources::default();
    let id = sources.add(&path, &file.display().to_string(), text.as_str());
    let mut findings = Diagnostics::default();
    let lookup = |name: &str| environment.get(name).map(str::to_owned);
    let read = dotenv::parse(id, &text, &lookup, &|_| None, &mut findings);
    if let Some(finding) = findings.iter().find(|one| one.severity == Severity::Error) {
        return Err(Failure::Usage(render(finding, &sources, false, 100)));
    }
    let values = read.into_iter();
    Ok(values.map(|(name, entry)| (name, entry.value)).collect())
}

/// How long the end of a container may come after that of its terminal.
const AFTER_ITS_TERMINAL: Duration = Duration::from_secs(1);

/// Starts a container, connected with the caller's streams, and waits for its end. Ctrl-C and SIGTERM go to it; the second
/// one kills it. `None`: whoever sat at the terminal has left it with the keys for that, and the container runs on.
async fn attend(
    context: &Context,
    engine: &Arc<dyn Engine>,
    name: &str,
    id: &str,
    tty: bool,
    stdin: bool,
) -> Result<Option<i64>, Failure> {
    let attach = AttachOptions {
        stdin,
        stdout: true,
        stderr: true,
        ..AttachOptions::default()
    };
    let attached = engine.attach_container(id, &attach).await?;
    // By its name, which is what a failure should say.
    engine.start_container(name).await?;
    if tty && let Some(size) = terminal::size() {
        // The container may be faster than this; then it has the size a moment later.
        let _ = engine.resize_container(id, size).await;
    }
    let (resizer, container) = (engine.clone(), id.to_owned());
    let resize = move |size: ConsoleSize| {
        let (engine, container) = (resizer.clone(), container.clone());
        async move {
            let _ = engine.resize_container(&container, size).await;
        }
    };
    let passing_on = pass_signals_on(engine.clone(), id.to_owned());
    let talking = converse(&context.console, attached, tty, stdin, false, resize);
    let ended = tokio::select! {
        talked = talking => talked?,
        () = passing_on => Ended::Left,
    };
    let end = engine.wait_container(id);
    if !tty {
        let code = end.await?;
        if ended == Ended::Silence {
            show_log(&context.console, engine, id).await;
        }
        return Ok(Some(code));
    }
    match tokio::time::timeout(AFTER_ITS_TERMINAL, end).await {
        Ok(code) => Ok(Some(code?)),
        Err(_) => Ok(None),
    }
}

/// Starts a container that nobody talks to, shows what it says, and waits for its end.
pub async fn listen_to(
    context: &Context,
    engine: &Arc<dyn Engine>,
    id: &str,
) -> Result<i64, Failure> {
    let attach = AttachOptions {
        stdout: true,
        stderr: true,
        ..AttachOptions::default()
    };
    let attached = engine.attach_container(id, &attach).await?;
    engine.start_container(id).await?;
    let console = &context.console;
    let ended = converse(console, attached, false, false, false, async |_| {}).await?;
    let code = engine.wait_container(id).await?;
    if ended == Ended::Silence {
        show_log(console, engine, id).await;
    }
    Ok(code)
}

/// Shows what the engine has in the log of a container that said nothing. When a container ends at once, a busy engine may
/// cut the connection before it has passed on what was written there.
async fn show_log(console: &Console, engine: &Arc<dyn Engine>, id: &str) {
    let lines = engine.container_logs(id, &LogOptions::default()).await;
    // A driver that cannot be read has nothing to show.
    let Ok(mut lines) = lines else { return };
    tracing::debug!(container = id, "it said nothing; its log is read");
    while let Some(Ok(line)) = lines.next().await {
        let text = [&line.bytes[..], b"\n"].concat();
        match line.stream {
            LogStream::Stdout => console.raw_data(&text),
            LogStream::Stderr => console.raw_talk(&text),
        }
    }
}

/// Hands Ctrl-C and SIGTERM on to a container, the second one as SIGKILL; never ends.
pub async fn pass_signals_on(engine: Arc<dyn Engine>, id: String) {
    let (Ok(mut interrupts), Ok(mut terminations)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return std::future::pending().await;
    };
    let mut first = true;
    loop {
        let name = tokio::select! {
            _ = interrupts.recv() => "SIGINT",
            _ = terminations.recv() => "SIGTERM",
        };
        let name = if std::mem::take(&mut first) {
            name
        } else {
            "SIGKILL"
        };
        let _ = engine.kill_container(&id, name).await;
    }
}
