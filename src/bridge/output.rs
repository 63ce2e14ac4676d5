use std::path::{Path, PathBuf};
use std::{fs, io};

/// Where what transformations have made is put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    directory: PathBuf,
    /// It is added to, and nothing in it is removed.
    is_kept: bool,
}

impl Output {
    /// `precious`: what must not be removed. A directory that is one of these, or has one of them in it, is only added to; any other
    /// is replaced.
    pub fn new(directory: PathBuf, precious: &[&Path]) -> Output {
        // Links may lead to the project.
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let target = real(&directory);
        let is_kept = precious.iter().any(|path| real(path).starts_with(&target));
        Output { directory, is_kept }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether what is there stays.
    pub fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Makes the directory, and has nothing in it unless it is kept.
    ///
    /// # Errors
    /// When something is not removed; when it is no directory.
    pub fn prepare(&self) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        if self.is_kept {
            return Ok(());
        }
        // The directory itself stays: it may be a mount, or somebody's working directory.
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => fs::remove_dir_all(entry.path())?,
                false => fs::remove_file(entry.path())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_before_goes() {
        let here = tempfile::tempdir().unwrap();
        let out = here.path().join("a/out");
        let output = Output::new(out.clone(), &[here.path()]);
        output.prepare().unwrap();
        fs::create_dir(out.join("deep")).unwrap();
        fs::write(out.join("deep/f"), "").unwrap();
        fs::write(here.path().join("mine"), "").unwrap();
        std::os::unix::fs::symlink(here.path(), out.join("link")).unwrap();
        output.prepare().unwrap();
        assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
        assert!(here.path().join("mine").exists());
    }

    #[test]
    fn a_directory_with_the_project_in_it_is_only_added_to() {
        let here = tempfile::tempdir().unwrap();
        let project = here.path().join("project");
        fs::create_dir(&project).unwrap();
        fs::write(project.join("compose.yml"), "").unwrap();
        let link = here.path().join("link");
        std::os::unix::fs::symlink(&project, &link).unwrap();
        for directory in [here.path(), &project, &link, &project.join(".")] {
            let output = Output::new(directory.to_path_buf(), &[&project]);
            assert!(output.is_kept(), "{}", directory.display());
            output.prepare().unwrap();
        }
        assert!(project.join("compose.yml").exists());
        assert!(!Output::new(project.join("out"), &[&project]).is_kept());
    }
}
