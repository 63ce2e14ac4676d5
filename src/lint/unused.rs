use super::Subject;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::load::Role;
use crate::source::Span;

/// Networks, volumes, secrets and configs that no service uses, whatever its profiles. What a base declares may be for
/// another env.
pub(super) fn check(subject: &Subject, found: &mut Diagnostics) {
    let resolved = subject.resolved;
    for (section, members) in &resolved.unused {
        for key in members.keys() {
            if is_of_base(subject, key.span) {
                continue;
            }
            let what = section.trim_end_matches('s');
            found.push(
                Diagnostic::warning(
                    "unused",
                    format!("no service uses the {what} `{}`", key.text),
                )
                .at(key.span, "declared here")
                .help("remove it, or name it in the service that it is meant for"),
            );
        }
    }
}

/// Whether a place lies outside the env's own layer. Without envs every file counts as its own.
fn is_of_base(subject: &Subject, span: Span) -> bool {
    let resolved = subject.resolved;
    let own = resolved.layers.iter().find(|layer| layer.role == Role::Env);
    match (own, resolved.sources.get(span.source)) {
        (Some(own), Some(file)) => own.path != file.path,
        (_, file) => file.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::advice;

    #[test]
    fn what_nobody_uses() {
        let base = "services: {a: {image: x}}\nvolumes: {other: }\n";
        let dev = "services: {b: {image: x, profiles: [p], networks: [quiet]}}\nvolumes: {data: }\nnetworks: {quiet: }\n";
        let found = advice(&[
            ("docker-compose.base.yml", base),
            ("docker-compose.dev.yml", dev),
        ]);
        assert_eq!(
            found,
            [(
                "unused: no service uses the volume `data`".to_owned(),
                Some("data".to_owned())
            )]
        );
    }
}
