use super::Subject;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::MountKind;

/// The caller's ids, as Dockerfiles usually call them.
const NAMES: [&str; 4] = ["UID", "GID", "USER_ID", "GROUP_ID"];

/// Images that bake a user's ids in although services mount the sources into them: only people with these ids can write there.
pub(super) fn check(subject: &Subject, found: &mut Diagnostics) {
    let project = &subject.resolved.project;
    for image in subject.images.images.values() {
        let Some(file) = &image.dockerfile else {
            continue;
        };
        let mounts = image
            .services
            .iter()
            .filter_map(|name| Some((name, project.services.get(name)?)))
            .find_map(|(name, service)| {
                let at = service.volumes.iter().position(|mount| {
                    mount.kind == MountKind::Bind
                        && !mount.read_only
                        && mount.source.as_deref().is_some_and(|source| {
                            project
                                .directory
                                .join(source)
                                .starts_with(&project.directory)
                        })
                })?;
                let mounts = subject.node(&["services", name, "volumes"])?;
                Some(mounts.as_sequence()?.get(at)?.span)
            });
        let Some(mount) = mounts else {
            continue;
        };
        let asked = file
            .parsed
            .instructions
            .iter()
            .filter(|instruction| instruction.keyword == "ARG")
            .find_map(|instruction| {
                let (name, value) = instruction.rest.split_once('=')?;
                let number = value.trim().trim_matches('"');
                let fixed = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
                (NAMES.contains(&name) && fixed && !image.build.args.contains_key(name))
                    .then(|| (name.to_owned(), number.to_owned(), instruction.lines.0))
            });
        let Some((name, value, line)) = asked else {
            continue;
        };
        let key = image.key.as_str();
        found.push(
            Diagnostic::warning(
                "identity-baked",
                format!("`{name}` is always {value} in the image of `{key}`, which writes into the project's directory"),
            )
            .at(subject.place(&["services", key, "build"]), format!("does not pass `{name}` on"))
            .because(mount, "mounted here")
            .note(format!("{}:{line} declares it", file.shown_as))
            .help(format!("add `args: {{{name}: ${{{name}:-{value}}}}}` to `build`: wharf sets `{name}` to yours")),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::advice;

    #[test]
    fn ids_that_the_image_fixes() {
        let project = |args: &str, mount: &str| {
            let text = format!(
                "services:\n  app:\n    build: {{context: ., args: {args}}}\n    volumes: ['{mount}']\n"
            );
            advice(&[
                ("compose.yaml", &text),
                (
                    "Dockerfile",
                    "FROM x\nARG UID=1000\nRUN useradd -u $UID u\n",
                ),
            ])
        };
        let found = project("{}", "./src:/src");
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            found[0].0,
            "identity-baked: `UID` is always 1000 in the image of `app`, which writes into the project's directory"
        );
        assert_eq!(project("{UID: '7'}", "./src:/src"), []);
        assert_eq!(project("{}", "./src:/src:ro"), []);
        assert_eq!(project("{}", "/elsewhere:/src"), []);
    }
}
