use indexmap::IndexMap;

use crate::engine::ContainerSpec;
use crate::model::{Project, Service};
use crate::observe::labels;
use crate::plan::config_hash;

/// The labels that tie a container to its project. The image's id is known only when it is created.
pub fn bookkeeping(
    project: &Project,
    name: &str,
    service: &Service,
    number: u32,
    one_off: bool,
    canonical: &ContainerSpec,
) -> IndexMap<String, String> {
    let mut own = project_labels(project);
    let mut set = |key: &str, value: String| own.insert(key.to_string(), value);
    set(labels::SERVICE, name.to_string());
    set(labels::CONTAINER_NUMBER, number.to_string());
    set(
        labels::ONE_OFF,
        if one_off { "True" } else { "False" }.to_string(),
    );
    set(labels::CONFIG_HASH, config_hash(service));
    set(labels::DEPENDS_ON, labels::depends_on(&service.depends_on));
    set(labels::WORKING_DIR, project.directory.display().to_string());
    let files: Vec<String> = project
        .files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    set(labels::CONFIG_FILES, files.join(","));
    if let Ok(packed) = labels::pack(canonical) {
        set(labels::SPEC, packed);
    }
    own
}

/// The labels that every object of a project has.
pub fn project_labels(project: &Project) -> IndexMap<String, String> {
    let mut own = IndexMap::new();
    own.insert(labels::PROJECT.to_string(), project.name.clone());
    own.insert(
        labels::VERSION.to_string(),
        labels::COMPOSE_VERSION.to_string(),
    );
    own.insert(
        labels::WHARF_VERSION.to_string(),
        env!("CARGO_PKG_VERSION").to_string(),
    );
    if let Some(env) = &project.env {
        own.insert(labels::ENV.to_string(), env.clone());
    }
    own
}
