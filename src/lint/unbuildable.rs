use super::{Subject, place};
use crate::build::GraphProblem;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::resolve::Resolved;

/// Images that cannot be built: no Dockerfile, one that cannot be read, a stage or a service that is not there.
pub(super) fn check(subject: &Subject, found: &mut Diagnostics) {
    for image in subject.images.images.values() {
        for problem in &image.problems {
            let finding = unbuildable(subject.resolved, &image.key, problem);
            found.push(Diagnostic {
                severity: Severity::Warning,
                ..finding
            });
        }
    }
}

/// Why the image of a service cannot be built, where the files say so.
pub fn unbuildable(resolved: &Resolved, service: &str, problem: &GraphProblem) -> Diagnostic {
    let (keys, help): (&[&str], &str) = match problem {
        GraphProblem::NoDockerfile { .. } => (
            &["dockerfile"],
            "write it, or name another one in `build.dockerfile`; its path is relative to the context",
        ),
        GraphProblem::NoFile { .. } => (&["dockerfile"], "name the Dockerfile itself"),
        GraphProblem::NoDirectory { .. } => (
            &["context"],
            "name the directory of the files, and the Dockerfile in `build.dockerfile`",
        ),
        GraphProblem::NoNamedContext { context, .. } => (
            &["additional_contexts", context],
            "make the directory, or name another one; its path is relative to the Compose file",
        ),
        GraphProblem::NoContext { .. } => (
            &["context"],
            "make the directory, or name another one in `build.context`; its path is relative to the Compose file",
        ),
        GraphProblem::NoStage { .. } => (&["target"], "name one of the stages that there are"),
        GraphProblem::NoService { context, .. } => (
            &["additional_contexts", context],
            "name a service that has a `build` or an `image`",
        ),
        GraphProblem::OciLayout { context, .. } => (
            &["additional_contexts", context],
            "load the image, and name it as `docker-image://NAME`",
        ),
        GraphProblem::Platform { .. } => (
            &["platforms"],
            "add the platform to `build.platforms`, or leave `platform` away",
        ),
        GraphProblem::StandardInput { .. } => (
            &["context"],
            "pass the context to `wharf build`, and run what it has built",
        ),
        GraphProblem::Unreadable { .. }
        | GraphProblem::Dockerfile { .. }
        | GraphProblem::Ignore { .. } => (
            &[],
            "`wharf build --check` looks at the Dockerfiles themselves",
        ),
    };
    let build = ["services", service, "build"];
    let own = [&build[..], keys].concat();
    let context = [&build[..], &["context"]].concat();
    let places = [&own[..], &context, &build].map(|path| place(resolved, path));
    let written = places.into_iter().find(|span| span.is_some());
    Diagnostic::error("image-unbuildable", problem.to_string())
        .at(
            written.unwrap_or(crate::source::Span::NONE),
            "cannot be built",
        )
        .help(help)
}

#[cfg(test)]
mod tests {
    use crate::lint::advice;

    #[test]
    fn what_keeps_an_image_from_being_built_is_marked() {
        for (build, message, marked) in [
            (
                "{context: ., dockerfile: Nofile}",
                "service `a` is built from `Nofile`, which does not exist",
                "Nofile",
            ),
            (
                ".",
                "service `a` is built from `Dockerfile`, which does not exist",
                ".",
            ),
            (
                "./none",
                "the build context `none` of service `a` does not exist",
                "./none",
            ),
            (
                "{dockerfile_inline: FROM scratch AS one, target: two}",
                "service `a` builds the target `two`, but `a (dockerfile_inline)` has only `one`",
                "two",
            ),
            (
                "{dockerfile_inline: FROM scratch, additional_contexts: {x: ./none}}",
                "the context `x` of service `a` is the directory `none`, which does not exist",
                "./none",
            ),
            (
                "{dockerfile_inline: FROM scratch, additional_contexts: {x: 'oci-layout://b'}}",
                "the context `x` of service `a` is `oci-layout://b`, but OCI layouts on disk are not supported; load the image (`docker load`) and name it as `docker-image://NAME`",
                "'oci-layout://b'",
            ),
        ] {
            let text = format!("services:\n  a: {{build: {build}}}\n");
            let found = advice(&[("compose.yaml", &text)]);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].0, format!("image-unbuildable: {message}"));
            assert_eq!(found[0].1.as_deref(), Some(marked), "{build}");
        }
    }
}
