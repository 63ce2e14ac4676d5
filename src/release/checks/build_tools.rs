use super::{Checked, Inspected};
use crate::image::Kind;

const CHECK: &str = "build-tools";
/// Where programs are found.
const DIRECTORIES: [&str; 2] = ["bin", "sbin"];

/// None of the programs that were declared is in the image.
pub(super) fn check(inspected: &Inspected<'_>) -> Checked {
    let names = &inspected.component.limits.build_tools;
    if names.is_empty() {
        return Checked::skipped(CHECK, "no program is declared unwanted");
    }
    let mut found = Vec::new();
    for (path, (layer, file)) in &inspected.tree.files {
        let Some((directory, name)) = path.rsplit_once('/') else {
            continue;
        };
        let is_program_path = directory
            .rsplit('/')
            .next()
            .is_some_and(|last| DIRECTORIES.contains(&last));
        if file.kind == Kind::Directory || !is_program_path || !is_one(name, names) {
            continue;
        }
        let line = inspected.steps.get(*layer);
        let line = line.and_then(|step| step.line.as_deref());
        found.push(match line {
            Some(line) => format!("/{path}, added by {line}"),
            None => format!("/{path}"),
        });
    }
    if found.is_empty() {
        return Checked::passed(CHECK, format!("none of {}", names.join(", ")));
    }
    Checked::failed(CHECK, "programs that only builds need are in the image").with(found)
}

/// `gcc`, `gcc-12` and `python3.11` are all programs of `gcc` and `python3`.
fn is_one(file: &str, names: &[String]) -> bool {
    names.iter().any(|name| {
        let Some(rest) = file.strip_prefix(name.as_str()) else {
            return false;
        };
        rest.is_empty()
            || rest.starts_with(['-', '.']) && rest[1..].starts_with(|c: char| c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::super::tests::Sample;
    use super::*;
    use crate::model::ReleaseLimits;

    #[test]
    fn a_declared_program_fails_unless_it_was_removed() {
        let limits = || ReleaseLimits {
            build_tools: vec!["gcc".into(), "npm".into()],
            ..ReleaseLimits::default()
        };
        let checked = |sample: Sample| sample.check(check);
        let failed = checked(Sample::new(limits()).files(&["usr/bin/gcc-12", "usr/bin/gccgo"]));
        assert_eq!(failed.verdict, Verdict::Failed);
        assert_eq!(failed.details, ["/usr/bin/gcc-12"]);
        let clean = Sample::new(limits()).files(&["usr/lib/gcc", "usr/bin/python3"]);
        assert_eq!(checked(clean).verdict, Verdict::Passed);
        let removed = Sample::new(limits())
            .files(&["usr/bin/npm"])
            .files(&["usr/bin/.wh.npm"]);
        assert_eq!(checked(removed).verdict, Verdict::Passed);
    }
}
