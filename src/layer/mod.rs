//! The configuration layer: files of `x-wharf.config`, rendered, as the last layer of an image. The same image with another
//! configuration is another image that shares all other layers, and the same configuration gives the same image id.

mod added;
mod place;
mod rendered;

pub use added::{
    Added, CONFIG_LABEL, SECRET_LABEL, add, add_by_build, assemble, current, holds_secrets,
};
pub use rendered::{ConfigLayer, LayerError, Wanted, render};

use crate::model::{ConfigFile, Project, is_image_only};

/// The files that a service's image gets: those of the top level that are meant for it, then its own. None where the image was
/// released with them.
pub fn declared<'p>(project: &'p Project, service: &str) -> Vec<&'p ConfigFile> {
    let Some(definition) = project.services.get(service) else {
        return Vec::new();
    };
    let mut files: Vec<&ConfigFile> = Vec::new();
    if definition.wharf.configured == Some(true) {
        return files;
    }
    for file in &project.wharf.config {
        let is_meant = match file.services.is_empty() {
            // Database and queue of the same project are somebody else's images.
            true => is_built(project, service),
            false => file.services.iter().any(|name| name == service),
        };
        if is_meant {
            files.push(file);
        }
    }
    files.extend(&definition.wharf.config);
    files
}

/// Whether a service runs from an image that this project builds, itself or for another service.
fn is_built(project: &Project, service: &str) -> bool {
    let Some(definition) = project.services.get(service) else {
        return false;
    };
    if is_image_only(definition) {
        return false;
    }
    let name = definition.image_name(&project.name, service);
    project.services.iter().any(|(other, definition)| {
        definition.build.is_some() && definition.image_name(&project.name, other) == name
    })
}

/// What the image of a service with its configuration is called.
pub fn image_name(project: &str, service: &str) -> String {
    format!("{project}-{service}:configured")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_level_is_for_what_is_built_here_unless_it_names_services() {
        let project: Project = serde_json::from_str(
            r#"{"name": "p", "services": {
                "app": {"image": "x", "build": {"context": "/src"}},
                "worker": {"image": "x", "x-wharf": {"config": [{"file": "/own", "target": "/own"}]}},
                "base": {"build": {"context": "/src"}, "entrypoint": ["true"]},
                "db": {"image": "db"},
                "released": {"image": "sha256:aa", "x-wharf": {"configured": true, "config": [{"file": "/own", "target": "/own"}]}}},
              "x-wharf": {"config": [
                {"file": "/all", "target": "/all"},
                {"file": "/some", "target": "/some", "services": ["db", "released"]}]}}"#,
        )
        .unwrap();
        let targets = |service| -> Vec<&str> {
            let files = declared(&project, service);
            files.iter().map(|file| file.target.as_str()).collect()
        };
        assert_eq!(targets("app"), ["/all"]);
        assert_eq!(targets("worker"), ["/all", "/own"]);
        assert_eq!(targets("base"), Vec::<&str>::new());
        assert_eq!(targets("db"), ["/some"]);
        assert_eq!(targets("released"), Vec::<&str>::new());
    }
}
