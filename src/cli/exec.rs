use clap::Args;

use super::context::Context;
use super::pairs::environment_pairs;
use super::run::refuse_options;
use super::{Exit, Failure};
use crate::engine::{ConsoleSize, Engine, ExecSpec};
use crate::report::{Ended, converse, terminal};

/// Run a command in a running container of a service
#[derive(Args, Debug)]
pub struct Exec {
    /// Run it in the background
    #[arg(short, long)]
    pub detach: bool,
    /// Set a variable; without a value it is taken from here
    #[arg(short, long = "env", value_name = "KEY[=VALUE]")]
    pub environment: Vec<String>,
    /// Which container, if the service has several
    #[arg(long, value_name = "N")]
    pub index: Option<u32>,
    /// Extended privileges
    #[arg(long)]
    pub privileged: bool,
    /// No terminal, even if there is one here
    #[arg(short = 'T', long = "no-tty", alias = "no-TTY")]
    pub no_tty: bool,
    /// Keep standard input open (the default)
    #[arg(short, long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub interactive: Option<bool>,
    /// Allocate a terminal (the default; for docker compose's sake)
    #[arg(short, long, hide = true)]
    pub tty: bool,
    /// User, as name or UID[:GID]
    #[arg(short, long)]
    pub user: Option<String>,
    /// Working directory in the container
    #[arg(short, long, value_name = "DIR")]
    pub workdir: Option<String>,
    #[arg(
        value_name = "[ENV] SERVICE COMMAND",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub words: Vec<String>,
}

impl Exec {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        refuse_options(&self.words)?;
        let scope = context.identify(&self.words)?;
        let (service, command) = scope.service_and_command("exec")?;
        if command.is_empty() {
            return Err(Failure::Worded {
                message: format!(
                    "`exec` needs a command after the service: `wharf exec {service} COMMAND`"
                ),
                compose: "requires at least 2 arg(s), only received 1".into(),
                exit: Exit::USAGE,
            });
        }
        let engine = context.engine().await?;
        let container = scope.running_id(&engine, &service, self.index).await?;
        let tty = !self.no_tty
            && !self.detach
            && terminal::stdin_is_terminal()
            && context.console.data_goes_to_terminal();
        let spec = ExecSpec {
            command,
            user: self.user,
            working_dir: self.workdir,
            environment: environment_pairs(&self.environment, |name| context.environment.get(name)),
            privileged: self.privileged,
            tty,
            attach_stdin: !self.detach && self.interactive != Some(false),
            attach_stdout: !self.detach,
            attach_stderr: !self.detach,
            detach: self.detach,
            detach_keys: None,
            console: if tty { terminal::size() } else { None },
        };
        run_in(context, engine, &container, spec).await
    }
}

/// Runs a command in a container, connected with the caller's streams unless it is detached.
pub async fn run_in(
    context: &Context,
    engine: std::sync::Arc<dyn Engine>,
    container: &str,
    spec: ExecSpec,
) -> Result<Exit, Failure> {
    let (id, attached) = engine.exec(container, &spec).await?;
    if spec.detach {
        return Ok(Exit::OK);
    }
    let (resizer, exec) = (engine.clone(), id.clone());
    let resize = move |size: ConsoleSize| {
        let (engine, exec) = (resizer.clone(), exec.clone());
        async move {
            let _ = engine.resize_exec(&exec, size).await;
        }
    };
    let ended = converse(
        &context.console,
        attached,
        spec.tty,
        spec.attach_stdin,
        true,
        resize,
    )
    .await?;
    // The command goes on; Compose takes it for a failure.
    if ended == Ended::Left {
        return match context.globals.as_compose {
            true => Err(Failure::Worded {
                message: "the terminal was left; the command goes on".into(),
                compose: "read escape sequence".into(),
                exit: Exit::OK,
            }),
            false => Ok(Exit::OK),
        };
    }
    let outcome = engine.exec_outcome(&id).await?;
    Ok(outcome.exit_code.map_or(Exit::OK, Exit::of_command))
}
