use clap::Args;
use serde_json::json;

use super::context::Context;
use super::{Exit, Failure};
use crate::model::{MountKind, Project};
use crate::observe::labels;
use crate::report::Table;

/// List the volumes of the project
#[derive(Args, Debug)]
pub struct Volumes {
    /// `table` or `json`
    #[arg(long, value_parser = ["table", "json"], value_name = "FORMAT", default_value = "table")]
    pub format: String,
    /// Only names
    #[arg(short, long)]
    pub quiet: bool,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Volumes {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.identify(&self.words)?;
        let services = scope.services()?;
        let used = scope
            .project()
            .filter(|_| !services.is_empty())
            .map(|project| keys_used(project, &services));
        let engine = context.engine().await?;
        let mut volumes = engine
            .list_volumes(&[(labels::PROJECT, scope.name())])
            .await?;
        volumes.retain(|volume| {
            let key = volume.labels.get(labels::VOLUME);
            used.as_ref()
                .is_none_or(|used| key.is_some_and(|key| used.contains(key)))
        });
        let console = &context.console;
        if self.quiet {
            volumes.iter().for_each(|one| console.data(&one.name));
        } else if self.format == "json" {
            for volume in &volumes {
                let labels: Vec<String> = volume
                    .labels
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect();
                let line = json!({
                    "Availability": "N/A",
                    "Driver": volume.driver,
                    "Group": "N/A",
                    "Labels": labels.join(","),
                    "Links": "N/A",
                    "Mountpoint": volume.mountpoint,
                    "Name": volume.name,
                    "Scope": "local",
                    "Size": "N/A",
                    "Status": "N/A",
                });
                console.data(&line.to_string());
            }
        } else {
            let mut table = Table::new(["DRIVER", "VOLUME NAME"], console.terminal_width());
            for volume in volumes {
                table.row([volume.driver, volume.name]);
            }
            console.data(&table.render());
        }
        Ok(Exit::OK)
    }
}

/// The keys of the project's volumes that these services mount.
fn keys_used(project: &Project, services: &[String]) -> Vec<String> {
    services
        .iter()
        .filter_map(|name| project.services.get(name))
        .flat_map(|service| &service.volumes)
        .filter(|mount| mount.kind == MountKind::Volume)
        .filter_map(|mount| mount.source.clone())
        .collect()
}
