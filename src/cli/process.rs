use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use crate::load::Environment;

/// Reads what wharf knows of its own process; the only place that does.
pub fn environment() -> Environment {
    let variables: IndexMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    Environment {
        working_directory: working_directory(variables.get("PWD").map(Path::new)),
        variables,
        home: std::env::home_dir(),
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
    }
}

/// The directory under the name that the shell has for it, as `docker compose` takes it: an engine whose files are seen
/// here through a link knows that name, and not where the link leads.
fn working_directory(named: Option<&Path>) -> PathBuf {
    let real = std::env::current_dir().unwrap_or_else(|_| "/".into());
    match named {
        Some(named) if named.is_absolute() && is_same(named, &real) => named.to_owned(),
        _ => real,
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| {
        let metadata = path.metadata().ok()?;
        Some((metadata.dev(), metadata.ino()))
    };
    identity(one).is_some_and(|one| Some(one) == identity(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_links_name_counts_while_it_leads_here() {
        let real = std::env::current_dir().expect("a directory");
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&real, &link).expect("a link");
        assert_eq!(working_directory(Some(&link)), link);
        assert_eq!(working_directory(Some(folder.path())), real);
        assert_eq!(working_directory(Some(Path::new("src"))), real);
        assert_eq!(working_directory(None), real);
    }
}
