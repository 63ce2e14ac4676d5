use std::path::PathBuf;

use clap::Args;

use super::context::{Context, Purpose};
use super::{Exit, Failure};
use crate::config::{Format, View};
use crate::plan::image_of;

/// Print the merged project, as `docker compose config` does
#[derive(Args, Debug)]
pub struct Config {
    /// `yaml` or `json`
    #[arg(long, value_name = "FORMAT", default_value = "yaml")]
    pub format: String,
    /// Only names of services
    #[arg(long)]
    pub services: bool,
    /// Only names of images
    #[arg(long)]
    pub images: bool,
    /// Only names of volumes
    #[arg(long)]
    pub volumes: bool,
    /// Only names of networks
    #[arg(long)]
    pub networks: bool,
    /// Only names of profiles
    #[arg(long)]
    pub profiles: bool,
    /// Which files are merged, and why
    #[arg(long)]
    pub explain_layers: bool,
    /// Only check
    #[arg(short, long)]
    pub quiet: bool,
    /// Write to a file
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Config {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.project(&self.words, Purpose::Print)?;
        scope.services()?;
        let resolved = scope.into_resolved()?;
        let project = &resolved.project;
        if self.quiet {
            return Ok(Exit::OK);
        }
        let keys = |names: Vec<String>| names.join("\n");
        let text = if self.services {
            keys(project.services.keys().cloned().collect())
        } else if self.images {
            keys(
                project
                    .services
                    .iter()
                    .map(|(name, service)| image_of(project, name, service))
                    .collect(),
            )
        } else if self.volumes {
            keys(project.volumes.keys().cloned().collect())
        } else if self.networks {
            keys(project.networks.keys().cloned().collect())
        } else if self.profiles {
            let mut names: Vec<String> = project
                .services
                .values()
                .chain(project.inactive.values())
                .flat_map(|service| service.profiles.iter().cloned())
                .collect();
            names.sort();
            names.dedup();
            keys(names)
        } else if self.explain_layers {
            keys(
                resolved
                    .layers
                    .iter()
                    .map(|layer| format!("{}: {}", layer.path.display(), layer.rule))
                    .collect(),
            )
        } else {
            match self.format.as_str() {
                "json" => {
                    serde_json::to_string_pretty(&View::new(&resolved.document, Format::Json))
                        .map_err(anyhow::Error::from)?
                }
                "yaml" => serde_yaml::to_string(&View::new(&resolved.document, Format::Yaml))
                    .map_err(anyhow::Error::from)?
                    .trim_end()
                    .to_owned(),
                other => {
                    return Err(Failure::Usage(format!(
                        "`--format {other}` is unknown; formats are yaml and json"
                    )));
                }
            }
        };
        match &self.output {
            Some(file) => std::fs::write(file, text + "\n").map_err(|error| {
                Failure::Usage(format!("cannot write `{}`: {error}", file.display()))
            })?,
            None if text.is_empty() => {}
            None => context.console.data(&text),
        }
        Ok(Exit::OK)
    }
}
