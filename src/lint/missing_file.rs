use std::io::ErrorKind;
use std::path::Path;

use super::{Subject, place};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::load::Disk;
use crate::model::{FileObject, FileReference, Service};
use crate::resolve::Resolved;

/// Files of secrets and configs that are not on this machine. They may be where the project is going to run.
pub(super) fn check(subject: &Subject, found: &mut Diagnostics) {
    let project = &subject.resolved.project;
    for (section, objects) in [("secrets", &project.secrets), ("configs", &project.configs)] {
        for (name, object) in objects {
            let Some(file) = missing(object, subject.disk) else {
                continue;
            };
            found.push(
                Diagnostic::warning("value-doubtful", message(section, name, file))
                    .at(subject.place(&[section, name, "file"]), "")
                    .help("make the file, or correct its name; without it the services that use it cannot start"),
            );
        }
    }
}

/// Those without which these services cannot start: told before anything is made. `engine_is_here`: the engine is on this machine and
/// mounts its files; files that wharf itself reads are always this machine's.
pub fn missing_files(
    resolved: &Resolved,
    services: &[String],
    disk: &dyn Disk,
    engine_is_here: bool,
) -> Diagnostics {
    let mut found = Diagnostics::default();
    let project = &resolved.project;
    let services: Vec<(&String, &Service)> = project
        .services
        .iter()
        .filter(|(name, service)| services.contains(name) && service.provider.is_none())
        .collect();
    for (section, objects) in [("secrets", &project.secrets), ("configs", &project.configs)] {
        for (name, object) in objects {
            let needs = |service: &Service| {
                let used = match section {
                    "secrets" => &service.secrets,
                    _ => &service.configs,
                };
                used.iter()
                    .any(|one| one.source == *name && (engine_is_here || is_put_in(one)))
            };
            let Some((user, _)) = services.iter().find(|(_, service)| needs(service)) else {
                continue;
            };
            let Some(file) = missing(object, disk) else {
                continue;
            };
            found.push(
                Diagnostic::error("file-missing", message(section, name, file))
                    .at(
                        place(resolved, &[section, name, "file"]),
                        format!("service `{user}` uses it"),
                    )
                    .help("make the file, or correct its name"),
            );
        }
    }
    found
}

/// With an owner or a mode of its own it is no mount.
fn is_put_in(reference: &FileReference) -> bool {
    reference.uid.is_some() || reference.gid.is_some() || reference.mode.is_some()
}

/// The file of a secret or config, if it is known not to be there.
fn missing<'o>(object: &'o FileObject, disk: &dyn Disk) -> Option<&'o str> {
    let file = object.file.as_deref().filter(|_| !object.external)?;
    // What may only not be looked at, the engine may still mount.
    let error = disk.read(Path::new(file), 0).err()?;
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory).then_some(file)
}

fn message(section: &str, name: &str, file: &str) -> String {
    format!("`{section}.{name}` is the file `{file}`, which is not there")
}

#[cfg(test)]
mod tests {
    use super::missing_files;
    use crate::lint::{advice, resolved};

    const TEXT: &str = "services:
  a: {image: x, secrets: [s]}
  b: {image: x, configs: [{source: c, mode: 0400}]}
  d: {image: x, secrets: [there]}
secrets:
  s: {file: ./absent}
  there: {file: ./key}
configs: {c: {file: ./none.conf}}
";

    #[test]
    fn what_services_cannot_start_without_is_refused_with_its_line() {
        let (resolved, disk) = resolved(&[("docker-compose.dev.yml", TEXT), ("key", "")]);
        let told = |services: &[&str], engine_is_here: bool| {
            let services: Vec<String> = services.iter().map(|name| (*name).to_owned()).collect();
            missing_files(&resolved, &services, &disk, engine_is_here)
                .iter()
                .map(|one| {
                    assert_eq!(one.code, "file-missing");
                    one.message.clone()
                })
                .collect::<Vec<String>>()
        };
        let secret = "`secrets.s` is the file `/p/absent`, which is not there";
        let config = "`configs.c` is the file `/p/none.conf`, which is not there";
        assert_eq!(told(&["a", "b", "d"], true), [secret, config]);
        assert_eq!(told(&["b"], true), [config]);
        assert_eq!(told(&["d"], true), [""; 0]);
        // A remote engine mounts its own files, and gets those of this machine that are put in.
        assert_eq!(told(&["a", "b", "d"], false), [config]);
    }

    #[test]
    fn it_may_be_elsewhere() {
        let found = advice(&[("docker-compose.dev.yml", TEXT), ("key", "")]);
        let told = found
            .iter()
            .filter(|(message, _)| message.contains("is the file"))
            .filter_map(|(_, place)| place.as_deref());
        assert_eq!(told.collect::<Vec<_>>(), ["./absent", "./none.conf"]);
    }
}
