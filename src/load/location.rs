use std::path::{Component, Path, PathBuf};

/// `path` as seen from the directory `base`, without `.` and `..`; symbolic links are not followed.
pub fn absolute(base: &Path, path: impl AsRef<Path>) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in base.join(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => {
                clean.push(component);
            }
        }
    }
    clean
}

/// The path as people write it: relative to the working directory where it lies below it.
pub fn display(working_directory: &Path, path: &Path) -> String {
    match path.strip_prefix(working_directory) {
        Ok(below) if below.as_os_str().is_empty() => ".".into(),
        Ok(below) => below.display().to_string(),
        Err(_) => path.display().to_string(),
    }
}

/// The directory that a file stands in.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_absolute_and_clean() {
        let base = Path::new("/a/b");
        assert_eq!(absolute(base, "./c/../d"), Path::new("/a/b/d"));
        assert_eq!(absolute(base, "../../../x"), Path::new("/x"));
        assert_eq!(absolute(base, "/y"), Path::new("/y"));
    }
}
