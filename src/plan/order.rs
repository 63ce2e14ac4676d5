use indexmap::{IndexMap, IndexSet};

use super::PlanError;
use crate::model::{Condition, Dependency, Project, Service, is_image_only};

/// Everything a service needs another service for, whether written as `depends_on` or implied by a shared namespace,
/// `volumes_from` or `links`.
pub fn dependencies(service: &Service) -> IndexMap<String, Dependency> {
    let mut all = service.depends_on.clone();
    for (other, _) in tied_to(service) {
        all.entry(other).or_insert(Dependency {
            condition: Condition::Started,
            restart: true,
            required: true,
        });
    }
    for from in &service.volumes_from {
        if !from.starts_with("container:") {
            let other = from.split(':').next().unwrap_or(from);
            all.entry(other.to_string()).or_insert(Dependency {
                condition: Condition::Started,
                restart: false,
                required: true,
            });
        }
    }
    for link in &service.links {
        let other = link.split(':').next().unwrap_or(link);
        all.entry(other.to_string()).or_insert(Dependency {
            condition: Condition::Started,
            restart: true,
            required: true,
        });
    }
    all
}

/// Services whose namespace the service lives in, with the attribute that says so.
pub(super) fn tied_to(service: &Service) -> Vec<(String, &'static str)> {
    [
        (&service.network_mode, "network_mode"),
        (&service.ipc, "ipc"),
        (&service.pid, "pid"),
    ]
    .into_iter()
    .filter_map(|(mode, attribute)| {
        let other = mode.as_deref()?.strip_prefix("service:")?;
        Some((other.to_string(), attribute))
    })
    .collect()
}

/// Services whose containers the specification names as `service:NAME`.
pub(super) fn referred(service: &Service) -> Vec<(String, &'static str)> {
    let mut all = tied_to(service);
    all.extend(
        service
            .volumes_from
            .iter()
            .filter(|from| !from.starts_with("container:"))
            .map(|from| {
                let other = from.split(':').next().unwrap_or(from);
                (other.to_string(), "volumes_from")
            }),
    );
    all
}

/// Services whose containers cannot live on without those of `service` as they are: they share a namespace or its volumes.
pub(super) fn bound_to(service: &Service) -> Vec<String> {
    let mut bound: Vec<String> = tied_to(service).into_iter().map(|(name, _)| name).collect();
    bound.extend(
        service
            .volumes_from
            .iter()
            .filter(|from| !from.starts_with("container:"))
            .map(|from| from.split(':').next().unwrap_or(from).to_string()),
    );
    bound
}

/// # Errors
/// [`PlanError::UnknownService`] of the first name that is no service of the project.
pub(super) fn check_known<'n>(
    project: &Project,
    names: impl IntoIterator<Item = &'n String>,
) -> Result<(), PlanError> {
    let mut names = names.into_iter();
    match names.find(|name| !project.services.contains_key(*name)) {
        None => Ok(()),
        Some(name) => Err(PlanError::UnknownService {
            name: name.clone(),
            project: project.name.clone(),
            services: project.services.keys().cloned().collect(),
        }),
    }
}

/// The chosen services (all when empty) and, with `with_dependencies`, what they need, dependencies first; services that
/// do not depend on each other stay in the order of the files. Image-only services are left out.
pub fn service_order(
    project: &Project,
    chosen: &[String],
    with_dependencies: bool,
) -> Result<Vec<String>, PlanError> {
    let mut order = IndexSet::new();
    let mut path = Vec::new();
    let roots: Vec<&String> = if chosen.is_empty() {
        project.services.keys().collect()
    } else {
        chosen.iter().collect()
    };
    check_known(project, roots.iter().copied())?;
    let all: Vec<String> = roots.iter().map(|name| (*name).clone()).collect();
    for name in &all {
        visit(project, name, &mut path, &mut order)?;
    }
    Ok(order
        .into_iter()
        .filter(|name| with_dependencies || all.contains(name))
        .filter(|name| !is_image_only(&project.services[name]))
        .collect())
}

fn visit(
    project: &Project,
    name: &str,
    path: &mut Vec<String>,
    order: &mut IndexSet<String>,
) -> Result<(), PlanError> {
    if order.contains(name) {
        return Ok(());
    }
    if let Some(start) = path.iter().position(|earlier| earlier == name) {
        let mut circle = path.split_off(start);
        circle.push(name.to_string());
        return Err(PlanError::Cycle { path: circle });
    }
    // A dependency that is not there was refused, or allowed, when the project was resolved.
    let Some(service) = project.services.get(name) else {
        return Ok(());
    };
    path.push(name.to_string());
    for other in dependencies(service).keys() {
        visit(project, other, path, order)?;
    }
    path.pop();
    order.insert(name.to_string());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(text: &str) -> Project {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn dependencies_come_first() {
        let project = project(
            r#"{"name": "p", "services": {
                "app": {"depends_on": {"db": {"condition": "service_healthy"}}},
                "db": {"network_mode": "service:net"},
                "net": {}, "other": {}}}"#,
        );
        assert_eq!(
            service_order(&project, &[], true).unwrap(),
            ["net", "db", "app", "other"]
        );
        assert_eq!(
            service_order(&project, &["app".into()], true).unwrap(),
            ["net", "db", "app"]
        );
        assert_eq!(
            service_order(&project, &["app".into()], false).unwrap(),
            ["app"]
        );
    }

    #[test]
    fn a_circle_comes_back_as_its_path() {
        let project = project(
            r#"{"name": "p", "services": {
                "x": {"depends_on": {"a": {"condition": "service_started"}}},
                "a": {"volumes_from": ["b"]}, "b": {"links": ["a"]}}}"#,
        );
        assert_eq!(
            service_order(&project, &[], true),
            Err(PlanError::Cycle {
                path: vec!["a".into(), "b".into(), "a".into()]
            })
        );
    }

    #[test]
    fn an_image_that_others_build_on_never_runs() {
        let project = project(
            r#"{"name": "p", "services": {
                "base": {"build": {"context": "/src"}, "entrypoint": ["/bin/true"]},
                "said": {"x-wharf": {"image-only": true}},
                "runs": {"image": "x", "command": ["true"]},
                "kept": {"build": {"context": "/src"}, "command": ["true"], "x-wharf": {"image-only": false}}}}"#,
        );
        assert_eq!(
            service_order(&project, &[], true).unwrap(),
            ["runs", "kept"]
        );
    }
}
