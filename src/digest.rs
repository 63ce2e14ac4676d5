//! Digests by SHA-256, as images and registries write them: `sha256:` and 64 hexadecimal digits, in lower case.

use sha2::{Digest, Sha256};

const ALGORITHM: &str = "sha256:";

/// The digest of these bytes.
pub fn digest_of(bytes: &[u8]) -> String {
    format!("{ALGORITHM}{}", hex::encode(Sha256::digest(bytes)))
}

/// A digest, or an id, without its `sha256:`.
pub fn bare(id: &str) -> &str {
    id.strip_prefix(ALGORITHM).unwrap_or(id)
}

/// Whether a text is a whole digest; then its digits are fit to be the name of a file, too.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix(ALGORITHM).is_some_and(|digits| {
        digits.len() == 64
            && digits
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_recognised_and_nothing_else() {
        let digest = digest_of(b"");
        assert!(digest.starts_with("sha256:e3b0c442"), "{digest}");
        assert!(is_digest(&digest));
        let digits = bare(&digest);
        for other in [
            "",
            "sha256:",
            "sha256:../../etc/passwd",
            "sha256:ab",
            digits,
            &format!("sha512:{digits}"),
            &format!("{digest}0"),
            &digest.to_uppercase(),
            &format!("sha256:{}", digits.to_uppercase()),
        ] {
            assert!(!is_digest(other), "{other}");
        }
    }
}
