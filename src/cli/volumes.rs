use clap::Args;

use super::context::Context;
use super::listing::Listing;
use super::{Exit, Failure};
use crate::engine::EngineVolume;
use crate::model::{MountKind, Project};
use crate::observe::labels;
use crate::report::Table;
use crate::report::gotemplate::{Format, Row};

/// List the volumes of the project
#[derive(Args, Debug)]
pub struct Volumes {
    /// `table`, `json`, or a Go template: `{{.Name}}`
    #[arg(long, value_name = "FORMAT", default_value = "table")]
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
        let format = Format::parse(&self.format)?;
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
        } else {
            let listing = Listing {
                format,
                rows: volumes.iter().map(row).collect(),
                titles: &[("Name", "VOLUME NAME")],
                as_list: false,
            };
            if listing.show(console, &row(&EngineVolume::default()))? {
                return Ok(Exit::OK);
            }
            let mut table = Table::new(["DRIVER", "VOLUME NAME"], context.table_width());
            if context.globals.as_compose {
                table.at_least(10);
            }
            for volume in volumes {
                table.row([volume.driver, volume.name]);
            }
            console.data(&table.render());
        }
        Ok(Exit::OK)
    }
}

/// The fields of `docker volume ls`.
fn row(volume: &EngineVolume) -> Row {
    let labels: Vec<String> = volume
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let mut row = Row::default();
    row.set("Name", volume.name.as_str());
    row.set("Driver", volume.driver.as_str());
    row.set("Mountpoint", volume.mountpoint.as_str());
    row.set("Scope", "local");
    row.set("Labels", labels.join(","));
    // The engine tells these of a volume in a cluster only.
    for field in ["Availability", "Group", "Links", "Size", "Status"] {
        row.set(field, "N/A");
    }
    row.labels = volume.labels.clone();
    row
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
