use super::Subject;
use crate::diagnostic::{Diagnostic, Diagnostics, prose};
use crate::source::Node;

/// Contexts that only `x-bake` names: `docker compose build` does not read it, and takes the name for an image on a registry.
pub(super) fn check(subject: &Subject, found: &mut Diagnostics) {
    for image in subject.images.images.values() {
        let key = image.key.as_str();
        let contexts = subject
            .node(&["services", key, "build", "x-bake", "contexts"])
            .and_then(Node::as_mapping);
        let missing: Vec<_> = contexts
            .into_iter()
            .flatten()
            .filter(|(name, _)| !image.build.additional_contexts.contains_key(&*name.text))
            .collect();
        let Some((first, _)) = missing.first() else {
            continue;
        };
        let lines: Vec<String> = missing
            .iter()
            .filter_map(|(name, source)| {
                let source = source.as_str()?;
                let source = match source.strip_prefix("target:") {
                    Some(target) => format!("service:{target}"),
                    None => source.to_owned(),
                };
                Some(format!("{}: {source}", name.text))
            })
            .collect();
        let names = prose::quoted(missing.iter().map(|(name, _)| &name.text), "and");
        found.push(
            Diagnostic::warning(
                "bake-context",
                format!("only `x-bake` says what {names} of `{key}` stands for"),
            )
            .at(first.span, "`docker compose build` does not read this")
            .help(format!(
                "say it in `build` too: `additional_contexts: {{{}}}`",
                lines.join(", ")
            )),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::advice;

    #[test]
    fn a_context_that_compose_does_not_know() {
        let service = |contexts: &str| {
            format!(
                "services:\n  base: {{image: b, build: {{dockerfile_inline: FROM a}}}}\n  app: {{image: c, build: {{dockerfile_inline: FROM base, {contexts}x-bake: {{contexts: {{base: 'target:base'}}}}}}}}\n"
            )
        };
        assert_eq!(
            advice(&[("compose.yaml", &service(""))]),
            [(
                "bake-context: only `x-bake` says what `base` of `app` stands for".to_owned(),
                Some("base".to_owned())
            )]
        );
        let both = service("additional_contexts: {base: 'service:base'}, ");
        assert_eq!(advice(&[("compose.yaml", &both)]), []);
    }
}
