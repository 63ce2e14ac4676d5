use bollard_buildkit_proto::google::rpc;
use prost::Message;
use serde::Deserialize;
use tonic::{Code, Status};

use super::progress::Progress;
use crate::build::dockerfile::Dockerfile;
use crate::build::{BuildFailure, BuildRequest, Excerpt, FailureCause, ImageName, hints};

/// Wrappings of the engine that say nothing to a user.
const WRAPPINGS: [&str; 4] = [
    "failed to solve with frontend dockerfile.v0: ",
    "failed to create LLB definition: ",
    "failed to solve: ",
    "failed to compute cache key: ",
];

/// What newer engines attach to an error.
#[derive(Debug, Default, PartialEq)]
struct Details {
    exit_code: Option<i32>,
    /// Digest of the failed step.
    step: Option<String>,
    /// First and last line in the Dockerfile.
    lines: Option<(u32, u32)>,
}

#[derive(Deserialize)]
struct ExitDetail {
    #[serde(rename = "Code", default)]
    code: i32,
}

#[derive(Deserialize)]
struct VertexDetail {
    digest: String,
}

#[derive(Deserialize)]
struct SourceDetail {
    #[serde(default)]
    ranges: Vec<RangeDetail>,
}

#[derive(Deserialize)]
struct RangeDetail {
    start: LineDetail,
    end: LineDetail,
}

#[derive(Deserialize)]
struct LineDetail {
    #[serde(default)]
    line: u32,
}

impl Details {
    fn of(status: &Status) -> Details {
        let mut found = Details::default();
        let Ok(envelope) = rpc::Status::decode(status.details()) else {
            return found;
        };
        for detail in &envelope.details {
            // The type's name is the end of the address; the values are JSON.
            if detail.type_url.ends_with(".ExitMessage+json") {
                let exit = serde_json::from_slice::<ExitDetail>(&detail.value);
                found.exit_code = exit.ok().map(|exit| exit.code);
            } else if detail.type_url.ends_with(".Vertex+json") {
                let vertex = serde_json::from_slice::<VertexDetail>(&detail.value);
                found.step = vertex.ok().map(|vertex| vertex.digest);
            } else if detail.type_url.ends_with(".Source+json")
                && let Ok(source) = serde_json::from_slice::<SourceDetail>(&detail.value)
            {
                let first = source.ranges.iter().map(|range| range.start.line).min();
                let last = source.ranges.iter().map(|range| range.end.line).max();
                found.lines = first.zip(last).filter(|(first, _)| *first > 0);
            }
        }
        found
    }
}

/// Says as much about a failed build as the engine lets know.
pub(super) fn failure(
    request: &BuildRequest,
    status: &Status,
    progress: &Progress,
) -> BuildFailure {
    let details = Details::of(status);
    let step = progress.failed(details.step.as_deref());
    let message = unwrapped(status.message());
    let exit_code = details
        .exit_code
        .or_else(|| exit_code(message))
        .or_else(|| exit_code(&step.as_ref()?.error));
    let cause = match (status.code(), exit_code) {
        (Code::Cancelled, _) => FailureCause::Cancelled,
        (Code::Unavailable, None) => FailureCause::Engine,
        (_, Some(exit_code)) => FailureCause::Command { exit_code },
        (_, None) if message.ends_with("context canceled") => FailureCause::Cancelled,
        (_, None) => FailureCause::Step,
    };
    let mut failure = BuildFailure::new(&request.image, cause, message);
    let name = step.as_ref().map(|step| step.name.as_str());
    let file = &request.dockerfile;
    failure.excerpt = details
        .lines
        .or_else(|| parse_error_line(message))
        .or_else(|| lines_of_step(&file.text, request, name?))
        .or_else(|| lines_of_image(request, &ImageName::asked_for(message)?))
        .and_then(|(first, last)| Excerpt::cut(&file.shown_as, &file.text, first, last));
    if let Some(step) = step {
        failure.step = Some(step.name);
        failure.last_output = step.last_output;
    }
    failure.hints = hints(request, &failure);
    failure
}

fn unwrapped(message: &str) -> &str {
    let mut message = message;
    while let Some(inner) = WRAPPINGS
        .iter()
        .find_map(|wrapping| message.strip_prefix(wrapping))
    {
        message = inner;
    }
    // `failed to calculate checksum of ref ID::ID: "/path": not found`
    let checked = message
        .strip_prefix("failed to calculate checksum of ref ")
        .and_then(|rest| rest.split_once(": "));
    checked.map_or(message, |(_, inner)| inner)
}

/// `.. exit code: 3`
fn exit_code(message: &str) -> Option<i32> {
    let (_, after) = message.rsplit_once("exit code: ")?;
    let end = after
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(after.len());
    after[..end].parse().ok()
}

/// `dockerfile parse error line 2: ..`, in newer engines `.. on line 2: ..`
fn parse_error_line(message: &str) -> Option<(u32, u32)> {
    let (_, after) = message.split_once("parse error ")?;
    let after = after.strip_prefix("on ").unwrap_or(after);
    let (number, _) = after.strip_prefix("line ")?.split_once(':')?;
    let line = number.parse().ok()?;
    Some((line, line))
}

/// Where a step comes from, by its name: `[dev 2/7] RUN ..`, `[linux/arm64 dev 2/7] ..` or
/// `[internal] load metadata for image`.
fn lines_of_step(text: &str, request: &BuildRequest, name: &str) -> Option<(u32, u32)> {
    let dockerfile = Dockerfile::parse(text).ok()?;
    if let Some((_, image)) = name.split_once("load metadata for ") {
        return lines_of_image(request, &ImageName::normal(image));
    }
    let (place, rest) = name.strip_prefix('[')?.split_once(']')?;
    let words: Vec<&str> = place.split_whitespace().collect();
    let (position, stage) = words.split_last()?;
    let number: usize = position.split_once('/')?.0.parse().ok()?;
    let stage = stage.last().filter(|stage| !stage.contains('/')).copied();
    let instruction = dockerfile.step(stage, number)?;
    rest.trim_start()
        .to_ascii_uppercase()
        .starts_with(&instruction.keyword)
        .then_some(instruction.lines)
}

/// Where an image is named.
fn lines_of_image(request: &BuildRequest, image: &ImageName) -> Option<(u32, u32)> {
    let dockerfile = Dockerfile::parse(&request.dockerfile.text).ok()?;
    let references = dockerfile.references(request.target.as_deref(), &request.arguments);
    let mut names = references.iter();
    let reference = names.find(|reference| ImageName::normal(&reference.name) == *image)?;
    Some(reference.lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::DockerfileText;
    use bollard_buildkit_proto::google::protobuf::Any;
    use bollard_buildkit_proto::google::protobuf::Timestamp;
    use bollard_buildkit_proto::moby::buildkit::v1::{StatusResponse, Vertex};

    const TEXT: &str = "FROM debian AS one\nRUN a\nFROM one AS two\nRUN b; \\\n  exit 3\n";

    fn request() -> BuildRequest {
        BuildRequest {
            image: "app".to_owned(),
            dockerfile: DockerfileText {
                shown_as: "docker/Dockerfile".to_owned(),
                text: TEXT.to_owned(),
                ignore: None,
            },
            ..BuildRequest::default()
        }
    }

    fn failed_step(name: &str, error: &str) -> Progress {
        let mut progress = Progress::default();
        progress.read(StatusResponse {
            vertexes: vec![Vertex {
                digest: "sha256:1".to_owned(),
                name: name.to_owned(),
                error: error.to_owned(),
                completed: Some(Timestamp::default()),
                ..Vertex::default()
            }],
            ..StatusResponse::default()
        });
        progress
    }

    #[test]
    fn reads_what_20_10_says() {
        let error = "executor failed running [/bin/sh -c b;   exit 3]: exit code: 3";
        let progress = failed_step("[two 1/1] RUN b;   exit 3", error);
        let failure = failure(&request(), &Status::unknown(error), &progress);
        assert_eq!(failure.cause, FailureCause::Command { exit_code: 3 });
        let excerpt = failure.excerpt.unwrap();
        assert_eq!(excerpt.lines, (4, 5));
        assert_eq!(excerpt.instruction.as_deref(), Some("RUN"));
    }

    #[test]
    fn reads_what_newer_engines_attach() {
        let detail = |name: &str, value: &str| Any {
            type_url: format!("github.com/moby/buildkit/errdefs.{name}+json"),
            value: value.as_bytes().to_vec(),
        };
        let envelope = rpc::Status {
            code: 2,
            message: "failed".to_owned(),
            details: vec![
                detail("Stack", "{}"),
                detail(
                    "Source",
                    r#"{"ranges":[{"start":{"line":4},"end":{"line":4}},{"start":{"line":5},"end":{"line":5}}]}"#,
                ),
                detail("Vertex", r#"{"digest":"sha256:1"}"#),
                detail("ExitMessage", r#"{"Code":3}"#),
            ],
        };
        let status = Status::with_details(Code::Unknown, "failed", envelope.encode_to_vec().into());
        let progress = failed_step("[two 1/1] RUN b", "did not complete");
        let failure = failure(&request(), &status, &progress);
        assert_eq!(failure.exit_code(), Some(3));
        assert_eq!(failure.step.as_deref(), Some("[two 1/1] RUN b"));
        assert_eq!(failure.excerpt.unwrap().lines, (4, 5));
    }

    #[test]
    fn ids_of_the_engine_say_nothing() {
        let message = "failed to solve: failed to compute cache key: failed to calculate checksum of ref a-1::b2: \"/x\": not found";
        assert_eq!(unwrapped(message), "\"/x\": not found");
    }

    #[test]
    fn finds_lines_without_a_step() {
        let message = "failed to solve with frontend dockerfile.v0: failed to create LLB definition: dockerfile parse error line 2: Unknown flag: foo";
        let failure = failure(&request(), &Status::unknown(message), &Progress::default());
        assert_eq!(
            failure.message,
            "dockerfile parse error line 2: Unknown flag: foo"
        );
        assert_eq!(failure.excerpt.unwrap().lines, (2, 2));
        let message = "failed to load cache key: failed to do request: Head \"https://registry-1.docker.io/v2/library/debian/manifests/latest\": dial tcp: no such host";
        let failure = self::failure(&request(), &Status::unknown(message), &Progress::default());
        assert_eq!(failure.excerpt.unwrap().lines, (1, 1));
        assert!(failure.hints[0].contains("`debian:latest` is not on this engine"));
        let metadata = "[internal] load metadata for docker.io/library/debian:latest";
        assert_eq!(lines_of_step(TEXT, &request(), metadata), Some((1, 1)));
    }
}
