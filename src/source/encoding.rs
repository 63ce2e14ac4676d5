use thiserror::Error;

/// Bytes that are no text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "line {line} holds the byte 0x{byte:02X}, which is not UTF-8; files must be UTF-8, or UTF-16 with a byte order mark"
)]
pub struct NotText {
    /// The first byte that does not belong.
    pub byte: u8,
    /// Offset of that byte.
    pub offset: usize,
    /// The 1-based line of that byte.
    pub line: usize,
}

/// The text of a file: UTF-8, or UTF-16 when a byte order mark says so. The mark itself is left out.
pub fn decode(bytes: Vec<u8>) -> Result<String, NotText> {
    match bytes.as_slice() {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, ..] => utf8(bytes).map(|mut text| {
            text.drain(..'\u{FEFF}'.len_utf8());
            text
        }),
        _ => utf8(bytes),
    }
}

fn utf8(bytes: Vec<u8>) -> Result<String, NotText> {
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        not_text(error.as_bytes(), offset)
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, NotText> {
    let pairs = bytes.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err(not_text(bytes, bytes.len() - 1));
    }
    let mut text = String::with_capacity(bytes.len());
    let mut offset = 0;
    for character in char::decode_utf16(pairs.map(|pair| unit([pair[0], pair[1]]))) {
        let character = character.map_err(|_| not_text(bytes, offset))?;
        offset += 2 * character.len_utf16();
        text.push(character);
    }
    Ok(text)
}

fn not_text(bytes: &[u8], offset: usize) -> NotText {
    NotText {
        byte: bytes[offset],
        offset,
        line: 1 + bytes[..offset]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_utf8_and_utf16() {
        assert_eq!(decode(b"a: \xC3\xA9".to_vec()).unwrap(), "a: é");
        assert_eq!(decode(b"\xEF\xBB\xBFa".to_vec()).unwrap(), "a");
        assert_eq!(decode(b"\xFF\xFEa\0\xE9\0".to_vec()).unwrap(), "aé");
        assert_eq!(decode(b"\xFE\xFF\0a".to_vec()).unwrap(), "a");
        assert_eq!(decode(Vec::new()).unwrap(), "");
    }

    #[test]
    fn names_the_byte_and_its_line() {
        let error = decode(b"a\nb: caf\xE9\n".to_vec()).unwrap_err();
        assert_eq!((error.byte, error.offset, error.line), (0xE9, 8, 2));
        assert!(decode(b"\xFF\xFEa".to_vec()).is_err());
        assert!(decode(b"\xFF\xFE\x00\xD8".to_vec()).is_err());
    }
}
