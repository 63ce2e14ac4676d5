use std::hash::{BuildHasher, Hasher, RandomState};

const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Random letters and digits that may stand in a name; `length` up to 12.
pub fn slug(length: usize) -> String {
    // The standard library seeds each of these from the system's random source.
    let random = RandomState::new().build_hasher().finish();
    (0..length.min(12))
        .map(|at| {
            let letter = (random >> (5 * at)) & 31;
            char::from(LETTERS[usize::try_from(letter).unwrap_or(0)])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_differ() {
        let slugs: std::collections::BTreeSet<String> = (0..100).map(|_| slug(12)).collect();
        assert_eq!(slugs.len(), 100);
        assert!(slugs.iter().all(|one| one.len() == 12));
    }
}
