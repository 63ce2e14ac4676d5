//! The configuration layer, for the verbs that start containers.

use std::sync::Arc;

use indexmap::IndexMap;

use super::Failure;
use super::context::Context;
use crate::diagnostic::render;
use crate::engine::Engine;
use crate::layer::{self, ConfigLayer, LayerError, Wanted};
use crate::model::{Project, PullPolicy};
use crate::report::short_id;
use crate::source::Sources;

/// The project with every one of these services that has a configuration running from an image that holds it. Images that
/// are not there, or have another configuration, are made; the images below them have to be there.
pub async fn apply(
    context: &Context,
    engine: &Arc<dyn Engine>,
    project: &Project,
    sources: &Sources,
    services: &[String],
) -> Result<Project, Failure> {
    if context.globals.dry_run {
        return preview(context, engine, project, sources, services).await;
    }
    let layers = layers(context, project, sources, services, None)?;
    let mut configured = project.clone();
    for (service, name) in add(context, engine, project, sources, &layers, "").await? {
        run_from(&mut configured, &service, name);
    }
    Ok(configured)
}

/// Makes the image of every one of these services with its configuration, and returns what each is called: as
/// [`layer::image_name`] says, with `suffix`.
pub async fn add(
    context: &Context,
    engine: &Arc<dyn Engine>,
    project: &Project,
    sources: &Sources,
    layers: &[(String, ConfigLayer)],
    suffix: &str,
) -> Result<Vec<(String, String)>, Failure> {
    let mut names = Vec::new();
    for (service, config) in layers {
        let base = base_of(project, service);
        let name = format!("{}{suffix}", layer::image_name(&project.name, service));
        let added = match layer::add(engine.as_ref(), &base, config, &name).await {
            Err(LayerError::Refused) => {
                let docker = context.docker().await?;
                let builder = docker.builder(&context.environment);
                layer::add_by_build(engine.as_ref(), &builder, &base, config, &name).await
            }
            added => added,
        };
        let added = added.map_err(|error| failure(context, sources, &error))?;
        if !added.unchanged {
            context.console.say(&format!(
                "configuration of {service}: {} on image {base}, {}",
                counted(config),
                short_id(&added.id)
            ));
        }
        names.push((service.clone(), name));
    }
    Ok(names)
}

/// As [`apply`], for a look only: nothing is made, and a configuration that would be is said.
pub async fn preview(
    context: &Context,
    engine: &Arc<dyn Engine>,
    project: &Project,
    sources: &Sources,
    services: &[String],
) -> Result<Project, Failure> {
    let mut configured = project.clone();
    for (service, config) in layers(context, project, sources, services, None)? {
        let base = base_of(project, &service);
        let name = layer::image_name(&project.name, &service);
        let current = layer::current(engine.as_ref(), &base, &config, &name).await;
        if current
            .map_err(|error| failure(context, sources, &error))?
            .is_none()
        {
            context.console.note(&format!(
                "the configuration of `{service}` is new or has changed: `up` adds {} to image `{base}` and replaces its containers",
                counted(&config)
            ));
        }
        run_from(&mut configured, &service, name);
    }
    Ok(configured)
}

fn counted(config: &ConfigLayer) -> String {
    match config.files.len() {
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    }
}

fn base_of(project: &Project, service: &str) -> String {
    project
        .services
        .get(service)
        .map(|definition| definition.image_name(&project.name, service))
        .unwrap_or_default()
}

/// Lets a service run from an image that only this engine has.
pub fn run_from(project: &mut Project, service: &str, image: String) {
    if let Some(definition) = project.services.get_mut(service) {
        definition.image = Some(image);
        definition.build = None;
        // No registry has it.
        definition.pull_policy = Some(PullPolicy::Never);
    }
}

/// Renders the configuration of each of these services that has one. `host`: the server that it is for.
pub fn layers(
    context: &Context,
    project: &Project,
    sources: &Sources,
    services: &[String],
    host: Option<&str>,
) -> Result<Vec<(String, ConfigLayer)>, Failure> {
    let none = IndexMap::new();
    let mut layers = Vec::new();
    let mut sources = sources.clone();
    for service in services {
        let wanted = Wanted {
            service,
            host,
            values: &none,
        };
        let rendered = layer::render(project, wanted, &context.disk, &mut sources);
        let rendered = rendered.map_err(|error| failure(context, &sources, &error))?;
        layers.extend(rendered.map(|config| (service.clone(), config)));
    }
    Ok(layers)
}

/// A mistake in a template is shown with its line.
pub fn failure(context: &Context, sources: &Sources, error: &LayerError) -> Failure {
    match error {
        LayerError::Template(finding) => {
            let console = &context.console;
            let shown = render(finding, sources, console.talk_has_colour(), console.width());
            console.insist(&shown);
            Failure::Project
        }
        other => Failure::Apply(other.to_string()),
    }
}
