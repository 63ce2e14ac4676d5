use super::Subject;
use crate::diagnostic::{Diagnostic, Diagnostics};

/// Images that cannot be built: no Dockerfile, one that cannot be read, a stage or a service that is not there.
pub(super) fn check(subject: &Subject, found: &mut Diagnostics) {
    for image in subject.images.images.values() {
        for problem in &image.problems {
            let path = ["services", &image.key, "build"];
            found.push(
                Diagnostic::warning("image-unbuildable", problem.to_string())
                    .at(subject.place(&path), "cannot be built")
                    .help("`wharf build --check` looks at the Dockerfiles themselves"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::advice;

    #[test]
    fn a_dockerfile_that_is_not_there() {
        let text = "services:\n  a: {build: {context: ., dockerfile: Nofile}}\n";
        let found = advice(&[("compose.yaml", text)]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            found[0].0,
            "image-unbuildable: service `a` is built from `Nofile`, which does not exist"
        );
        assert_eq!(
            found[0].1.as_deref(),
            Some("{context: ., dockerfile: Nofile}")
        );
    }
}
