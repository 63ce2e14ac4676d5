use std::path::{Component, Path};

use crate::load::without_password;
use crate::remote::RemoteError;

/// A place in a git repository: `ADDRESS#REVISION:PATH`.
/// <https://docs.docker.com/build/concepts/context/#url-fragments>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitReference {
    /// As git takes it.
    pub address: String,
    /// A branch, a tag or a commit. `None`: what the repository has checked out.
    pub revision: Option<String>,
    /// A directory or a file, relative. Empty: the repository's own directory.
    pub path: String,
}

impl GitReference {
    /// # Errors
    /// When git would take a part of it for something else, or it points out of the repository.
    pub fn parse(reference: &str) -> Result<GitReference, RemoteError> {
        let refuse = |why: &str| RemoteError::Reference {
            reference: without_password(reference),
            why: why.to_owned(),
        };
        let (address, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let (revision, path) = fragment.split_once(':').unwrap_or((fragment, ""));
        let address = match address.starts_with("github.com/") {
            true => format!("https://{address}"),
            false => address.to_owned(),
        };
        if address.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(refuse("there is a space in the address"));
        }
        if address.contains('?') {
            return Err(refuse(
                "what follows `?` has no meaning; write `#REVISION:PATH`",
            ));
        }
        // Programs that git starts would take it for an option.
        let host = host_of(&address);
        if host.is_empty() || host.starts_with('-') {
            return Err(refuse("the address names no host"));
        }
        if !is_revision(revision) {
            return Err(refuse(&format!(
                "`{revision}` is no name of a branch, a tag or a commit"
            )));
        }
        let is_inside = Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !is_inside || path.contains('\0') {
            return Err(refuse(&format!(
                "`{path}` leads out of the repository; a path is relative and has no `..`"
            )));
        }
        Ok(GitReference {
            address,
            revision: Some(revision.to_owned()).filter(|revision| !revision.is_empty()),
            path: path.to_owned(),
        })
    }

    /// The repository, as it may be shown.
    pub fn repository(&self) -> String {
        without_password(&self.address)
    }

    /// What paths in the repository are shown after.
    pub fn prefix(&self) -> String {
        let revision = self.revision.as_deref().unwrap_or_default();
        format!("{}#{revision}:", self.repository())
    }
}

/// What an address has before its path, without a user: `SCHEME://[USER@]HOST[:PORT]/..`, `USER@HOST:..`.
fn host_of(address: &str) -> &str {
    let (authority, at) = match address.split_once("://") {
        Some((_, rest)) => {
            let authority = rest.split('/').next().unwrap_or_default();
            (authority, authority.rfind('@'))
        }
        None => (address, address.find('@')),
    };
    at.and_then(|at| authority.get(at + 1..))
        .unwrap_or(authority)
}

/// <https://git-scm.com/docs/git-check-ref-format>
fn is_revision(name: &str) -> bool {
    !name.starts_with('-')
        && !name.contains("..")
        && !name.contains("@{")
        && !name.contains(|c: char| {
            c.is_whitespace() || c.is_control() || matches!(c, '~' | '^' | '?' | '*' | '[' | '\\')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(reference: &str) -> (String, Option<String>, String) {
        let GitReference {
            address,
            revision,
            path,
        } = GitReference::parse(reference).unwrap();
        (address, revision, path)
    }

    #[test]
    fn a_place_is_an_address_a_revision_and_a_path() {
        let some = |text: &str| Some(text.to_owned());
        for (reference, address, revision, path) in [
            ("https://host/r.git", "https://host/r.git", None, ""),
            (
                "https://host/r.git#main:a/b",
                "https://host/r.git",
                some("main"),
                "a/b",
            ),
            ("git@host:o/r.git#:a", "git@host:o/r.git", None, "a"),
            (
                "ssh://git@host:22/r#feature/x",
                "ssh://git@host:22/r",
                some("feature/x"),
                "",
            ),
            (
                "github.com/o/r#v1",
                "https://github.com/o/r",
                some("v1"),
                "",
            ),
        ] {
            assert_eq!(
                parsed(reference),
                (address.to_owned(), revision, path.to_owned())
            );
        }
    }

    #[test]
    fn nothing_reaches_git_that_it_would_take_for_something_else() {
        for reference in [
            "https://host/r.git#--upload-pack=x",
            "https://host/r.git#main:../x",
            "https://host/r.git#main:/etc",
            "https://host/r.git#a..b",
            "https://host/r.git#main~1",
            "https://host/r.git?ref=main",
            "https://host/r .git",
            "ssh://-oProxyCommand=x/r",
            "ssh://me@-oProxyCommand=x/r",
            "git@-host:r.git",
            "git@-host:r@x.git",
            "ssh://-host/r@x.git",
            "ssh:///r.git",
        ] {
            assert!(GitReference::parse(reference).is_err(), "{reference}");
        }
    }

    #[test]
    fn paths_are_shown_as_one_could_name_them() {
        let reference = GitReference::parse("https://me:secret@host/r.git#main:sub").unwrap();
        assert_eq!(reference.prefix(), "https://host/r.git#main:");
        let reference = GitReference::parse("https://host/r.git").unwrap();
        assert_eq!(reference.prefix(), "https://host/r.git#:");
    }
}
