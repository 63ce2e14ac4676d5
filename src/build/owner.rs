use std::path::{Path, PathBuf};

use crate::model::{MountKind, Project, Service};

/// A directory of this machine that a service writes to as somebody else than its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignOwner {
    pub service: String,
    pub directory: PathBuf,
    /// UID of the directory's owner.
    pub owner: u32,
    /// UID that the service runs as.
    pub user: u32,
}

/// The directories of this machine that a service mounts and may write to.
pub fn writable_binds(service: &Service) -> impl Iterator<Item = &Path> {
    service
        .volumes
        .iter()
        .filter(|mount| mount.kind == MountKind::Bind && !mount.read_only)
        .filter_map(|mount| mount.source.as_deref())
        .map(Path::new)
}

/// The user that a service runs as, as written: its own `user`, else the image's. Empty: root.
pub fn user_of<'u>(service: &'u Service, image_user: &'u str) -> &'u str {
    let written = service.user.as_deref().unwrap_or(image_user);
    written.split(':').next().unwrap_or_default()
}

/// The UID of a user. `passwd` is the text of the image's `/etc/passwd`. `None`: it is not known there.
pub fn uid_of(user: &str, passwd: Option<&str>) -> Option<u32> {
    if matches!(user, "" | "root") {
        return Some(0);
    }
    if let Ok(uid) = user.parse() {
        return Some(uid);
    }
    passwd?.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(user)).then(|| fields.nth(1)?.parse().ok())?
    })
}

impl ForeignOwner {
    /// The mounted directories whose owner is not `user`. Root writes everywhere, and what belongs to root is no
    /// project's tree.
    pub fn of(
        name: &str,
        service: &Service,
        user: u32,
        owner_of: &dyn Fn(&Path) -> Option<u32>,
    ) -> Vec<ForeignOwner> {
        if user == 0 {
            return Vec::new();
        }
        writable_binds(service)
            .filter_map(|directory| {
                let owner = owner_of(directory)?;
                (owner != user).then(|| ForeignOwner {
                    service: name.to_owned(),
                    directory: directory.to_owned(),
                    owner,
                    user,
                })
            })
            .collect()
    }

    /// One line for people. `takes_uid`: the image's build has an argument for the UID.
    pub fn advice(&self, project: &Project, takes_uid: bool) -> String {
        let directory = self
            .directory
            .strip_prefix(&project.directory)
            .ok()
            .filter(|path| !path.as_os_str().is_empty())
            .map_or_else(
                || self.directory.display().to_string(),
                |path| format!("./{}", path.display()),
            );
        let way = match takes_uid {
            true => format!("build it with `UID={}`", self.owner),
            false => format!(
                "give its image a build argument for the UID, or set `user: \"{}\"`",
                self.owner
            ),
        };
        format!(
            "service `{}` runs as UID {}, but `{directory}`, which it mounts, belongs to UID {}: it cannot write there; {way}",
            self.service, self.user, self.owner
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn service() -> Service {
        serde_json::from_value(json!({
            "user": null,
            "volumes": [
                {"type": "bind", "source": "/p/src", "target": "/src"},
                {"type": "bind", "source": "/p/conf", "target": "/conf", "read_only": true},
                {"type": "volume", "source": "data", "target": "/data"}
            ]
        }))
        .unwrap()
    }

    #[test]
    fn users_are_numbers_or_names_of_the_image() {
        let passwd = "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/app:/bin/sh\n";
        assert_eq!(uid_of("", None), Some(0));
        assert_eq!(uid_of("1234", None), Some(1234));
        assert_eq!(uid_of("app", Some(passwd)), Some(1000));
        assert_eq!(uid_of("app", None), None);
        assert_eq!(uid_of("other", Some(passwd)), None);
        let mut own = service();
        assert_eq!(user_of(&own, "app:staff"), "app");
        own.user = Some("7:8".to_owned());
        assert_eq!(user_of(&own, "app"), "7");
    }

    #[test]
    fn one_line_says_who_owns_what_and_what_to_do() {
        let project = Project {
            directory: "/p".into(),
            ..Project::default()
        };
        let owner = |_: &Path| Some(1000);
        assert_eq!(ForeignOwner::of("app", &service(), 0, &owner), []);
        assert_eq!(ForeignOwner::of("app", &service(), 1000, &owner), []);
        let found = ForeignOwner::of("app", &service(), 999, &owner);
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].advice(&project, true),
            "service `app` runs as UID 999, but `./src`, which it mounts, belongs to UID 1000: it cannot write there; build it with `UID=1000`"
        );
        assert!(
            found[0]
                .advice(&project, false)
                .contains("`user: \"1000\"`")
        );
    }
}
