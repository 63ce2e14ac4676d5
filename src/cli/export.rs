use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use futures_util::StreamExt;

use super::context::Context;
use super::{Exit, Failure};

/// Write the file system of a container as a tar archive
#[derive(Args, Debug)]
pub struct Export {
    /// Which container, if the service has several
    #[arg(long, value_name = "N")]
    pub index: Option<u32>,
    /// Write to a file, not to standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[arg(value_name = "[ENV] SERVICE", required = true)]
    pub words: Vec<String>,
}

impl Export {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.identify(&self.words)?;
        let (service, rest) = scope.service_and_command("export")?;
        if let Some(word) = rest.first() {
            return Err(Failure::Usage(format!(
                "`export` takes one service; `{word}` is too much"
            )));
        }
        if self.output.is_none() && context.console.data_goes_to_terminal() {
            return Err(Failure::Usage(
                "an archive is no text for a terminal; name a file with `-o`, or redirect the output".into(),
            ));
        }
        let engine = context.engine().await?;
        let container = match context.globals.as_compose {
            // Compose finds only what runs.
            true => scope.running_container(&engine, &service, self.index).await,
            false => scope.container(&engine, &service, self.index).await,
        }?;
        if context.globals.as_compose {
            let to = self.output.as_ref().map(|file| file.display().to_string());
            let to = to.unwrap_or_default();
            let name = &container.name;
            context
                .console
                .say(&format!(" {name} export {name} to {to} Exporting"));
        }
        let mut archive = engine.export_container(&container.id).await?;
        let cannot = |error: std::io::Error| {
            let to = self
                .output
                .as_ref()
                .map_or("standard output".into(), |file| {
                    format!("`{}`", file.display())
                });
            Failure::Apply(format!("cannot write the archive to {to}: {error}"))
        };
        let mut out: Box<dyn Write + Send> = match &self.output {
            Some(file) => Box::new(std::fs::File::create(file).map_err(cannot)?),
            None => Box::new(std::io::stdout()),
        };
        while let Some(piece) = archive.next().await {
            out.write_all(&piece?).map_err(cannot)?;
        }
        out.flush().map_err(cannot)?;
        Ok(Exit::OK)
    }
}
