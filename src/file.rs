//! Files that others may read or write at the same moment.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::{fs, io, process};

/// Writes a file in one step, and its directory where that is missing: a reader finds the former text or this one, never a
/// part.
pub fn replace(file: &Path, text: &str) -> io::Result<()> {
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)?;
    }
    let draft = file.with_extension(format!("{}.draft", process::id()));
    fs::write(&draft, text)?;
    fs::rename(&draft, file)
}

/// Makes a directory that only one user enters, or makes sure that it is one: in `/tmp` another user may have made it first.
///
/// # Errors
/// When it cannot be made, is a link, or belongs to somebody else.
pub fn own_directory(directory: &Path, uid: u32) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let metadata = fs::symlink_metadata(directory)?;
    if !metadata.is_dir() || metadata.uid() != uid {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("`{}` is not a directory of this user", directory.display()),
        ));
    }
    if metadata.mode() & 0o077 != 0 {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_of_one_user_alone_or_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let uid = fs::metadata(home.path()).unwrap().uid();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        let new = home.path().join("new");
        own_directory(&new, uid).unwrap();
        assert_eq!(mode(&new), 0o700);
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        own_directory(&new, uid).unwrap();
        assert_eq!(mode(&new), 0o700);
        assert!(own_directory(&new, uid + 1).is_err());
        let link = home.path().join("link");
        std::os::unix::fs::symlink(&new, &link).unwrap();
        assert!(own_directory(&link, uid).is_err());
    }
}
