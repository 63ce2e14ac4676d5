use clap::{ArgAction, Args};

use super::context::Context;
use super::{Exit, Failure};

/// Make an image of what a container has become
#[derive(Args, Debug)]
pub struct Commit {
    /// Who made it
    #[arg(short, long, value_name = "NAME", default_value = "")]
    pub author: String,
    /// Dockerfile instruction to apply to the image (`CMD ["app"]`)
    #[arg(short, long, value_name = "INSTRUCTION")]
    pub change: Vec<String>,
    /// Which container, if the service has several
    #[arg(long, value_name = "N")]
    pub index: Option<u32>,
    /// What has changed
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    pub message: String,
    /// Pause the container meanwhile
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = ArgAction::Set)]
    pub pause: bool,
    #[arg(value_name = "[ENV] SERVICE [REPOSITORY[:TAG]]", required = true)]
    pub words: Vec<String>,
}

impl Commit {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.identify(&self.words)?;
        let (service, rest) = scope.service_and_command("commit")?;
        if let Some(word) = rest.get(1) {
            return Err(Failure::Usage(format!(
                "`commit` takes one service and one name of an image; `{word}` is too much"
            )));
        }
        let engine = context.engine().await?;
        let container = match context.globals.as_compose {
            // Compose finds only what runs.
            true => scope.running_container(&engine, &service, self.index).await,
            false => scope.container(&engine, &service, self.index).await,
        }?;
        let name = &container.name;
        let say_as_compose = |state: &str| {
            if context.globals.as_compose {
                let line = format!(" {name} Commit {name} {state}");
                context.console.say(&line);
            }
        };
        say_as_compose("Committing");
        let id = engine
            .commit_container(
                &container.id,
                rest.first().map(String::as_str),
                &self.message,
                &self.author,
                &self.change,
                self.pause,
            )
            .await?;
        match context.globals.as_compose {
            true => say_as_compose(&format!("Committed as {id}")),
            false => context.console.data(&id),
        }
        Ok(Exit::OK)
    }
}
