use std::collections::BTreeSet;

use chrono::DateTime;
use clap::Args;

use super::context::Context;
use super::listing::Listing;
use super::ps::age;
use super::{Exit, Failure};
use crate::report::gotemplate::{Format, Row};
use crate::report::{Table, prose, short_id};

/// List the images that the containers run from
#[derive(Args, Debug)]
pub struct Images {
    /// `table`, `json`, or a Go template: `{{.Repository}}`
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: String,
    /// Only ids
    #[arg(short, long)]
    pub quiet: bool,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Images {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.identify(&self.words)?;
        let services = scope.services()?;
        let format = Format::parse(&self.format)?;
        let engine = context.engine().await?;
        let mut containers = scope.containers(&engine, &services).await?;
        containers.sort_by(|a, b| a.name.cmp(&b.name));
        let console = &context.console;
        if self.quiet {
            let ids: BTreeSet<&str> = containers
                .iter()
                .map(|one| {
                    let id = one.image_id.as_str();
                    id.strip_prefix("sha256:").unwrap_or(id)
                })
                .collect();
            ids.into_iter().for_each(|id| console.data(id));
            return Ok(Exit::OK);
        }
        let mut table = Table::new(
            [
                "CONTAINER",
                "REPOSITORY",
                "TAG",
                "PLATFORM",
                "IMAGE ID",
                "SIZE",
                "CREATED",
            ],
            console.terminal_width(),
        );
        let mut rows = Vec::new();
        for container in containers {
            // The image may be gone while its container is still there.
            let image = engine
                .inspect_image(&container.image_id)
                .await?
                .unwrap_or_default();
            let (repository, tag) = repository_and_tag(&container.image);
            let platform = [&image.operating_system, &image.architecture, &image.variant]
                .into_iter()
                .filter(|part| !part.is_empty())
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join("/");
            let mut row = empty_row();
            row.set("ID", container.image_id.as_str());
            row.set("ContainerName", container.name.as_str());
            row.set("Repository", repository);
            row.set("Tag", tag);
            row.set("Platform", platform.as_str());
            row.set("Size", image.size);
            row.set("Created", image.created.as_str());
            rows.push(row);
            let created = DateTime::parse_from_rfc3339(&image.created)
                .map_or(String::new(), |time| age(time.timestamp()));
            table.row([
                container.name.clone(),
                repository.to_owned(),
                tag.to_owned(),
                platform,
                short_id(&container.image_id).to_owned(),
                prose::bytes(u64::try_from(image.size).unwrap_or(0)),
                created,
            ]);
        }
        let listing = Listing {
            format,
            rows,
            titles: &[("ContainerName", "CONTAINER"), ("ID", "IMAGE ID")],
            as_list: true,
        };
        if !listing.show(console, &empty_row())? {
            if context.globals.as_compose {
                table.at_least(20);
            }
            console.data(&table.render());
        }
        Ok(Exit::OK)
    }
}

fn empty_row() -> Row {
    let mut row = Row::default();
    for field in [
        "ID",
        "ContainerName",
        "Repository",
        "Tag",
        "Platform",
        "Size",
        "Created",
    ] {
        row.set(field, "");
    }
    row
}

/// What a container's image was called when the container was made; an id has neither.
fn repository_and_tag(reference: &str) -> (&str, &str) {
    if reference.is_empty() || reference.starts_with("sha256:") {
        return ("<none>", "<none>");
    }
    if let Some((name, _)) = reference.split_once('@') {
        return (name, "<none>");
    }
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (reference, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_tag() {
        assert_eq!(
            repository_and_tag("host:5000/app"),
            ("host:5000/app", "latest")
        );
        assert_eq!(
            repository_and_tag("host:5000/app:1"),
            ("host:5000/app", "1")
        );
        assert_eq!(repository_and_tag("app@sha256:00"), ("app", "<none>"));
        assert_eq!(repository_and_tag("sha256:00"), ("<none>", "<none>"));
    }
}
