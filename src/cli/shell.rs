use clap::Args;

use super::context::Context;
use super::exec::run_in;
use super::{Exit, Failure};
use crate::engine::ExecSpec;
use crate::report::terminal;

/// Open a shell in a running container of a service
#[derive(Args, Debug)]
pub struct Shell {
    /// Which container, if the service has several
    #[arg(long, value_name = "N")]
    pub index: Option<u32>,
    /// User, as name or UID[:GID]
    #[arg(short, long)]
    pub user: Option<String>,
    #[arg(value_name = "[ENV] SERVICE", required = true)]
    pub words: Vec<String>,
}

/// The first shell that the image has: an image without bash still has sh.
const BEST_SHELL: &str = "if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi";

impl Shell {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.identify(&self.words)?;
        let (service, _) = scope.service_and_command("shell")?;
        let engine = context.engine().await?;
        let container = scope
            .running_container(&engine, &service, self.index)
            .await?;
        let tty = terminal::stdin_is_terminal() && context.console.data_goes_to_terminal();
        let spec = ExecSpec {
            command: ["sh", "-c", BEST_SHELL].map(String::from).to_vec(),
            user: self.user,
            tty,
            attach_stdin: true,
            attach_stdout: true,
            attach_stderr: true,
            console: if tty { terminal::size() } else { None },
            ..ExecSpec::default()
        };
        run_in(context, engine, &container, spec).await
    }
}
