use std::path::{Path, PathBuf};

use indexmap::{IndexMap, IndexSet};

use crate::diagnostic::Diagnostic;

use super::Environment;

/// What a reference in `extends`, `include` or `-f` names that is not on this machine.
/// <https://docs.docker.com/compose/how-tos/multiple-compose-files/include/#using-remote-files>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoteKind {
    Oci,
    Git,
    /// A file behind a plain address, which Compose does not fetch either.
    Web,
}

impl RemoteKind {
    /// `None`: the reference is a path on this machine.
    pub fn of(reference: &str) -> Option<RemoteKind> {
        if reference.starts_with("oci://") {
            return Some(RemoteKind::Oci);
        }
        let is_git = ["git://", "ssh://", "github.com/"]
            .iter()
            .any(|prefix| reference.starts_with(prefix))
            || is_scp_form(reference);
        if is_git {
            return Some(RemoteKind::Git);
        }
        if reference.starts_with("https://") || reference.starts_with("http://") {
            let address = reference.split(['#', '?']).next().unwrap_or(reference);
            return Some(if address.ends_with(".git") {
                RemoteKind::Git
            } else {
                RemoteKind::Web
            });
        }
        None
    }

    fn noun(self) -> &'static str {
        match self {
            RemoteKind::Oci => "OCI artifacts",
            RemoteKind::Git => "git repositories",
            RemoteKind::Web => "web addresses",
        }
    }

    /// The variable that turns it off. `None`: it is never on.
    fn switch(self) -> Option<&'static str> {
        match self {
            RemoteKind::Oci => Some("COMPOSE_EXPERIMENTAL_OCI_REMOTE"),
            RemoteKind::Git => Some("COMPOSE_EXPERIMENTAL_GIT_REMOTE"),
            RemoteKind::Web => None,
        }
    }
}

/// Whether a reference in `extends`, `include` or `-f` names something that is not on this machine.
pub fn is_remote(reference: &str) -> bool {
    RemoteKind::of(reference).is_some()
}

/// `user@host:path`.
fn is_scp_form(reference: &str) -> bool {
    let Some((user, rest)) = reference.split_once('@') else {
        return false;
    };
    let Some((host, _)) = rest.split_once(':') else {
        return false;
    };
    let is_name = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
    };
    is_name(user) && is_name(host)
}

/// A reference as it may be shown: without the password, or the token, that an address can hold.
pub fn without_password(reference: &str) -> String {
    let Some((scheme, rest)) = reference.split_once("://") else {
        return reference.to_owned();
    };
    let end = rest.find(['/', '#', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        // A user of ssh is part of the address; what stands alone before a web host is as good as a password.
        Some((user, host)) if scheme == "ssh" => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{host}{path}")
        }
        Some((_, host)) => format!("{scheme}://{host}{path}"),
        None => reference.to_owned(),
    }
}

/// The copy on this machine of what a remote reference names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteCopy {
    /// The directory that holds all of it, absolute.
    pub root: PathBuf,
    /// What paths below [`RemoteCopy::root`] are shown after: `https://host.example/app.git#main:`.
    pub prefix: String,
    /// The Compose files, lowest first, absolute; never empty.
    pub files: Vec<PathBuf>,
}

/// What remote references stand for: copies, or why there is none. Whoever loads has fetched them before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteCopies(IndexMap<String, Result<RemoteCopy, Diagnostic>>);

impl RemoteCopies {
    pub fn insert(&mut self, reference: String, found: Result<RemoteCopy, Diagnostic>) {
        self.0.insert(reference, found);
    }

    /// How many references are known.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The references of which there is a copy, in the order in which they were met.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        self.copies().map(|(reference, _)| reference)
    }

    /// Whether a path lies in one of the copies.
    pub fn hold(&self, path: &Path) -> bool {
        self.copies().any(|(_, copy)| path.starts_with(&copy.root))
    }

    /// The path as people know it. `None`: it lies in no copy.
    pub fn show(&self, path: &Path) -> Option<String> {
        self.copies().find_map(|(_, copy)| {
            let below = path.strip_prefix(&copy.root).ok()?;
            Some(format!("{}{}", copy.prefix, below.display()))
        })
    }

    fn copies(&self) -> impl Iterator<Item = (&str, &RemoteCopy)> {
        self.0
            .iter()
            .filter_map(|(reference, found)| Some((reference.as_str(), found.as_ref().ok()?)))
    }
}

/// The remote references of one load: those that are met, and what is known of them.
pub(super) struct Remotes<'r> {
    known: &'r RemoteCopies,
    environment: &'r Environment,
    met: IndexSet<String>,
}

impl<'r> Remotes<'r> {
    pub(super) fn new(known: &'r RemoteCopies, environment: &'r Environment) -> Self {
        Remotes {
            known,
            environment,
            met: IndexSet::new(),
        }
    }

    /// The copy of what a reference names. `None`: it is a path on this machine.
    pub(super) fn copy(&mut self, reference: &str) -> Option<Result<&'r RemoteCopy, Diagnostic>> {
        let kind = RemoteKind::of(reference)?;
        if let Err(refused) = self.is_on(kind, reference) {
            return Some(Err(refused));
        }
        self.met.insert(reference.to_owned());
        Some(match self.known.0.get(reference) {
            Some(found) => found.as_ref().map_err(Diagnostic::clone),
            None => Err(Diagnostic::error(
                "remote-unfetched",
                format!(
                    "`{}` has not been fetched to this machine",
                    without_password(reference)
                ),
            )),
        })
    }

    fn is_on(&self, kind: RemoteKind, reference: &str) -> Result<(), Diagnostic> {
        let Some(switch) = kind.switch() else {
            return Err(Diagnostic::error(
                "remote-unsupported",
                format!(
                    "`{}` is a plain web address, which Compose does not fetch",
                    without_password(reference)
                ),
            )
            .help("name a git repository (`https://host.example/app.git#main:dir`) or an OCI artifact (`oci://registry.example/app:1`), or fetch the file and name the copy"));
        };
        let is_set = |value: &&str| !value.is_empty();
        if self.environment.get(switch).filter(is_set).is_none()
            || self.environment.boolean(switch)? != Some(false)
        {
            return Ok(());
        }
        Err(Diagnostic::error(
            "remote-disabled",
            format!("files from {} are turned off by `{switch}`", kind.noun()),
        )
        .note(format!("`{}` is one of them", without_password(reference)))
        .help("unset the variable, or set it to `true`"))
    }

    /// The path as people know it. `None`: it lies in no copy.
    pub(super) fn show(&self, path: &Path) -> Option<String> {
        self.known.show(path)
    }

    /// What was met and nobody has fetched, and what is known of the others.
    pub(super) fn settle(self) -> (Vec<String>, RemoteCopies) {
        let mut wanted = Vec::new();
        let mut known = RemoteCopies::default();
        for reference in self.met {
            match self.known.0.get(&reference) {
                Some(found) => known.insert(reference, found.clone()),
                None => wanted.push(reference),
            }
        }
        (wanted, known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_remote_references_from_paths() {
        for reference in [
            "https://github.com/o/r.git#main:sub",
            "http://host/r.git",
            "github.com/o/r",
            "git@host:o/r.git",
            "ssh://host/r",
        ] {
            assert_eq!(
                RemoteKind::of(reference),
                Some(RemoteKind::Git),
                "{reference}"
            );
        }
        assert_eq!(
            RemoteKind::of("oci://registry/app:1"),
            Some(RemoteKind::Oci)
        );
        assert_eq!(
            RemoteKind::of("https://host/compose.yml"),
            Some(RemoteKind::Web)
        );
        for reference in ["./a.yml", "../x@y/z:1.yml", "c:/x.yml", "a@b"] {
            assert_eq!(RemoteKind::of(reference), None, "{reference}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        for (reference, shown) in [
            ("https://me:secret@host/r.git#a@b", "https://host/r.git#a@b"),
            ("https://token@host/r.git", "https://host/r.git"),
            ("ssh://git:secret@host:22/r", "ssh://git@host:22/r"),
            ("https://host/r.git#x@y", "https://host/r.git#x@y"),
            ("git@host:o/r.git", "git@host:o/r.git"),
        ] {
            assert_eq!(without_password(reference), shown);
        }
    }

    #[test]
    fn paths_in_a_copy_are_shown_as_they_are_known() {
        let mut copies = RemoteCopies::default();
        copies.insert(
            "https://host/r.git".into(),
            Ok(RemoteCopy {
                root: "/cache/ab".into(),
                prefix: "https://host/r.git#main:".into(),
                files: vec!["/cache/ab/compose.yml".into()],
            }),
        );
        let shown = copies.show(Path::new("/cache/ab/sub/a.env"));
        assert_eq!(shown.as_deref(), Some("https://host/r.git#main:sub/a.env"));
        assert_eq!(copies.show(Path::new("/cache/abc")), None);
        assert!(copies.hold(Path::new("/cache/ab/sub")) && !copies.hold(Path::new("/cache")));
    }
}
