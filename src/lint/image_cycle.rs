use super::place;
use crate::build::{ImageCycle, ParentBy};
use crate::diagnostic::Diagnostic;
use crate::resolve::Resolved;

/// Images that are built from each other in a circle, each need marked where the files say so.
pub fn image_cycle(resolved: &Resolved, cycle: &ImageCycle) -> Diagnostic {
    let mut finding = Diagnostic::error(
        "image-cycle",
        format!("images are built from each other: {}", cycle.path()),
    );
    for (at, need) in cycle.0.iter().enumerate() {
        let build = ["services", &need.image, "build"];
        let span = match &need.by {
            Some(ParentBy::Context(name)) => {
                let own = [&build[..], &["additional_contexts", name]].concat();
                let baked = [&build[..], &["x-bake", "contexts", name]].concat();
                let places = [&own[..], &baked, &build].map(|path| place(resolved, path));
                places.into_iter().find(|span| span.is_some())
            }
            _ => Some(place(resolved, &build)),
        };
        let span = span.unwrap_or(crate::source::Span::NONE);
        let text = need.to_string();
        finding = match at {
            0 => finding.at(span, text),
            _ => finding.because(span, text),
        };
    }
    finding.help("let one of them start from an image outside of the circle")
}

#[cfg(test)]
mod tests {
    use crate::lint::advice;

    #[test]
    fn every_need_of_a_circle_is_marked() {
        let text = "services:
  a: {image: a, build: {dockerfile_inline: FROM b}}
  b: {image: b, build: {dockerfile_inline: FROM base, additional_contexts: {base: 'service:a'}}}
";
        let found = advice(&[("compose.yaml", text)]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            found[0].0,
            "image-cycle: images are built from each other: `a` -> `b` -> `a`"
        );
        assert_eq!(found[0].1.as_deref(), Some("{dockerfile_inline: FROM b}"));
    }
}
