use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::ImageName;
use super::dockerfile::{Dockerfile, DockerfileError, Reference, ReferenceKind};

/// Replaces names of contexts in a Dockerfile by images, for frontends that know no named contexts. Lines stay where they
/// are, so that messages about the result hold for the original.
pub fn with_images(
    text: &str,
    platforms: &[String],
    arguments: &IndexMap<String, String>,
    images: &IndexMap<String, String>,
) -> Result<String, DockerfileError> {
    rewritten(text, platforms, arguments, |reference| {
        let name = &reference.name;
        let image = images.get(name);
        image.or_else(|| images.get(ImageName::normal(name).familiar()))
    })
}

/// Replaces what a Dockerfile takes in, other than stages of its own, by other names for it: those that
/// `replacement` has. Lines stay where they are.
pub fn with_other_names(
    text: &str,
    platforms: &[String],
    arguments: &IndexMap<String, String>,
    replacement: &BTreeMap<ImageName, String>,
) -> Result<String, DockerfileError> {
    rewritten(text, platforms, arguments, |reference| {
        let is_image = reference.stage.is_none();
        let name = is_image.then(|| ImageName::normal(&reference.name))?;
        replacement.get(&name)
    })
}

fn rewritten<'r>(
    text: &str,
    platforms: &[String],
    arguments: &IndexMap<String, String>,
    replacement: impl Fn(&Reference) -> Option<&'r String>,
) -> Result<String, DockerfileError> {
    let mut dockerfile = Dockerfile::parse(text)?;
    dockerfile.platforms = platforms.to_vec();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for reference in dockerfile.all_references(arguments) {
        if let Some(image) = replacement(&reference) {
            replace(&mut lines, &reference, image);
        }
    }
    let mut rewritten = lines.join("\n");
    rewritten.push('\n');
    Ok(rewritten)
}

/// Replaces the first place in the reference's lines where it is used as what it is.
fn replace(lines: &mut [String], reference: &Reference, image: &str) {
    let first = reference.lines.0.saturating_sub(1) as usize;
    let last = (reference.lines.1 as usize).min(lines.len());
    let before = match reference.kind {
        ReferenceKind::From => "",
        ReferenceKind::Copy => "--from=",
        ReferenceKind::Mount => "from=",
    };
    let needle = format!("{before}{}", reference.written);
    for line in lines.iter_mut().take(last).skip(first) {
        let place = line.match_indices(&needle).find(|(at, found)| {
            let starts = line[..*at].chars().next_back().is_none_or(is_edge);
            let ends = line[at + found.len()..].chars().next().is_none_or(is_edge);
            starts && ends
        });
        if let Some((at, found)) = place {
            let range = at + before.len()..at + found.len();
            line.replace_range(range, image);
            return;
        }
    }
}

fn is_edge(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | '=' | '"' | '\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str) -> String {
        let owned = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        with_images(
            text,
            &[],
            &owned(&[("BASE", "base")]),
            &owned(&[("base", "p-base:1"), ("debian:12", "mine")]),
        )
        .unwrap()
    }

    #[test]
    fn names_become_images_where_they_are_references() {
        for (text, expected) in [
            (
                "FROM base\nRUN base --from=base",
                "FROM p-base:1\nRUN base --from=base",
            ),
            (
                "FROM --platform=linux/amd64 base AS base\nFROM base",
                "FROM --platform=linux/amd64 p-base:1 AS base\nFROM p-base:1",
            ),
            ("FROM docker.io/library/debian:12", "FROM mine"),
            ("ARG BASE\nFROM ${BASE}", "ARG BASE\nFROM p-base:1"),
            (
                "FROM x\nCOPY --chown=1 --from=base base /base",
                "FROM x\nCOPY --chown=1 --from=p-base:1 base /base",
            ),
            (
                "FROM x\nCOPY --from=base-two a b",
                "FROM x\nCOPY --from=base-two a b",
            ),
            (
                "FROM x\nRUN --mount=type=bind,from=base,target=/b \\\n  y",
                "FROM x\nRUN --mount=type=bind,from=p-base:1,target=/b \\\n  y",
            ),
            ("ARG BASE\nFROM \"$BASE\"", "ARG BASE\nFROM p-base:1"),
            ("FROM \\\n  base", "FROM \\\n  p-base:1"),
            (
                "FROM base AS a\nFROM x\nCOPY --from=a / /",
                "FROM p-base:1 AS a\nFROM x\nCOPY --from=a / /",
            ),
        ] {
            assert_eq!(rewritten(text), format!("{expected}\n"), "{text}");
        }
    }
}
