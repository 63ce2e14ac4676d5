use std::path::PathBuf;

use clap::Args;
use indexmap::IndexMap;

use super::context::{Context, Purpose};
use super::{Exit, Failure};
use crate::config::{self, Format, Print};
use crate::diagnostic::Diagnostics;
use crate::engine::{Engine, Image};
use crate::lint;
use crate::resolve::{Options, Resolved};

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
    /// Only names of models
    #[arg(long)]
    pub models: bool,
    /// Only names of profiles
    #[arg(long)]
    pub profiles: bool,
    /// Only the variables that the files use
    #[arg(long)]
    pub variables: bool,
    /// Only the variables that `${..}` can name
    #[arg(long)]
    pub environment: bool,
    /// Only the config hash of services, `*` for all
    #[arg(long, value_name = "SERVICES")]
    pub hash: Option<String>,
    /// Which files are merged, and why
    #[arg(long)]
    pub explain_layers: bool,
    /// Leave `${..}` as written
    #[arg(long)]
    pub no_interpolate: bool,
    /// Add no defaults
    #[arg(long)]
    pub no_normalize: bool,
    /// Leave paths as written
    #[arg(long)]
    pub no_path_resolution: bool,
    /// Check less
    #[arg(long)]
    pub no_consistency: bool,
    /// Do not read env files
    #[arg(long)]
    pub no_env_resolution: bool,
    /// Name images by their digests
    #[arg(long)]
    pub resolve_image_digests: bool,
    /// Print a layer that pins every image to its digest
    #[arg(long)]
    pub lock_image_digests: bool,
    /// Hide whatever looks like a secret
    #[arg(long)]
    pub mask: bool,
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
        let format = match self.format.as_str() {
            "json" => Format::Json,
            "yaml" => Format::Yaml,
            other => {
                return Err(Failure::Usage(format!(
                    "`--format {other}` is unknown; formats are yaml and json"
                )));
            }
        };
        let keep_variables = self.no_interpolate || self.variables;
        let options = Options {
            keep_variables,
            keep_short: self.no_normalize,
            keep_paths: self.no_path_resolution,
            skip_checks: self.no_consistency,
            keep_env_files: self.no_env_resolution,
            document_only: true,
            ..Options::default()
        };
        let scope = context.project_as(&self.words, Purpose::Print, keep_variables, options)?;
        let mut resolved = scope.into_resolved()?;
        if !context.globals.as_compose && !keep_variables {
            let mut found = Diagnostics::default();
            lint::redundant(&resolved, &mut found);
            context.tell(&found, &resolved.sources);
        }
        if self.quiet {
            return Ok(Exit::OK);
        }
        if self.resolve_image_digests || self.lock_image_digests {
            pin(context, &mut resolved).await?;
        }
        let text = if self.services {
            config::services(&resolved)
        } else if self.images {
            config::images(&resolved)
        } else if self.volumes {
            config::volumes(&resolved)
        } else if self.networks {
            config::networks(&resolved)
        } else if self.models {
            config::models(&resolved)
        } else if self.profiles {
            config::profiles(&resolved)
        } else if self.variables && format == Format::Json {
            config::variables_json(&resolved)
        } else if self.variables {
            config::variables(&resolved)
        } else if self.environment {
            config::environment(&resolved)
        } else if let Some(names) = &self.hash {
            let names: Vec<&str> = names.split(',').collect();
            config::hashes(&resolved, &names).map_err(Failure::Usage)?
        } else if self.lock_image_digests {
            config::lock(&resolved)
        } else if self.explain_layers {
            layers(&resolved)
        } else {
            let print = Print {
                format,
                mask: self.mask,
                keep_variables,
            };
            if self.output.is_none() {
                context
                    .console
                    .write_data(|out| config::write_document(&resolved, print, out));
                std::mem::forget(resolved);
                return Ok(Exit::OK);
            }
            config::document(&resolved, print)
        };
        match &self.output {
            Some(file) => std::fs::write(file, text).map_err(|error| {
                Failure::Usage(format!("cannot write `{}`: {error}", file.display()))
            })?,
            None => context.console.raw_data(text.as_bytes()),
        }
        // The process ends here; taking a large document apart value by value would only delay that.
        std::mem::forget(resolved);
        Ok(Exit::OK)
    }
}

fn layers(resolved: &Resolved) -> String {
    resolved
        .layers
        .iter()
        .map(|layer| format!("{}: {}\n", layer.path.display(), layer.rule))
        .collect()
}

/// Replaces images by the digests under which the engine has them.
async fn pin(context: &Context, resolved: &mut Resolved) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let mut digests = IndexMap::new();
    for image in config::named_images(resolved) {
        let found: Option<Image> = Engine::inspect_image(engine.as_ref(), &image).await?;
        let Some(digest) = found.and_then(|image| image.digests.into_iter().next()) else {
            return Err(Failure::Apply(format!(
                "the engine knows no digest of image `{image}`\nhelp: pull it first; images that were only built have none"
            )));
        };
        digests.insert(image, digest);
    }
    config::pin(resolved, &digests);
    Ok(())
}
