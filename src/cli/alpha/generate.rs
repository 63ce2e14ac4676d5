use clap::Args;

use super::announce;
use super::described::Described;
use crate::cli::context::Context;
use crate::cli::{Exit, Failure};
use crate::config::{Format, View};
use crate::engine::{ContainerSummary, Engine};
use crate::source::{Node, to_yaml};

/// Write a Compose file that says what containers are, whoever made them
#[derive(Args, Debug)]
pub struct Generate {
    /// `yaml` or `json`
    #[arg(long, value_name = "FORMAT", default_value = "yaml")]
    format: String,
    /// The project's name
    #[arg(long, value_name = "NAME", default_value = "")]
    name: String,
    /// For docker compose's sake; what is written names no directory
    #[arg(long, value_name = "DIR", hide = true)]
    project_dir: Option<String>,
    /// Parts of names, or beginnings of ids
    #[arg(value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Generate {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        announce(context, "generate");
        if self.containers.is_empty() {
            return Err(worded("at least one container must be specified".into()));
        }
        let engine = context.engine().await?;
        let engine = engine.as_ref();
        let mut rows = engine.list_containers(&[]).await?;
        rows.retain(|row| self.means(row));
        if rows.is_empty() {
            return Err(worded(format!(
                "no container(s) found with the following name(s): {}",
                self.containers.join(",")
            )));
        }
        // After the search, as with Compose.
        let format = match self.format.as_str() {
            "yaml" => Format::Yaml,
            "json" => Format::Json,
            other => return Err(worded(format!("unsupported format {other:?}"))),
        };
        let mut described = Described::default();
        for row in &rows {
            // It may have gone meanwhile.
            if let Some(container) = engine.inspect_container(&row.id).await? {
                described.add(row, &container);
            }
        }
        complete(engine, &mut described).await?;
        // Compose's JSON has the key even where there is no name.
        let has_name = format == Format::Json || !self.name.is_empty();
        let name = has_name.then_some(self.name.as_str());
        let document = Node::from(described.document(name));
        let view = View::new(&document, format).verbatim();
        let text = match format {
            Format::Yaml => to_yaml(&view),
            Format::Json => serde_json::to_string_pretty(&view).map_err(anyhow::Error::from)?,
        };
        context.console.data(&text);
        Ok(Exit::OK)
    }

    fn means(&self, row: &ContainerSummary) -> bool {
        let words = &self.containers;
        words
            .iter()
            .any(|word| row.name.contains(word.as_str()) || row.id.starts_with(word.as_str()))
    }
}

/// Asks for what containers do not say of their networks and volumes.
async fn complete(engine: &dyn Engine, described: &mut Described) -> Result<(), Failure> {
    for (name, internal) in &mut described.networks {
        let network = engine.inspect_network(name).await?;
        *internal = network.is_some_and(|network| network.internal);
    }
    for (name, driver) in &mut described.volumes {
        if let Some(volume) = engine.inspect_volume(name).await? {
            *driver = volume.driver;
        }
    }
    Ok(())
}

fn worded(words: String) -> Failure {
    Failure::Worded {
        message: words.clone(),
        compose: words,
        exit: Exit::USAGE,
    }
}
