use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

/// Bytes of a tar archive up to and with its mark.
const TAR_HEAD: usize = 262;
/// A Dockerfile that comes alone is not longer, in bytes.
const LONGEST_DOCKERFILE: u64 = 4 << 20;

/// Unpacks a build context that comes as a stream into a directory: a tar archive, perhaps packed by gzip, or a Dockerfile
/// alone. Nothing of it is held in memory but the Dockerfile.
pub fn unpack_context(stream: impl Read, into: &Path) -> io::Result<()> {
    let mut stream = BufReader::with_capacity(64 << 10, stream);
    let head = stream.fill_buf()?;
    for (magic, kind) in [
        (&b"BZh"[..], "bzip2"),
        (b"\xfd7zXZ", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
    ] {
        if head.starts_with(magic) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("the context is packed by {kind}; pass it unpacked or by gzip"),
            ));
        }
    }
    if head.starts_with(b"\x1f\x8b") {
        return unpack(MultiGzDecoder::new(stream), into);
    }
    if head.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "there is nothing on standard input; a tar archive or a Dockerfile is read from there",
        ));
    }
    // A pipe hands over as little as it likes.
    let mut start = vec![0; TAR_HEAD];
    let mut filled = 0;
    while filled < start.len() {
        match stream.read(&mut start[filled..])? {
            0 => break,
            more => filled += more,
        }
    }
    start.truncate(filled);
    let is_tar = start.get(257..) == Some(b"ustar");
    let whole = io::Cursor::new(start).chain(stream);
    if is_tar {
        return unpack(whole, into);
    }
    let mut file = std::fs::File::create(into.join("Dockerfile"))?;
    let copied = io::copy(&mut whole.take(LONGEST_DOCKERFILE + 1), &mut file)?;
    if copied > LONGEST_DOCKERFILE {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "what comes on standard input is neither a tar archive nor a Dockerfile",
        ));
    }
    file.flush()
}

fn unpack(stream: impl Read, into: &Path) -> io::Result<()> {
    let mut archive = tar::Archive::new(stream);
    archive.set_preserve_permissions(true);
    archive.set_preserve_mtime(true);
    archive.unpack(into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    fn archive() -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(4);
        header.set_mode(0o755);
        builder
            .append_data(&mut header, "src/tool", &b"text"[..])
            .unwrap();
        builder.into_inner().unwrap()
    }

    fn unpacked(bytes: &[u8]) -> Result<tempfile::TempDir, String> {
        let directory = tempfile::tempdir().unwrap();
        unpack_context(bytes, directory.path()).map_err(|error| error.to_string())?;
        Ok(directory)
    }

    #[test]
    fn archives_and_dockerfiles_are_told_apart() {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&archive()).unwrap();
        for bytes in [archive(), packed.finish().unwrap()] {
            let directory = unpacked(&bytes).unwrap();
            let text = std::fs::read_to_string(directory.path().join("src/tool")).unwrap();
            assert_eq!(text, "text");
        }
        let directory = unpacked(b"FROM scratch\n").unwrap();
        let text = std::fs::read_to_string(directory.path().join("Dockerfile")).unwrap();
        assert_eq!(text, "FROM scratch\n");
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        assert!(unpacked(b"").unwrap_err().contains("nothing"));
        assert!(unpacked(b"BZh91AY").unwrap_err().contains("bzip2"));
        let long = vec![b'#'; LONGEST_DOCKERFILE as usize + 1];
        assert!(unpacked(&long).unwrap_err().contains("neither"));
    }

    #[test]
    fn an_entry_does_not_leave_the_directory() {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(1);
        header.as_old_mut().name[..9].copy_from_slice(b"../escape");
        header.set_cksum();
        builder.append(&header, &b"x"[..]).unwrap();
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        unpack_context(&builder.into_inner().unwrap()[..], &inner).unwrap();
        assert!(!outer.path().join("escape").exists());
    }
}
