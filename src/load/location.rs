use std::path::Path;

pub use crate::grammar::join as absolute;

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
