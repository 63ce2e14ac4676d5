use std::io::{self, Read};

/// As many bytes as tell a tar archive: its mark stands at 257.
const LOOK: u64 = 512;

/// What bytes are, by how they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// An archive; one without anything in it is nothing but zeroes.
    Tar,
    Gzip,
    Zstd,
    /// An object.
    Json,
    Other,
}

impl Beginning {
    /// Looks at the beginning. What comes back reads everything, that included: what is handed over at once ends anywhere, and
    /// so it is read until there is enough, or no more.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of<R: Read>(mut from: R) -> io::Result<(Beginning, impl Read + use<R>)> {
        let mut head = Vec::new();
        from.by_ref().take(LOOK).read_to_end(&mut head)?;
        let found = match head.as_slice() {
            [0x1f, 0x8b, ..] => Beginning::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Beginning::Zstd,
            [b'{', ..] => Beginning::Json,
            [0, ..] => Beginning::Tar,
            head if head.get(257..262) == Some(b"ustar") => Beginning::Tar,
            _ => Beginning::Other,
        };
        Ok((found, io::Cursor::new(head).chain(from)))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Hands over a byte at a time, as a pipe or a connection may.
    pub(crate) struct Dribble<'a>(pub(crate) &'a [u8]);

    impl Read for Dribble<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = buffer.len().min(1);
            self.0.read(buffer.get_mut(..count).unwrap_or_default())
        }
    }

    #[test]
    fn bytes_are_told_by_their_beginning_however_they_come() {
        let mut tar = vec![b'x'; 600];
        tar[257..262].copy_from_slice(b"ustar");
        for (bytes, expected) in [
            (tar.as_slice(), Beginning::Tar),
            (&[0; 1024], Beginning::Tar),
            (&[0x1f, 0x8b, 8], Beginning::Gzip),
            (&[0x28, 0xb5, 0x2f, 0xfd, 0], Beginning::Zstd),
            (b"{}", Beginning::Json),
            (b"1.0", Beginning::Other),
            (b"", Beginning::Other),
        ] {
            let (found, mut rest) = Beginning::of(Dribble(bytes)).unwrap();
            assert_eq!(found, expected);
            let mut all = Vec::new();
            rest.read_to_end(&mut all).unwrap();
            assert_eq!(all, bytes);
        }
    }
}
