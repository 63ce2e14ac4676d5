use clap::{ArgAction, Args};

use super::context::Context;
use super::run::pass_signals_on;
use super::{Exit, Failure};
use crate::engine::{AttachOptions, ConsoleSize};
use crate::report::{converse, terminal};

/// Connect with the streams of a running container
#[derive(Args, Debug)]
pub struct Attach {
    /// Keys that leave the container alone again (default: ctrl-p,ctrl-q)
    #[arg(long, value_name = "KEYS")]
    pub detach_keys: Option<String>,
    /// Which container, if the service has several
    #[arg(long, value_name = "N")]
    pub index: Option<u32>,
    /// Hand nothing over that is typed here
    #[arg(long)]
    pub no_stdin: bool,
    /// Pass Ctrl-C and SIGTERM on to the process
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = ArgAction::Set)]
    pub sig_proxy: bool,
    #[arg(value_name = "[ENV] SERVICE", required = true)]
    pub words: Vec<String>,
}

impl Attach {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.identify(&self.words)?;
        let (service, rest) = scope.service_and_command("attach")?;
        if let Some(word) = rest.first() {
            return Err(Failure::Usage(format!(
                "`attach` takes one service; `{word}` is too much (`wharf exec {service} {word}` runs a command)"
            )));
        }
        let engine = context.engine().await?;
        let id = scope.running_id(&engine, &service, self.index).await?;
        let inspected = engine.inspect_container(&id).await?.unwrap_or_default();
        let stdin = !self.no_stdin && inspected.open_stdin;
        let options = AttachOptions {
            stdin,
            stdout: true,
            stderr: true,
            logs: false,
            detach_keys: self.detach_keys,
        };
        let attached = engine.attach_container(&id, &options).await?;
        if inspected.tty
            && let Some(size) = terminal::size()
        {
            let _ = engine.resize_container(&id, size).await;
        }
        let (resizer, container) = (engine.clone(), id.clone());
        let resize = move |size: ConsoleSize| {
            let (engine, container) = (resizer.clone(), container.clone());
            async move {
                let _ = engine.resize_container(&container, size).await;
            }
        };
        let talking = converse(
            &context.console,
            attached,
            inspected.tty,
            stdin,
            false,
            resize,
        );
        if self.sig_proxy {
            tokio::select! {
                talked = talking => {
                    talked?;
                }
                () = pass_signals_on(engine.clone(), id.clone()) => {}
            }
        } else {
            talking.await?;
        }
        // Whoever has left the terminal with the keys has not ended the process.
        let now = engine.inspect_container(&id).await?;
        let ended = now
            .filter(|now| now.state.pid == 0)
            .and_then(|now| now.state.exit);
        Ok(ended.map_or(Exit::OK, |exit| Exit::of_command(exit.code)))
    }
}
