use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use indexmap::IndexMap;

use crate::model::{FileObject, Project, is_image_only};

/// The project as a server runs it: nothing of it refers to this machine any more. Builds are gone, and secrets and
/// configs hold what their files and variables say now. Images are still called by their names.
///
/// # Errors
/// When the file of a secret or config that is used cannot be read, or its variable is not set.
pub fn pinned(project: &Project) -> io::Result<Project> {
    let mut pinned = project.clone();
    pinned.directory = std::path::PathBuf::new();
    pinned.files = Vec::new();
    pinned.env = None;
    pinned.inactive = IndexMap::new();
    pinned.wharf = crate::model::WharfExtension::default();
    for (name, service) in &mut pinned.services {
        let image_only = is_image_only(service);
        let image = service.image_name(&project.name, name);
        service.image = Some(image);
        service.build = None;
        service.develop = None;
        service.wharf = crate::model::ServiceExtension::default();
        service.wharf.image_only = Some(image_only);
    }
    let used = |of: fn(&crate::model::Service) -> &Vec<crate::model::FileReference>| {
        let mut keys = std::collections::HashSet::new();
        for service in project.services.values() {
            keys.extend(of(service).iter().map(|one| one.source.clone()));
        }
        keys
    };
    let (secrets, configs) = (used(|one| &one.secrets), used(|one| &one.configs));
    pinned.secrets.retain(|key, _| secrets.contains(key));
    pinned.configs.retain(|key, _| configs.contains(key));
    for (name, object) in pinned.secrets.iter_mut().chain(&mut pinned.configs) {
        hold(name, object)?;
    }
    Ok(pinned)
}

/// Puts the content in the place of where it comes from.
fn hold(name: &str, object: &mut FileObject) -> io::Result<()> {
    let content = if let Some(path) = &object.file {
        std::fs::read(path).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("cannot read `{path}` of `{name}`: {error}"),
            )
        })?
    } else if let Some(variable) = &object.environment {
        let value = object.value.take().ok_or_else(|| {
            io::Error::other(format!("the variable `{variable}` of `{name}` is not set"))
        })?;
        value.as_str().as_bytes().to_vec()
    } else {
        return Ok(());
    };
    object.file = None;
    object.environment = None;
    match String::from_utf8(content) {
        Ok(text) => object.content = Some(text),
        Err(binary) => object.encoded = Some(STANDARD.encode(binary.as_bytes())),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Build, FileReference, Service};

    #[test]
    fn nothing_of_this_machine_is_left() {
        let here = tempfile::tempdir().unwrap();
        let file = here.path().join("key");
        std::fs::write(&file, "hello").unwrap();
        let secret = FileObject {
            file: Some(file.display().to_string()),
            ..FileObject::default()
        };
        let unused = FileObject {
            file: Some("/nonexistent".into()),
            ..FileObject::default()
        };
        let binary = here.path().join("keystore");
        std::fs::write(&binary, b"\xfe\xff\0").unwrap();
        let keystore = FileObject {
            file: Some(binary.display().to_string()),
            ..FileObject::default()
        };
        let service = Service {
            configs: vec![FileReference {
                source: "keystore".into(),
                ..FileReference::default()
            }],
            build: Some(Build::default()),
            secrets: vec![FileReference {
                source: "key".into(),
                ..FileReference::default()
            }],
            ..Service::default()
        };
        let project = Project {
            name: "p".into(),
            directory: here.path().to_owned(),
            services: [("app".to_owned(), service)].into_iter().collect(),
            secrets: [("key".to_owned(), secret), ("ca".to_owned(), unused)]
                .into_iter()
                .collect(),
            configs: [("keystore".to_owned(), keystore)].into_iter().collect(),
            ..Project::default()
        };
        let pinned = pinned(&project).unwrap();
        assert_eq!(pinned.services["app"].image.as_deref(), Some("p-app"));
        assert_eq!(pinned.secrets["key"].content.as_deref(), Some("hello"));
        assert_eq!(pinned.secrets.len(), 1);
        assert_eq!(pinned.configs["keystore"].content, None);
        assert_eq!(pinned.configs["keystore"].encoded.as_deref(), Some("/v8A"));
        let text = serde_json::to_string(&pinned).unwrap();
        assert!(!text.contains(&here.path().display().to_string()), "{text}");
    }
}
