//! Services that other programs provide, before and after the containers.

use std::path::PathBuf;

use super::Failure;
use super::context::Context;
use crate::model::Project;
use crate::plan;
use crate::provider::{Call, Line, ProviderError, Verb, hand_over};

/// Has the chosen services that other programs provide brought up, gives their variables to those who depend on them, and takes
/// them out of the project: there is no container to make.
pub async fn provide(
    context: &Context,
    project: &mut Project,
    chosen: &[String],
    with_dependencies: bool,
) -> Result<(), Failure> {
    let order = plan::service_order(project, chosen, with_dependencies)
        .map_err(super::carry_out::planning)?;
    if !context.globals.dry_run {
        refuse_models(project, &order)?;
    }
    let calls: Vec<Call> = order
        .iter()
        .filter_map(|name| Call::of(name, &project.services[name]))
        .collect();
    for call in calls {
        if !context.globals.dry_run {
            let variables = run(context, &project.name, &call, Verb::Up).await?;
            hand_over(project, &call.service, &variables);
        }
    }
    let provided: Vec<String> = project
        .services
        .iter()
        .filter(|(_, service)| service.provider.is_some())
        .map(|(name, _)| name.clone())
        .collect();
    project.services.retain(|name, _| !provided.contains(name));
    for service in project.services.values_mut() {
        service
            .depends_on
            .retain(|name, _| !provided.contains(name));
    }
    Ok(())
}

/// Refuses services that use `models`: nobody would run these.
pub fn refuse_models(project: &Project, services: &[String]) -> Result<(), Failure> {
    let uses_models = |name: &&String| {
        let service = project.services.get(*name);
        let models = service.and_then(|service| service.models.as_ref());
        models.is_some_and(|models| !models.is_null())
    };
    match services.iter().find(uses_models) {
        None => Ok(()),
        Some(name) => Err(Failure::Apply(format!(
            "service `{name}` uses `models`, which need the Docker Model plugin; wharf does not speak to it"
        ))),
    }
}

/// Has what other programs provide taken away again.
pub async fn take_away(
    context: &Context,
    project: &Project,
    chosen: &[String],
) -> Result<(), Failure> {
    for (name, service) in &project.services {
        if let Some(call) = Call::of(name, service)
            && (chosen.is_empty() || chosen.contains(name))
            && !context.globals.dry_run
        {
            run(context, &project.name, &call, Verb::Down).await?;
        }
    }
    Ok(())
}

async fn run(
    context: &Context,
    project: &str,
    call: &Call,
    verb: Verb,
) -> Result<indexmap::IndexMap<String, String>, Failure> {
    let failed = |error: ProviderError| Failure::Apply(error.to_string());
    let program = find(context, call).map_err(failed)?;
    let (doing, done) = match verb {
        Verb::Up => ("Creating", "Created"),
        Verb::Down => ("Removing", "Removed"),
    };
    let name = &call.service;
    context.console.say(&format!(" {name}  {doing}"));
    let variables = &context.environment.variables;
    let ran = call.run(&program, project, verb, variables, |line| match line {
        Line::Info(text) => context.console.say(&format!(" {name}  {text}")),
        Line::Debug(text) => tracing::debug!(service = name, text, "the provider says"),
        Line::Error(_) | Line::Variable(..) => {}
    });
    let set = ran.await.map_err(failed)?;
    context.console.say(&format!(" {name}  {done}"));
    Ok(set)
}

/// The program: a plugin of the Docker CLI, else one on the `PATH`.
fn find(context: &Context, call: &Call) -> Result<PathBuf, ProviderError> {
    let environment = &context.environment;
    let plugin = format!("docker-{}", call.kind);
    let config = match environment.get("DOCKER_CONFIG") {
        Some(directory) if !directory.is_empty() => Some(PathBuf::from(directory)),
        _ => environment.home.as_ref().map(|home| home.join(".docker")),
    };
    let places = [
        config.map(|directory| directory.join("cli-plugins")),
        Some(PathBuf::from("/usr/local/lib/docker/cli-plugins")),
        Some(PathBuf::from("/usr/local/libexec/docker/cli-plugins")),
        Some(PathBuf::from("/usr/lib/docker/cli-plugins")),
        Some(PathBuf::from("/usr/libexec/docker/cli-plugins")),
    ];
    let found = places
        .into_iter()
        .flatten()
        .map(|place| place.join(&plugin))
        .find(|path| path.is_file());
    let path = environment.get("PATH");
    found
        .or_else(|| which::which_in(&call.kind, path, &environment.working_directory).ok())
        .ok_or_else(|| ProviderError::NotFound {
            service: call.service.clone(),
            kind: call.kind.clone(),
        })
}
