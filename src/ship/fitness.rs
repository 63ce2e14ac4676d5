use std::path::Path;

use crate::load::Disk;
use crate::model::{MountKind, Project};
use crate::plan::service_order;

/// Something of a service that needs files of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    pub service: String,
    /// The attribute that says so, and which of its entries.
    pub attribute: &'static str,
    pub entry: usize,
    pub message: String,
    pub help: String,
}

/// What of the services that run cannot work on another machine. `is_written_relative`: whether an entry of an attribute
/// of a service is written as a path from the project or the user's home, wherever it leads.
pub fn unfit(
    project: &Project,
    disk: &dyn Disk,
    is_written_relative: impl Fn(&str, &str, usize) -> bool,
) -> Vec<Unfit> {
    let needed = service_order(project, &[], true).unwrap_or_default();
    let mut found = Vec::new();
    for name in needed {
        let Some(service) = project.services.get(&name) else {
            continue;
        };
        for (entry, mount) in service.volumes.iter().enumerate() {
            let source = match mount.kind {
                MountKind::Bind => mount.source.as_deref(),
                // A volume of the `local` driver may be a directory in disguise.
                MountKind::Volume => mount
                    .source
                    .as_ref()
                    .and_then(|key| project.volumes.get(key))
                    .and_then(|volume| volume.driver_opts.get("device"))
                    .map(String::as_str),
                _ => None,
            };
            let is_here = |source: &&str| {
                is_below(source, &project.directory) || is_written_relative(&name, "volumes", entry)
            };
            let Some(source) = source.filter(is_here) else {
                continue;
            };
            found.push(Unfit {
                service: name.clone(),
                attribute: "volumes",
                entry,
                message: format!(
                    "service `{name}` mounts `{source}` at `{}`, which a server does not have",
                    mount.target
                ),
                help: "copy it into the image, or use `configs`, `x-wharf.config` or a volume; `!reset` or `!override` in the env's layer takes the mount away".to_owned(),
            });
        }
        let directories = [
            ("secrets", &service.secrets, &project.secrets),
            ("configs", &service.configs, &project.configs),
        ];
        for (attribute, references, defined) in directories {
            for (entry, reference) in references.iter().enumerate() {
                let file = defined.get(&reference.source);
                let Some(file) = file.and_then(|one| one.file.as_deref()) else {
                    continue;
                };
                if !disk.is_dir(Path::new(file)) {
                    continue;
                }
                found.push(Unfit {
                    service: name.clone(),
                    attribute,
                    entry,
                    message: format!(
                        "`{}` of service `{name}` is the directory `{file}`, and only files can be sent to a server",
                        reference.source
                    ),
                    help: format!("name its files one by one under `{attribute}`, or copy it into the image"),
                });
            }
        }
    }
    found
}

fn is_below(source: &str, directory: &Path) -> bool {
    !directory.as_os_str().is_empty() && Path::new(source).starts_with(directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::MemoryDisk;
    use crate::model::{FileObject, FileReference, Mount, Service, Volume};

    fn mount(kind: MountKind, source: &str) -> Mount {
        Mount {
            kind,
            source: Some(source.to_owned()),
            target: "/data".into(),
            read_only: false,
            consistency: None,
            bind: None,
            volume: None,
            tmpfs: None,
            image: None,
        }
    }

    #[test]
    fn what_lies_in_the_project_is_not_on_a_server() {
        let mut project = Project {
            directory: "/home/me/app".into(),
            ..Project::default()
        };
        let service = Service {
            volumes: vec![
                mount(MountKind::Bind, "/var/run/docker.sock"),
                mount(MountKind::Bind, "/home/me/app/src"),
                mount(MountKind::Volume, "data"),
                mount(MountKind::Volume, "disguise"),
                mount(MountKind::Bind, "/home/me/beside"),
            ],
            ..Service::default()
        };
        project.services.insert("web".into(), service);
        project.volumes.insert("data".into(), Volume::default());
        let mut disguise = Volume::default();
        disguise
            .driver_opts
            .insert("device".into(), "/home/me/app/data".into());
        project.volumes.insert("disguise".into(), disguise);
        let reference = |source: &str| FileReference {
            source: source.into(),
            ..FileReference::default()
        };
        let file = |path: &str| FileObject {
            file: Some(path.into()),
            ..FileObject::default()
        };
        let configs = ["file", "directory"].map(reference).to_vec();
        project.services["web"].configs = configs;
        for (name, path) in [("file", "/c/file"), ("directory", "/c")] {
            project.configs.insert(name.into(), file(path));
        }
        let disk = MemoryDisk::default().with("/c/file", "");
        let entries: Vec<usize> = unfit(&project, &disk, |_, _, entry| entry == 4)
            .iter()
            .map(|one| one.entry)
            .collect();
        assert_eq!(entries, [1, 3, 4, 1]);
    }
}
