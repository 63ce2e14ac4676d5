use super::dockerfile::{Dockerfile, Instruction, Reference};
use super::ignore::Patterns;
use super::{BuildFailure, BuildRequest, Context, ImageName};

/// What usually helps with a failure, most helpful first.
pub fn hints(request: &BuildRequest, failure: &BuildFailure) -> Vec<String> {
    if let Some(hint) = missing_base_hint(request, &failure.message, failure.step.as_deref()) {
        // What else the message says is about the way to the registry.
        return vec![hint];
    }
    let mut hints = Vec::new();
    hints.extend(missing_source(request, failure));
    hints.extend(newer_syntax(request, &failure.message));
    let everything = failure
        .last_output
        .iter()
        .chain([&failure.message])
        .map(|line| line.to_ascii_lowercase())
        .collect::<Vec<_>>();
    for (signs, advice) in SIGNS {
        let seen = everything
            .iter()
            .any(|line| signs.iter().any(|sign| line.contains(sign)));
        if seen {
            hints.push((*advice).to_owned());
        }
    }
    match failure.exit_code() {
        Some(127) if hints.is_empty() => hints.push(
            "exit code 127 means that a command does not exist in the image; install it in an earlier step"
                .to_owned(),
        ),
        Some(137) => hints.push(
            "exit code 137 means that the command was killed, most often because memory ran out".to_owned(),
        ),
        _ => {}
    }
    hints
}

/// Words that give the usual reasons away, in lower case.
const SIGNS: &[(&[&str], &str)] = &[
    (
        &["no space left on device"],
        "the engine's disk is full; `docker system df` shows what takes the space, `docker builder prune` frees the build cache",
    ),
    (
        &[
            "certificate verify failed",
            "certificate verification failed",
            "ssl certificate problem",
            "unable to get local issuer certificate",
            "self-signed certificate",
        ],
        "a proxy seems to replace certificates; hand the host's CA bundle to the step as a build secret (`RUN --mount=type=secret,id=..`)",
    ),
    (
        &[
            "temporary failure resolving",
            "temporary failure in name resolution",
            "could not resolve host",
            "could not resolve '",
            "getaddrinfo eai_again",
            "could not connect to",
            "connection timed out",
            "network is unreachable",
        ],
        "a package mirror cannot be reached from the build; check the engine's DNS and proxy settings, or set `build.network: host`",
    ),
    (
        &["hash sum mismatch", "404  not found", "404 not found"],
        "a package list is older than its mirror; run the update and the installation in one `RUN`, and build once with `--no-cache`",
    ),
    (
        &["no ssh agent `"],
        "the context is fetched with the keys of an ssh agent; start one with `eval $(ssh-agent)` and `ssh-add`",
    ),
    (
        &["is not allowed by build daemon configuration"],
        "the engine does not grant this to builds; its daemon.json allows it with `\"builder\": {\"entitlements\": {\"security-insecure\": true, \"network-host\": true}}`. A builder of buildx is made with `--buildkitd-flags '--allow-insecure-entitlement security.insecure'` for it",
    ),
    (
        &["exec format error", "no match for platform"],
        "the image is for another processor architecture than the engine's; set `platforms` or install emulation (`qemu-user-static`)",
    ),
];

/// `COPY` of something that is not there, or that the ignore file keeps out.
fn missing_source(request: &BuildRequest, failure: &BuildFailure) -> Option<String> {
    let message = &failure.message;
    let at = ["\": not found", "\" not found"]
        .iter()
        .filter_map(|sign| message.find(sign))
        .min()?;
    let before = &message[..at];
    let path = before.rsplit('"').next()?.trim_start_matches('/');
    if path.is_empty() {
        return None;
    }
    if let Some(source) = taken_from(request, failure) {
        return Some(match request.named_contexts.get(&source) {
            Some(Context::Directory(directory)) => format!(
                "there is no `{path}` in the context `{source}`, which is `{}`, or its own `.dockerignore` keeps it out",
                directory.display()
            ),
            _ => format!(
                "there is no `{path}` in `{source}`, which the instruction takes from; paths are those of that image, from its root on"
            ),
        });
    }
    if let Some(ignore) = &request.dockerfile.ignore
        && let Ok(patterns) = Patterns::from_file(&ignore.text)
        && let Some(pattern) = patterns.deciding(path)
        && !pattern.is_negated()
    {
        let line = pattern.line().unwrap_or_default();
        return Some(format!(
            "`{path}` is kept out of the build by `{}` in line {line} of `{}`; a later line `!{path}` takes it in",
            pattern.shown(),
            ignore.shown_as
        ));
    }
    match &request.context {
        Context::Directory(directory) => Some(format!(
            "there is no `{path}` in the build context `{}`; sources are relative to the context, not to the Dockerfile",
            directory.display()
        )),
        _ => None,
    }
}

/// The stage, image or named context that the failing instruction takes files from. `None`: the build context, or which
/// instruction failed is not known.
fn taken_from(request: &BuildRequest, failure: &BuildFailure) -> Option<String> {
    let (line, _) = failure.excerpt.as_ref()?.lines;
    let file = Dockerfile::parse(&request.dockerfile.text).ok()?;
    let failing = file
        .instructions
        .iter()
        .find(|one| (one.lines.0..=one.lines.1).contains(&line))?;
    let mut sources = Reference::of_instruction(failing).into_iter();
    sources.next().map(|source| source.name)
}

/// What the engine's own Dockerfile reader does not know, where the file asks for a newer one or holds a heredoc.
fn newer_syntax(request: &BuildRequest, message: &str) -> Option<String> {
    if !message.contains("parse error") {
        return None;
    }
    let file = Dockerfile::parse(&request.dockerfile.text).ok()?;
    let unknown = message.contains("unknown instruction");
    if unknown && file.instructions.iter().any(Instruction::has_heredoc) {
        return Some(
            "this engine's Dockerfile reader knows no heredocs (`<<EOF`), which came with Docker 23; write the lines as one `RUN` with `&& \\`, or copy a file"
                .to_owned(),
        );
    }
    let syntax = wanted_reader(request, message)?;
    Some(format!(
        "the line `# syntax={syntax}` is not followed: images are built with the reader that is part of the engine, which needs no registry"
    ))
}

/// The image that is to read the Dockerfile, as its `# syntax=` line says, where the builder's own reader has not understood
/// it. `None`: it names none, or something else failed.
/// <https://docs.docker.com/build/buildkit/frontend/>
pub fn wanted_reader(request: &BuildRequest, message: &str) -> Option<String> {
    let is_of_reader = message.contains("parse error");
    let file = Dockerfile::parse(&request.dockerfile.text).ok();
    file.filter(|_| is_of_reader)?.syntax
}

/// The base image that a build failed to find, by its familiar name. `None`: something else failed. `step`: the failed one.
pub fn missing_base(message: &str, step: Option<&str>) -> Option<String> {
    let after = |text: &str, sign: &str| {
        let rest = text.split_once(sign)?.1;
        let word = rest.split_whitespace().next()?;
        Some(word.trim_end_matches(':').to_owned())
    };
    let image = step
        .and_then(|step| after(step, "load metadata for "))
        .or_else(|| after(message, "failed to resolve source metadata for "))
        .or_else(|| Some(ImageName::asked_for(message)?.to_string()))?;
    let image = image
        .trim_start_matches("docker.io/library/")
        .trim_start_matches("docker.io/");
    Some(image.to_owned())
}

fn missing_base_hint(request: &BuildRequest, message: &str, step: Option<&str>) -> Option<String> {
    let image = missing_base(message, step)?;
    let lower = message.to_ascii_lowercase();
    let unreachable = [
        "no such host",
        "dial tcp",
        "timeout",
        "connection refused",
        "tls:",
    ];
    let platforms = match request.platforms.as_slice() {
        [] => String::new(),
        platforms => format!(" for {}", platforms.join(", ")),
    };
    Some(if unreachable.iter().any(|sign| lower.contains(sign)) {
        format!(
            "the base image `{image}` is not on this engine{platforms} and its registry cannot be reached; load it (`docker load`, `docker import`) or name it as a service of the project that wharf can build"
        )
    } else {
        format!(
            "the base image `{image}` is not on this engine{platforms}, and its registry does not give it out; check the name, or log in with `docker login`"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{DockerfileText, Excerpt, FailureCause, IgnoreText};

    fn request() -> BuildRequest {
        BuildRequest {
            context: Context::Directory("/p".into()),
            dockerfile: DockerfileText {
                ignore: Some(IgnoreText {
                    shown_as: ".dockerignore".to_owned(),
                    text: "# local\n*.env\n!keep.env".to_owned(),
                }),
                ..DockerfileText::default()
            },
            ..BuildRequest::default()
        }
    }

    fn hint(message: &str, step: Option<&str>, output: &[&str]) -> String {
        let mut failure = BuildFailure::new("app", FailureCause::Step, message);
        failure.step = step.map(str::to_owned);
        failure.last_output = output.iter().map(|line| (*line).to_owned()).collect();
        hints(&request(), &failure).join("\n")
    }

    #[test]
    fn the_usual_failures_have_a_hint() {
        for (message, step, output, expected) in [
            (
                "failed to compute cache key: \"/x.env\" not found: not found",
                None,
                &[][..],
                "line 2 of `.dockerignore`",
            ),
            (
                "failed to calculate checksum of ref a::b: \"/x.env\": not found",
                None,
                &[],
                "`*.env` in line 2",
            ),
            (
                "\"/keep.env\": not found",
                None,
                &[],
                "there is no `keep.env` in the build context `/p`",
            ),
            (
                "failed to do request: Head \"https://r.example/v2/\": dial tcp: no such host",
                Some("[internal] load metadata for docker.io/library/nosuch:image"),
                &[],
                "`nosuch:image` is not on this engine and its registry cannot be reached",
            ),
            (
                "failed to resolve source metadata for docker.io/me/x:1: pull access denied",
                None,
                &[],
                "`me/x:1` is not on this engine, and its registry does not give it out",
            ),
            (
                "exit code: 1",
                None,
                &["write /a: No space left on device"],
                "disk is full",
            ),
            (
                "exit code: 100",
                None,
                &["Err:1 x", "  Temporary failure resolving 'm.example'"],
                "package mirror",
            ),
            (
                "exit code: 1",
                None,
                &["SSL: CERTIFICATE_VERIFY_FAILED certificate verify failed"],
                "CA bundle",
            ),
            ("exec /bin/sh: exec format error", None, &[], "architecture"),
        ] {
            let hint = hint(message, step, output);
            assert!(hint.contains(expected), "{message}: {hint}");
        }
        assert_eq!(hint("exit code: 1", Some("RUN false"), &["no idea"]), "");
    }

    #[test]
    fn a_missing_base_is_the_only_thing_to_say() {
        let message = "failed to load cache key: failed to do request: Head \"https://registry-1.docker.io/v2/library/tool/manifests/latest\": dial tcp: network is unreachable";
        let mut wanted = request();
        wanted.platforms = vec!["linux/arm64".to_owned()];
        let failure = BuildFailure::new("app", FailureCause::Step, message);
        let found = hints(&wanted, &failure);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("`tool:latest` is not on this engine for linux/arm64"));
    }

    #[test]
    fn files_of_another_context_are_not_sought_in_this_one() {
        let text = "FROM a\nCOPY --from=x tool.env /x\nRUN --mount=from=img,source=tool.env,target=/t x\nCOPY tool.env /x";
        let mut request = request();
        request.dockerfile.text = text.to_owned();
        let directory = Context::Directory("/p/sub".into());
        request.named_contexts.insert("x".to_owned(), directory);
        let told = |line| {
            let message = "failed to compute cache key: \"/tool.env\": not found";
            let mut failure = BuildFailure::new("app", FailureCause::Step, message);
            failure.excerpt = Excerpt::cut("Dockerfile", text, line, line);
            hints(&request, &failure).join(" ")
        };
        assert!(
            told(2).starts_with("there is no `tool.env` in the context `x`, which is `/p/sub`")
        );
        assert!(told(3).starts_with("there is no `tool.env` in `img`"));
        assert!(told(4).contains("line 2 of `.dockerignore`"));
    }

    #[test]
    fn what_the_reader_does_not_know_is_said() {
        let told = |text: &str, message: &str| {
            let mut request = request();
            request.dockerfile.text = text.to_owned();
            let failure = BuildFailure::new("app", FailureCause::Step, message);
            hints(&request, &failure).join(" ")
        };
        let unknown = "dockerfile parse error line 3: unknown instruction: TRUE";
        assert!(told("FROM a\nRUN <<EOF\ntrue\nEOF", unknown).contains("no heredocs"));
        assert!(told("# syntax=x/y:1\nFROM a\nTRUE", unknown).contains("`# syntax=x/y:1` is not"));
        assert_eq!(told("FROM a\nTRUE", unknown), "");
    }
}
