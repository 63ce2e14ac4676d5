//! Files that others may read or write at the same moment.

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
