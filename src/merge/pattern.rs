/// Rules for places of a document, found key by key while walking down.
///
/// A pattern is keys joined by dots; `*` stands for any key: `services.*.ports`.
pub(super) struct Patterns<T: 'static> {
    rule: Option<T>,
    /// Sorted: there are few, and comparing them is cheaper than hashing a key.
    named: Vec<(&'static str, Patterns<T>)>,
    any: Option<Box<Patterns<T>>>,
}

impl<T: Copy> Patterns<T> {
    pub(super) fn new(table: &[(&'static str, T)]) -> Self {
        let mut root = Self::empty();
        for (pattern, rule) in table {
            let mut place = &mut root;
            for key in pattern.split('.') {
                place = if key == "*" {
                    place.any.get_or_insert_with(|| Box::new(Self::empty()))
                } else {
                    let at = match place.named.binary_search_by_key(&key, |(name, _)| name) {
                        Ok(at) => at,
                        Err(at) => {
                            place.named.insert(at, (key, Self::empty()));
                            at
                        }
                    };
                    &mut place.named[at].1
                };
            }
            place.rule = Some(*rule);
        }
        root
    }

    fn empty() -> Self {
        Patterns {
            rule: None,
            named: Vec::new(),
            any: None,
        }
    }

    /// The rules below `key`; `None` when no rule stands there.
    pub(super) fn below(&self, key: &str) -> Option<&Self> {
        match self.named.binary_search_by(|(name, _)| (*name).cmp(key)) {
            Ok(at) => Some(&self.named[at].1),
            Err(_) => self.any.as_deref(),
        }
    }

    /// The rule of this very place.
    pub(super) fn rule(&self) -> Option<T> {
        self.rule
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_rule_of_a_place() {
        let patterns = Patterns::new(&[("a.*.b", 1), ("a", 2)]);
        let below = |keys: &[&str]| {
            keys.iter()
                .try_fold(&patterns, |place, key| place.below(key))
                .and_then(Patterns::rule)
        };
        assert_eq!(below(&["a"]), Some(2));
        assert_eq!(below(&["a", "x", "b"]), Some(1));
        assert_eq!(below(&["a", "x"]), None);
        assert_eq!(below(&["a", "x", "c"]), None);
    }
}
