use crate::source::Path;

use super::pattern::Patterns;

/// Where a walk over a document stands: the keys so far, and the rules that can still apply below.
pub(super) struct Place<'p, T: 'static> {
    parent: Option<&'p Place<'p, T>>,
    key: &'p str,
    rules: Option<&'static Patterns<T>>,
}

impl<'p, T: Copy> Place<'p, T> {
    pub(super) fn root(rules: &'static Patterns<T>) -> Self {
        Place {
            parent: None,
            key: "",
            rules: Some(rules),
        }
    }

    pub(super) fn below(&'p self, key: &'p str) -> Self {
        Place {
            parent: Some(self),
            key,
            rules: self.rules.and_then(|rules| rules.below(key)),
        }
    }

    pub(super) fn rule(&self) -> Option<T> {
        self.rules?.rule()
    }

    /// Whether no rule can apply here or below.
    pub(super) fn is_plain(&self) -> bool {
        self.rules.is_none()
    }

    pub(super) fn path(&self) -> Path {
        match self.parent {
            Some(parent) => parent.path().key(self.key),
            None => Path::root(),
        }
    }
}
