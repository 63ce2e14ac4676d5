use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::ShipError;

/// Does something with what is read from an archive and a file of the spool, and tells which of them failed.
pub(super) fn either<T>(
    path: &Path,
    content: &mut dyn Read,
    work: impl FnOnce(&mut dyn Read) -> io::Result<T>,
) -> Result<T, ShipError> {
    let mut watched = Watched {
        from: content,
        failed: false,
    };
    work(&mut watched).map_err(|error| match error.kind() {
        // What is read ends before its time.
        io::ErrorKind::UnexpectedEof => ShipError::Images(error),
        _ if watched.failed => ShipError::Images(error),
        _ => ShipError::spool(path)(error),
    })
}

struct Watched<'a> {
    from: &'a mut dyn Read,
    failed: bool,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer);
        self.failed |= read.is_err();
        read
    }
}

/// Hashes what is read through it.
pub(super) struct Hashing<'a> {
    from: &'a mut dyn Read,
    hasher: Sha256,
}

impl<'a> Hashing<'a> {
    pub(super) fn new(from: &'a mut dyn Read) -> Self {
        Hashing {
            from,
            hasher: Sha256::new(),
        }
    }

    pub(super) fn digest(self) -> String {
        format!("sha256:{}", hex::encode(self.hasher.finalize()))
    }

    pub(super) fn expect(self, id: &str) -> io::Result<()> {
        let found = self.digest();
        if found == id {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "layer {id} is damaged: it is {found}"
        )))
    }
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}
