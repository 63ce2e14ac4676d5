use std::hash::{BuildHasher, Hasher, RandomState};

/// A name that nothing else has: 128 random bits in hexadecimal digits.
pub(super) fn unique() -> String {
    let half = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_repeats() {
        let many: std::collections::HashSet<String> = (0..1000).map(|_| unique()).collect();
        assert_eq!(many.len(), 1000);
    }
}
