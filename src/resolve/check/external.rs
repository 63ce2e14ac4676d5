use super::View;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Kind;

/// A volume that exists already has a name and nothing else.
/// <https://github.com/compose-spec/compose-spec/blob/main/07-volumes.md#external>
pub fn check(view: &View, found: &mut Diagnostics) {
    for (name, volume) in view.section("volumes") {
        let Some(external) = volume.get("external") else {
            continue;
        };
        let is_external = match &external.kind {
            Kind::Bool(external) => *external,
            Kind::String(text) => matches!(
                text.to_ascii_lowercase().as_str(),
                "true" | "yes" | "y" | "on"
            ),
            _ => false,
        };
        if !is_external {
            continue;
        }
        for key in volume
            .as_mapping()
            .into_iter()
            .flat_map(|members| members.keys())
        {
            if !matches!(&*key.text, "name" | "external") && !key.text.starts_with("x-") {
                found.push(
                    Diagnostic::error(
                        "conflicting-keys",
                        format!(
                            "volume `{}` is external, so `{}` has no effect on it",
                            name.text, key.text
                        ),
                    )
                    .at(key.span, "for a volume that wharf creates")
                    .because(external.span, "exists already")
                    .help("remove one of them"),
                );
            }
        }
    }
}
