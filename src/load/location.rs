use std::path::{Component, Path, PathBuf};

pub use crate::grammar::join as absolute;

/// The path as people write it: relative to the working directory where it lies below it.
pub fn display(working_directory: &Path, path: &Path) -> String {
    match path.strip_prefix(working_directory) {
        Ok(below) if below.as_os_str().is_empty() => ".".into(),
        Ok(below) => below.display().to_string(),
        Err(_) => path.display().to_string(),
    }
}

/// The way from one absolute path without `.` and `..` to another: `.` where they are the same.
pub(super) fn relative(from: &Path, to: &Path) -> PathBuf {
    let shared = from
        .components()
        .zip(to.components())
        .take_while(|(from, to)| from == to)
        .count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(to.components().skip(shared)).collect();
    match way.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => way,
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
    fn the_way_to_another_directory() {
        for (to, way) in [
            ("/a/b", "."),
            ("/a/b/c", "c"),
            ("/a/x", "../x"),
            ("/", "../.."),
        ] {
            assert_eq!(relative(Path::new("/a/b"), Path::new(to)), Path::new(way));
        }
    }

    #[test]
    fn paths_are_absolute_and_clean() {
        let base = Path::new("/a/b");
        assert_eq!(absolute(base, "./c/../d"), Path::new("/a/b/d"));
        assert_eq!(absolute(base, "../../../x"), Path::new("/x"));
        assert_eq!(absolute(base, "/y"), Path::new("/y"));
    }
}
