use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use bollard_buildkit_proto::fsutil::types::Stat;

use crate::build::walk::{Entry, Link};

/// File type and mode bits in the numbering of Go's `io/fs`, which is what travels.
mod mode {
    pub(super) const DIRECTORY: u32 = 1 << 31;
    pub(super) const SYMLINK: u32 = 1 << 27;
    pub(super) const DEVICE: u32 = 1 << 26;
    pub(super) const PIPE: u32 = 1 << 25;
    pub(super) const SETUID: u32 = 1 << 23;
    pub(super) const SETGID: u32 = 1 << 22;
    pub(super) const CHARACTER_DEVICE: u32 = 1 << 21;
    pub(super) const STICKY: u32 = 1 << 20;
}

/// What the engine is told of an entry.
pub(super) fn stat(entry: Entry) -> Stat {
    let metadata = &entry.metadata;
    let size = if entry.has_content() {
        metadata.len()
    } else {
        0
    };
    let (devmajor, devminor) = device_numbers(metadata);
    Stat {
        mode: go_mode(metadata),
        // Who owns a file on this machine means nothing in an image.
        uid: 0,
        gid: 0,
        size: i64::try_from(size).unwrap_or(i64::MAX),
        mod_time: metadata
            .mtime()
            .saturating_mul(1_000_000_000)
            .saturating_add(metadata.mtime_nsec()),
        devmajor,
        devminor,
        path: entry.path,
        linkname: match entry.link {
            Link::None => String::new(),
            Link::Symbolic(target) | Link::Hard(target) => target,
        },
        ..Stat::default()
    }
}

/// Permissions and type of a file as Go writes them.
fn go_mode(metadata: &Metadata) -> u32 {
    let unix = metadata.mode();
    let mut go = unix & 0o777;
    for (bit, flag) in [
        (0o4000, mode::SETUID),
        (0o2000, mode::SETGID),
        (0o1000, mode::STICKY),
    ] {
        if unix & bit != 0 {
            go |= flag;
        }
    }
    let kind = metadata.file_type();
    if kind.is_dir() {
        go |= mode::DIRECTORY;
    } else if kind.is_symlink() {
        go |= mode::SYMLINK;
    } else if kind.is_fifo() {
        go |= mode::PIPE;
    } else if kind.is_char_device() {
        go |= mode::DEVICE | mode::CHARACTER_DEVICE;
    } else if kind.is_block_device() {
        go |= mode::DEVICE;
    }
    go
}

fn device_numbers(metadata: &Metadata) -> (i64, i64) {
    let kind = metadata.file_type();
    if !(kind.is_char_device() || kind.is_block_device()) {
        return (0, 0);
    }
    let device = metadata.rdev();
    let major = ((device >> 32) & 0xffff_f000) | ((device >> 8) & 0xfff);
    let minor = ((device >> 12) & 0xffff_ff00) | (device & 0xff);
    (major as i64, minor as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn modes_travel_as_go_writes_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tool");
        std::fs::write(&path, "x").unwrap();
        for (unix, go) in [
            (0o644, 0o644),
            (0o4755, mode::SETUID | 0o755),
            (0o2755, mode::SETGID | 0o755),
        ] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(unix)).unwrap();
            assert_eq!(go_mode(&std::fs::metadata(&path).unwrap()), go);
        }
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o1777))
            .unwrap();
        assert_eq!(
            go_mode(&std::fs::metadata(directory.path()).unwrap()),
            mode::DIRECTORY | mode::STICKY | 0o777
        );
    }
}
