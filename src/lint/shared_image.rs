use indexmap::IndexMap;

use super::Subject;
use crate::build::{Image, ImageName};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Node, Span};

/// One name for images that are built in different ways: which of them it names depends on who was built last.
pub(super) fn check(subject: &Subject, found: &mut Diagnostics) {
    let mut first: IndexMap<ImageName, &Image> = IndexMap::new();
    for image in subject.images.images.values() {
        for name in &image.names {
            let other = *first.entry(ImageName::normal(name)).or_insert(image);
            if other.key == image.key {
                continue;
            }
            found.push(
                Diagnostic::warning(
                    "image-name-taken",
                    format!(
                        "services `{}` and `{}` are built differently and both give the image `{name}`",
                        other.key, image.key
                    ),
                )
                .at(named(subject, image, name), "the second build replaces the first")
                .because(named(subject, other, name), "the first build")
                .help("give each its own `image`, or make their `build` sections equal, so that the image is built once"),
            );
        }
    }
}

/// Where a service says that its image has this name.
fn named(subject: &Subject, image: &Image, name: &str) -> Span {
    let key = image.key.as_str();
    let service = ["services", key];
    let says = |node: &&Node| node.as_str() == Some(name);
    let tags = [
        &["services", key, "build", "tags"][..],
        &["services", key, "build", "x-bake", "tags"],
    ];
    subject
        .node(&["services", key, "image"])
        .filter(says)
        .or_else(|| {
            tags.into_iter()
                .filter_map(|path| subject.node(path)?.as_sequence())
                .flatten()
                .find(says)
        })
        .map_or_else(|| subject.key(&service), |node| node.span)
}

#[cfg(test)]
mod tests {
    use crate::lint::advice;

    #[test]
    fn different_builds_with_one_name() {
        let text = "services:\n  a: {image: x, build: {dockerfile_inline: FROM a}}\n  b: {image: x, build: {dockerfile_inline: FROM a}}\n  c: {image: y, build: {dockerfile_inline: FROM b, tags: ['x:latest']}}\n";
        let found = advice(&[("compose.yaml", text)]);
        assert_eq!(
            found,
            [(
                "image-name-taken: services `a` and `c` are built differently and both give the image `x:latest`".to_owned(),
                Some("'x:latest'".to_owned())
            )]
        );
    }
}
