use super::record::LayerRecord;
use crate::build::ImageGraph;
use crate::build::dockerfile::Instruction;
use crate::image::BaseImage;

/// The layers of an image, with what made each and the line of the project's Dockerfiles that says so. `image`: its key
/// in the graph; the Dockerfiles of the images below are looked through as well.
pub fn layers(base: &BaseImage, graph: &ImageGraph, image: Option<&str>) -> Vec<LayerRecord> {
    let files: Vec<(&str, &[Instruction])> = image
        .map(|image| graph.dag.closure(&[image.to_owned()]))
        .unwrap_or_default()
        .iter()
        .filter_map(|key| graph.images.get(key)?.dockerfile.as_ref())
        .map(|file| (file.shown_as.as_str(), file.parsed.instructions.as_slice()))
        .collect();
    base.layers
        .iter()
        .enumerate()
        .map(|(number, digest)| {
            let step = base.history.iter().find(|step| step.layer == Some(number));
            let created_by = step.map(|step| step.created_by.clone()).unwrap_or_default();
            LayerRecord {
                digest: digest.clone(),
                size: step.map_or(0, |step| step.size),
                line: line_of(&created_by, &files),
                created_by: readable(&created_by),
            }
        })
        .collect()
}

/// What an image's history says, on one line and without what the builder adds.
fn readable(created_by: &str) -> String {
    let text = created_by.trim_end_matches("# buildkit").trim();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn line_of(created_by: &str, files: &[(&str, &[Instruction])]) -> Option<String> {
    let text = readable(created_by);
    let text = text
        .strip_prefix("/bin/sh -c #(nop) ")
        .unwrap_or(&text)
        .trim();
    let (keyword, rest) = text.split_once(' ')?;
    let wanted = match keyword {
        "RUN" => squeezed(
            rest.split_once("/bin/sh -c ")
                .map_or(rest, |(_, rest)| rest),
        ),
        _ => squeezed_arguments(rest),
    };
    if wanted.is_empty() {
        return None;
    }
    files.iter().find_map(|(path, instructions)| {
        let found = instructions.iter().find(|one| {
            one.keyword == keyword
                && match keyword {
                    "RUN" => squeezed(&one.rest) == wanted,
                    _ => squeezed_arguments(&one.rest) == wanted,
                }
        })?;
        Some(format!("{path}:{}", found.lines.0))
    })
}

/// Without what a Dockerfile may write in several ways.
fn squeezed(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && *c != '\\')
        .collect()
}

/// As [`squeezed`], without the flags that the history may leave out.
fn squeezed_arguments(text: &str) -> String {
    let words = text.split_whitespace();
    let words: Vec<&str> = words.filter(|word| !word.starts_with("--")).collect();
    squeezed(&words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::dockerfile::Dockerfile;

    #[test]
    fn steps_are_found_in_the_dockerfile() {
        let text = "FROM x\nARG UID\nRUN --mount=type=cache,target=/c \\\n    apt-get update \\\n && true\nCOPY --chown=1:1 a b /srv/\nWORKDIR /srv\n";
        let parsed = Dockerfile::parse(text).unwrap();
        let files = [("images/app/Dockerfile", parsed.instructions.as_slice())];
        for (created_by, line) in [
            (
                "RUN |1 UID=5 /bin/sh -c apt-get update  && true # buildkit",
                Some(3),
            ),
            ("RUN /bin/sh -c apt-get update  && true # buildkit", Some(3)),
            ("COPY a b /srv/ # buildkit", Some(6)),
            ("COPY --chown=1:1 a b /srv/ # buildkit", Some(6)),
            ("WORKDIR /srv", Some(7)),
            ("RUN /bin/sh -c other # buildkit", None),
            ("", None),
        ] {
            let expected = line.map(|line| format!("images/app/Dockerfile:{line}"));
            assert_eq!(line_of(created_by, &files), expected, "{created_by}");
        }
    }
}
