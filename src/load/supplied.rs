use std::collections::HashMap;

use smol_str::SmolStr;

/// What the own variables of included models give to their secrets. Those who include a model do not see its variables, and the
/// document does not hold the values, since it is shown to people.
/// <https://github.com/compose-spec/compose-spec/blob/main/14-include.md>
#[derive(Clone, Debug, Default)]
pub struct SuppliedSecrets {
    /// By the secret's key and the variable that it names.
    values: HashMap<(SmolStr, SmolStr), String>,
}

impl SuppliedSecrets {
    /// `None`: no included model has this secret, or none sets the variable.
    pub fn get(&self, key: &str, variable: &str) -> Option<&str> {
        let value = self.values.get(&(key.into(), variable.into()))?;
        Some(value)
    }

    /// Keeps a value unless there is one: what a model includes itself comes first.
    pub(super) fn offer(&mut self, key: &str, variable: &str, value: &str) {
        self.values
            .entry((key.into(), variable.into()))
            .or_insert_with(|| value.to_owned());
    }
}
