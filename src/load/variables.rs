use std::borrow::Cow;

use indexmap::IndexMap;

use crate::interpolate::Lookup;
use crate::source::Supply;

/// The variables that `${..}` in the files can name, and who supplied each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variables {
    entries: IndexMap<String, Variable>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    pub value: String,
    pub supply: Supply,
}

impl Lookup for Variables {
    fn get(&self, name: &str) -> Option<(Cow<'_, str>, Supply)> {
        let variable = Variables::get(self, name)?;
        Some((
            Cow::Borrowed(variable.value.as_str()),
            variable.supply.clone(),
        ))
    }
}

impl Variables {
    /// `None`: set nowhere.
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.entries.get(name)
    }

    /// The value alone.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.get(name).map(|variable| variable.value.as_str())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Variable)> {
        self.entries
            .iter()
            .map(|(name, variable)| (name.as_str(), variable))
    }

    pub(super) fn set(&mut self, name: &str, value: impl Into<String>, supply: Supply) {
        let value = value.into();
        self.entries
            .insert(name.to_owned(), Variable { value, supply });
    }

    /// Sets a variable unless it is set already. `UID` and `GID` that wharf supplied count as not set.
    pub(super) fn offer(&mut self, name: &str, value: impl Into<String>, supply: Supply) {
        let is_free = self.get(name).is_none_or(|present| {
            present.supply == Supply::Caller && matches!(name, "UID" | "GID")
        });
        if is_free {
            self.set(name, value, supply);
        }
    }
}
