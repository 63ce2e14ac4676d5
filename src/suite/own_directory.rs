use std::path::{Path, PathBuf};
use std::{fs, io};

/// `.wharf` in a project's directory, where wharf keeps what it notes of it; made where it is missing.
///
/// # Errors
/// When it cannot be made.
pub fn own_directory(project: &Path) -> io::Result<PathBuf> {
    let directory = project.join(".wharf");
    fs::create_dir_all(&directory)?;
    // Nobody's sources: kept out of commits without touching the project's own files.
    let ignore = directory.join(".gitignore");
    if !ignore.exists() {
        fs::write(ignore, "*\n")?;
    }
    Ok(directory)
}
