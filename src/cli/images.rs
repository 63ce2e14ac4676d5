use std::collections::BTreeSet;

use chrono::DateTime;
use clap::Args;
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::build::graph_of;
use super::context::Context;
use super::listing::Listing;
use super::ps::age;
use super::{Exit, Failure};
use crate::build::{ContextSource, Image, ImageGraph, ImageName, Reference};
use crate::model::is_image_only;
use crate::report::gotemplate::{Format, Row};
use crate::report::{Table, TreeImage, TreeRow, image_tree, prose, short_id};
use crate::resolve::Resolved;

/// Show the images of an env as a tree: what stands on what
///
/// With sizes, ages, and the services that use them.
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
        let as_compose = context.globals.as_compose;
        let services = match as_compose {
            true => Vec::new(),
            false => scope.services()?,
        };
        let is_plain = matches!(self.format.as_str(), "table" | "json");
        if !context.files_are_named()
            && !self.quiet
            && is_plain
            && let Some(resolved) = scope.resolved()
        {
            return self.tree(context, resolved, &services).await;
        }
        let format = Format::parse(&self.format)?;
        let engine = context.engine().await?;
        let mut containers = scope.listed(&engine, as_compose).await?;
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
            context.table_width(),
        );
        table.can_spare(&["PLATFORM", "CREATED"]);
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
            // Compose tells since when the engine has it under a name.
            let time = match as_compose && !image.last_tagged.is_empty() {
                true => {
                    row.set("LastTagTime", image.last_tagged.as_str());
                    &image.last_tagged
                }
                false => {
                    row.set("Created", image.created.as_str());
                    &image.created
                }
            };
            let created = DateTime::parse_from_rfc3339(time)
                .map_or(String::new(), |time| age(time.timestamp()));
            rows.push(row);
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
            if as_compose {
                table.at_least(20);
            }
            console.data(&table.render());
        }
        Ok(Exit::OK)
    }
}

/// The image that a Dockerfile means by a name, which may be that of a context.
fn image_behind(graph: &ImageGraph, image: &Image, name: &str) -> String {
    match image.contexts.get(name) {
        Some(ContextSource::Image(other)) => other.clone(),
        Some(ContextSource::Parent(key)) => {
            let parent = graph.images.get(key);
            let name = parent.and_then(|parent| parent.names.first());
            name.unwrap_or(key).clone()
        }
        _ => name.to_owned(),
    }
}

impl Images {
    /// Everything that the project's services run from, with what it stands on.
    async fn tree(
        &self,
        context: &Context,
        resolved: &Resolved,
        services: &[String],
    ) -> Result<Exit, Failure> {
        let project = &resolved.project;
        let graph = graph_of(project, context, resolved)?;
        let mut names: IndexMap<ImageName, (String, Vec<String>)> = IndexMap::new();
        let mut bases: IndexMap<ImageName, ImageName> = IndexMap::new();
        let chosen = |name: &String| services.is_empty() || services.contains(name);
        for (name, service) in project.services.iter().filter(|(name, _)| chosen(name)) {
            let built = graph.of_service(name);
            let own = built.and_then(|image| image.names.first());
            let Some(image) = service.image.as_ref().or(own) else {
                continue;
            };
            let (_, users) = names
                .entry(ImageName::normal(image))
                .or_insert_with(|| (image.clone(), Vec::new()));
            match is_image_only(service) {
                true => {}
                false => users.push(name.clone()),
            }
            // What it is made from is shown as well, with nobody who runs it.
            let Some((image, file)) =
                built.and_then(|image| Some((image, image.dockerfile.as_ref()?)))
            else {
                continue;
            };
            let target = image.build.target.as_deref();
            let base = file.parsed.base(target, &image.arguments());
            if let (Some(base), Some(own)) = (base, image.names.first()) {
                let base = image_behind(&graph, image, &base);
                bases.insert(ImageName::normal(own), ImageName::normal(&base));
            }
            for reference in file.parsed.references(target, &image.arguments()) {
                if !image.contexts.contains_key(&reference.name) {
                    names
                        .entry(ImageName::normal(&reference.name))
                        .or_insert_with(|| (reference.name.clone(), Vec::new()));
                }
            }
        }
        let engine = context.engine().await?;
        let mut images = Vec::new();
        let written: IndexMap<ImageName, String> = names
            .iter()
            .map(|(whole, (name, _))| (whole.clone(), name.clone()))
            .collect();
        for (whole, (name, services)) in names {
            let image = engine.inspect_image(&name).await?.unwrap_or_default();
            images.push(TreeImage {
                name,
                id: image.id,
                size: u64::try_from(image.size).unwrap_or(0),
                created: image.created,
                layers: image.layers,
                services,
                base: bases
                    .get(&whole)
                    .and_then(|base| written.get(base))
                    .cloned(),
            });
        }
        let rows = image_tree(images);
        let console = &context.console;
        if self.format == "json" {
            let list: Vec<Value> = rows.iter().map(as_json).collect();
            console.data(&Value::Array(list).to_string());
            return Ok(Exit::OK);
        }
        let titles = ["IMAGE", "ID", "SIZE", "OWN", "CREATED", "SERVICES"];
        let mut table = Table::new(titles, context.table_width());
        table.can_spare(&["CREATED", "OWN"]);
        for row in rows {
            let indent = match row.depth {
                0 => String::new(),
                depth => format!("{}└ ", "  ".repeat(depth - 1)),
            };
            let there = !row.image.id.is_empty();
            let shown = |text: String| if there { text } else { String::new() };
            let created = DateTime::parse_from_rfc3339(&row.image.created)
                .map_or(String::new(), |time| age(time.timestamp()));
            table.row([
                format!("{indent}{}", row.image.name),
                match there {
                    true => short_id(&row.image.id).to_owned(),
                    false => "not there".to_owned(),
                },
                shown(prose::bytes(row.image.size)),
                shown(prose::bytes(row.own)),
                created,
                row.image.services.join(" "),
            ]);
        }
        console.data(&table.render());
        Ok(Exit::OK)
    }
}

fn as_json(row: &TreeRow) -> Value {
    json!({
        "Name": row.image.name,
        "ID": row.image.id,
        "Size": row.image.size,
        "Own": row.own,
        "Created": row.image.created,
        "StandsOn": row.stands_on,
        "Services": row.image.services,
    })
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
    ] {
        row.set(field, "");
    }
    row
}

/// What a container's image was called when the container was made; an id has neither.
pub fn repository_and_tag(reference: &str) -> (&str, &str) {
    if reference.is_empty() || reference.starts_with("sha256:") {
        return ("<none>", "<none>");
    }
    let named = Reference::of(reference);
    let tag = match named.digest {
        Some(_) => "<none>",
        None => named.tag.unwrap_or("latest"),
    };
    (named.repository, tag)
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
