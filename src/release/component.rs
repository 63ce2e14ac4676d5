use std::path::Path;

use indexmap::IndexMap;
use serde_json::json;

use crate::build::{ImageGraph, ImageName, Reference};
use crate::diagnostic::{Diagnostic, closest};
use crate::model::{
    CoveredBy, Project, ReleaseComponent, ReleaseDeclaration, ReleaseLimits, is_image_only,
};
use crate::source::Sources;
use crate::template::{self, FileText};

/// One image of a release.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    pub name: String,
    /// The service that stands for it.
    pub service: String,
    /// All services that run from it.
    pub services: Vec<String>,
    /// Its key in the image graph. `None`: the image is not built here.
    pub image: Option<String>,
    /// What the engine calls it.
    pub reference: String,
    /// Where it is pushed to, without tags.
    pub repositories: Vec<String>,
    pub covered_by: CoveredBy,
    pub limits: ReleaseLimits,
}

/// Why it cannot be told what is released.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    #[error("this env has nothing to release: no service that runs has a `build`")]
    Nothing,
    #[error(
        "component `{component}` of `x-wharf.release` names the service `{service}`, which the project does not have{help}"
    )]
    NoService {
        component: String,
        service: String,
        help: String,
    },
    #[error("{}", .0.message)]
    Template(Box<Diagnostic>),
    #[error(
        "`{text}` of `x-wharf.release.repositories` is not a repository; write it without a tag, as `registry.example/team/app`"
    )]
    NoRepository { text: String },
    #[error(
        "components `{first}` and `{second}` are both pushed to `{repository}`, where one would take the tags of the other\nhelp: give each its own: `repositories: [\"registry.example/team/{{{{ component }}}}\"]`"
    )]
    SameRepository {
        first: String,
        second: String,
        repository: String,
    },
}

/// What a release of this project consists of.
///
/// # Errors
/// When a component names no service, a repository is none, or two components have the same; templates are then among `sources`.
pub fn components(
    project: &Project,
    graph: &ImageGraph,
    declaration: &ReleaseDeclaration,
    sources: &mut Sources,
) -> Result<Vec<Component>, ComponentError> {
    let declared = match declaration.components.is_empty() {
        true => found(project),
        false => declaration.components.clone(),
    };
    if declared.is_empty() {
        return Err(ComponentError::Nothing);
    }
    let mut components = Vec::new();
    for (name, component) in &declared {
        let service = component.service.clone().unwrap_or_else(|| name.clone());
        let Some(definition) = project.services.get(&service) else {
            let near = closest(&service, project.services.keys().map(String::as_str));
            return Err(ComponentError::NoService {
                component: name.clone(),
                service,
                help: near.map_or(String::new(), |near| format!("; did you mean `{near}`?")),
            });
        };
        let reference = definition.image_name(&project.name, &service);
        let services = project
            .services
            .iter()
            .filter(|(other, definition)| {
                !is_image_only(definition)
                    && definition.image_name(&project.name, other) == reference
            })
            .map(|(other, _)| other.clone())
            .collect();
        let templates = match (component.repositories.is_empty(), &declaration.repositories) {
            (false, _) => component.repositories.clone(),
            (true, all) if !all.is_empty() => all.clone(),
            (true, _) => vec![Reference::of(&reference).repository.to_owned()],
        };
        let mut repositories: Vec<String> = Vec::new();
        for text in &templates {
            let repository = filled(text, name, project, sources)?;
            if !repositories.contains(&repository) {
                repositories.push(repository);
            }
        }
        let image = graph
            .of_service(&service)
            .or_else(|| graph.named(&reference))
            .map(|image| image.key.clone());
        components.push(Component {
            name: name.clone(),
            services,
            image,
            reference,
            repositories,
            covered_by: component
                .covered_by
                .or(declaration.covered_by)
                .unwrap_or(CoveredBy::Image),
            limits: component.limits.over(&declaration.limits),
            service,
        });
    }
    apart(&components)?;
    Ok(components)
}

/// No repository is that of two images, however it is written.
fn apart(components: &[Component]) -> Result<(), ComponentError> {
    let mut known: IndexMap<ImageName, &Component> = IndexMap::new();
    for component in components {
        for repository in &component.repositories {
            let other = known.insert(ImageName::normal(repository), component);
            if let Some(first) = other.filter(|other| other.reference != component.reference) {
                return Err(ComponentError::SameRepository {
                    first: first.name.clone(),
                    second: component.name.clone(),
                    repository: repository.clone(),
                });
            }
        }
    }
    Ok(())
}

/// One for each image that is built here and run, named like the first service that has its `build`.
fn found(project: &Project) -> IndexMap<String, ReleaseComponent> {
    let mut references: Vec<String> = Vec::new();
    let mut found = IndexMap::new();
    for (name, service) in &project.services {
        let reference = service.image_name(&project.name, name);
        if service.build.is_none() || is_image_only(service) || references.contains(&reference) {
            continue;
        }
        references.push(reference);
        found.insert(name.clone(), ReleaseComponent::default());
    }
    found
}

fn filled(
    text: &str,
    component: &str,
    project: &Project,
    sources: &mut Sources,
) -> Result<String, ComponentError> {
    let values = json!({
        "component": component,
        "project": project.name,
        "env": project.env,
    });
    let template = FileText {
        path: Path::new("x-wharf.release.repositories"),
        name: "x-wharf.release.repositories",
        text,
    };
    let repository =
        template::render(sources, template, &values).map_err(ComponentError::Template)?;
    let repository = repository.trim();
    let is_one = !repository.is_empty()
        && Reference::of(repository).repository == repository
        && !repository.contains(|c: char| c.is_whitespace() || c == '@');
    match is_one {
        true => Ok(repository.to_owned()),
        false => Err(ComponentError::NoRepository {
            text: repository.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::MemoryDisk;

    fn of(wharf: &str) -> Result<Vec<Component>, ComponentError> {
        let text = format!(
            r#"{{"name": "p", "services": {{
                "base": {{"image": "p-base", "build": {{"context": "/src", "dockerfile_inline": "FROM y"}}, "entrypoint": ["true"]}},
                "app": {{"image": "host:5000/p/app:1", "build": {{"context": "/src", "dockerfile_inline": "FROM x"}}}},
                "worker": {{"image": "host:5000/p/app:1"}},
                "db": {{"image": "db"}}}}, "x-wharf": {{"release": {wharf}}}}}"#
        );
        let project: Project = serde_json::from_str(&text).unwrap();
        let disk = MemoryDisk::default().with("/src/x", "");
        let graph = ImageGraph::of(&project, &disk).unwrap();
        let declaration = project.wharf.release.clone().unwrap();
        components(&project, &graph, &declaration, &mut Sources::default())
    }

    #[test]
    fn what_is_built_and_run_is_released() {
        let components = of("{}").unwrap();
        assert_eq!(components.len(), 1);
        let app = &components[0];
        assert_eq!(app.name, "app");
        assert_eq!(app.services, ["app", "worker"]);
        assert_eq!(app.repositories, ["host:5000/p/app"]);
        assert_eq!(app.image.as_deref(), Some("app"));
    }

    #[test]
    fn repositories_are_templates() {
        let components = of(r#"{"repositories": ["a.example/{{ component }}", "b.example/x"],
            "components": {"web": {"service": "app", "limits": {"size": "5"}}, "app": {"repositories": ["c.example/y"]}}}"#)
        .unwrap();
        assert_eq!(components[0].repositories, ["a.example/web", "b.example/x"]);
        assert_eq!(components[0].limits.size.map(|size| size.0), Some(5));
        assert_eq!(components[1].repositories, ["c.example/y"]);
        let error = of(r#"{"repositories": ["a.example/x:1"]}"#).unwrap_err();
        assert!(matches!(error, ComponentError::NoRepository { .. }));
    }

    #[test]
    fn each_component_has_repositories_of_its_own() {
        let error = of(r#"{"components": {
            "web": {"service": "app", "repositories": ["team/same"]},
            "base": {"service": "db", "repositories": ["docker.io/team/same"]}}}"#)
        .unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains("`web` and `base` are both pushed to"),
            "{said}"
        );
        assert!(said.contains("{{ component }}"), "{said}");
        let one_image = of(r#"{"components": {"web": {"service": "app"}, "worker": {}}}"#).unwrap();
        assert_eq!(one_image[0].repositories, one_image[1].repositories);
    }

    #[test]
    fn a_component_needs_its_service() {
        let error = of(r#"{"components": {"apq": {}}}"#).unwrap_err();
        assert!(error.to_string().contains("did you mean `app`"), "{error}");
    }
}
