use std::path::{Path, PathBuf};

use crate::build::ignore::{PatternError, Patterns};

/// Which paths count.
///
/// A path is left out when one of the ignore rules matches it, when there are `only` rules and none matches it, when it is
/// in a `.git` directory, or when it is one of those files that editors make for a moment while they save.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    ignored: Vec<(PathBuf, Patterns)>,
    only: Vec<(PathBuf, Patterns)>,
}

impl Filter {
    /// Everything but what editors and git leave about.
    pub fn new() -> Self {
        Filter::default()
    }

    /// Leaves out what these patterns match, relative to `base`; the rules are those of `.dockerignore`.
    pub fn ignoring(mut self, base: &Path, patterns: Patterns) -> Self {
        if !patterns.is_empty() {
            self.ignored.push((base.to_path_buf(), patterns));
        }
        self
    }

    /// As [`Filter::ignoring`], with the patterns as a list.
    ///
    /// # Errors
    /// A pattern that cannot be read.
    pub fn ignoring_all<S: AsRef<str>>(
        self,
        base: &Path,
        patterns: impl IntoIterator<Item = S>,
    ) -> Result<Self, PatternError> {
        let patterns = Patterns::new(patterns)?;
        Ok(self.ignoring(base, patterns))
    }

    /// Leaves out what none of these patterns matches, relative to `base`; without patterns nothing more.
    ///
    /// # Errors
    /// A pattern that cannot be read.
    pub fn only<S: AsRef<str>>(
        mut self,
        base: &Path,
        patterns: impl IntoIterator<Item = S>,
    ) -> Result<Self, PatternError> {
        let patterns = Patterns::new(patterns)?;
        if !patterns.is_empty() {
            self.only.push((base.to_path_buf(), patterns));
        }
        Ok(self)
    }

    /// Whether a change of this path counts.
    pub fn wants(&self, path: &Path) -> bool {
        if is_passing(path) {
            return false;
        }
        let matches = |(base, patterns): &(PathBuf, Patterns)| {
            relative(base, path).is_some_and(|below| patterns.matches(&below))
        };
        !self.ignored.iter().any(matches)
            && (self.only.is_empty() || self.only.iter().any(matches) || path.is_dir())
    }

    /// Whether something in this directory may count. A directory that is ignored as a whole need not even be watched.
    pub fn enters(&self, directory: &Path) -> bool {
        if directory.file_name().is_some_and(|name| name == ".git") {
            return false;
        }
        !self.ignored.iter().any(|(base, patterns)| {
            relative(base, directory).is_some_and(|below| {
                patterns.matches(&below) && !patterns.may_readmit_below(&below)
            })
        })
    }
}

/// `None`: the path is not below the base, or is the base itself.
fn relative(base: &Path, path: &Path) -> Option<String> {
    let below = path.strip_prefix(base).ok()?.to_str()?;
    (!below.is_empty()).then(|| below.to_owned())
}

/// Whether a path is git's, or one that an editor makes for a moment while it saves.
fn is_passing(path: &Path) -> bool {
    if path.components().any(|part| part.as_os_str() == ".git") {
        return true;
    }
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return false;
    };
    // vim tries whether it may write with a file called 4913.
    name == "4913"
        || name.ends_with('~')
        || name.starts_with(".#")
        || name.starts_with('#') && name.ends_with('#')
        || name.starts_with('.')
            && (name.ends_with(".swp") || name.ends_with(".swx") || name.ends_with(".swo"))
        || name.contains("___jb_tmp___")
        || name.contains("___jb_old___")
        || name.contains("___jb_bak___")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_relative_to_its_own_directory() {
        let filter = Filter::new()
            .ignoring_all(Path::new("/p"), ["*.foo", "node_modules"])
            .unwrap()
            .ignoring_all(Path::new("/p/data"), ["ignored"])
            .unwrap();
        assert!(filter.wants(Path::new("/p/data/x.txt")));
        assert!(!filter.wants(Path::new("/p/x.foo")));
        assert!(filter.wants(Path::new("/p/data/x.foo")));
        assert!(!filter.wants(Path::new("/p/data/ignored/x.txt")));
        assert!(!filter.wants(Path::new("/p/node_modules/a/b.js")));
        assert!(!filter.enters(Path::new("/p/node_modules")));
        assert!(filter.enters(Path::new("/p/data")));
    }

    #[test]
    fn an_ignored_directory_is_entered_when_something_in_it_is_taken_back() {
        let filter = Filter::new()
            .ignoring_all(Path::new("/p"), ["out", "!out/keep"])
            .unwrap();
        assert!(filter.enters(Path::new("/p/out")));
        assert!(filter.wants(Path::new("/p/out/keep")));
        assert!(!filter.wants(Path::new("/p/out/other")));
    }

    #[test]
    fn only_what_is_named_counts_if_anything_is() {
        let filter = Filter::new().only(Path::new("/p"), ["**/*.py"]).unwrap();
        assert!(filter.wants(Path::new("/p/a/b.py")));
        assert!(!filter.wants(Path::new("/p/a/b.txt")));
        let all = Filter::new().only(Path::new("/p"), [""; 0]).unwrap();
        assert!(all.wants(Path::new("/p/a/b.txt")));
    }

    #[test]
    fn what_editors_and_git_leave_about_does_not_count() {
        let filter = Filter::new();
        for path in [
            "/p/4913",
            "/p/a.py~",
            "/p/.a.py.swp",
            "/p/#a.py#",
            "/p/.#a.py",
            "/p/.git/index",
            "/p/a.py___jb_tmp___",
        ] {
            assert!(!filter.wants(Path::new(path)), "{path}");
        }
        assert!(filter.wants(Path::new("/p/.env")));
        assert!(!filter.enters(Path::new("/p/.git")));
    }
}
