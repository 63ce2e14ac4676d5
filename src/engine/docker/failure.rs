use bollard::errors::Error;

use crate::engine::{EngineError, ErrorKind};

/// What went wrong, as bollard reports it, in wharf's terms. `action`: what was tried, such as ``start container `x` ``.
pub(super) fn engine_error(action: &str, error: Error) -> EngineError {
    let (kind, words) = match &error {
        Error::DockerResponseServerError {
            status_code,
            message,
        } => (kind_of(*status_code, message), sentence(message)),
        Error::DockerStreamError { error } => (kind_of(0, error), sentence(error)),
        Error::RequestTimeoutError => (
            ErrorKind::Interrupted,
            "the engine did not answer in time".to_owned(),
        ),
        Error::HyperLegacyError { err } if err.is_connect() => {
            (ErrorKind::Unreachable, deepest(&error))
        }
        Error::HyperLegacyError { .. } | Error::HyperResponseError { .. } => (
            ErrorKind::Unreachable,
            format!("the connection to the engine broke: {}", deepest(&error)),
        ),
        Error::IOError { err } => match own(err) {
            Some(kind) => (kind, deepest(&error)),
            None => (ErrorKind::Unreachable, deepest(&error)),
        },
        other => (ErrorKind::Other, other.to_string()),
    };
    EngineError::new(kind, message(action, kind, &words)).because(error)
}

/// An error of the caller's own stream, not of the engine's.
fn own(error: &std::io::Error) -> Option<ErrorKind> {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<EngineError>())
        .map(|inner| inner.kind)
}

fn message(action: &str, kind: ErrorKind, words: &str) -> String {
    let advice = if words.contains("address pool") && words.contains("subnetted")
        || words.contains("non-overlapping IPv4 address pool")
    {
        "; `docker network ls` shows networks that can be removed"
    } else {
        ""
    };
    match kind {
        ErrorKind::PortTaken => match port(words) {
            Some(port) => {
                format!("cannot {action}: host port {port} is already taken ({words})")
            }
            None => format!("cannot {action}: a host port is already taken ({words})"),
        },
        ErrorKind::NoSpace => {
            format!("cannot {action}: no space is left on the engine's disk ({words})")
        }
        _ => match not_run(words) {
            Some(reason) => format!("cannot {action}: {reason} ({words})"),
            None => format!("cannot {action}: {words}{advice}"),
        },
    }
}

/// Why the runtime could not run a container's program, where that stands at the end of a long chain: what the command
/// names is not there, or is no program.
fn not_run(words: &str) -> Option<String> {
    let (_, exec) = words.split_once("exec: \"")?;
    let (program, reason) = exec.split_once("\": ")?;
    let says = |word: &str| reason.contains(word);
    if says("executable file not found") || says("no such file or directory") {
        Some(format!("there is no program `{program}` in it"))
    } else if says("permission denied") {
        Some(format!("`{program}` in it may not be executed"))
    } else if says("is a directory") {
        Some(format!("`{program}` in it is a directory, not a program"))
    } else if says("exec format error") {
        Some(format!(
            "`{program}` in it is made for another processor, or is a script without its first line `#!`"
        ))
    } else {
        None
    }
}

/// The kind that a status and the engine's words mean; status 0: an error inside of a stream.
fn kind_of(status: u16, message: &str) -> ErrorKind {
    let says = |words: &[&str]| {
        let message = message.to_ascii_lowercase();
        words.iter().any(|word| message.contains(word))
    };
    if says(&["no space left on device", "disk quota exceeded"]) {
        return ErrorKind::NoSpace;
    }
    if says(&[
        "port is already allocated",
        "address already in use",
        "failed to bind host port",
        "failed to bind port",
    ]) {
        return ErrorKind::PortTaken;
    }
    if says(&["client version", "requires api version"])
        && says(&["too new", "too old", "requires api version"])
    {
        return ErrorKind::Unsupported;
    }
    if status != 404
        && says(&[
            "unauthorized",
            "authentication required",
            "no basic auth credentials",
            "requested access to the resource is denied",
            "incorrect username or password",
        ])
    {
        return ErrorKind::Unauthorized;
    }
    if says(&[
        "has active endpoints",
        "already exists in network",
        "is already in use",
        "pool overlaps with other one",
        "network with name",
    ]) && !says(&["not found"])
    {
        return ErrorKind::Conflict;
    }
    match status {
        400 => ErrorKind::BadRequest,
        401 => ErrorKind::Unauthorized,
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        501 => ErrorKind::Unsupported,
        _ if says(&["manifest unknown", "not found", "no such image"]) => ErrorKind::NotFound,
        _ => ErrorKind::Other,
    }
}

/// The host port that an engine's complaint is about.
fn port(words: &str) -> Option<u16> {
    words
        .split(|c: char| c.is_whitespace() || c == '/' || c == ',')
        .find_map(|word| {
            let word = word.trim_end_matches([':', '.', ')']);
            let (address, port) = word.rsplit_once(':')?;
            let port = port.parse().ok()?;
            let is_address = address.is_empty()
                || address.parse::<std::net::Ipv4Addr>().is_ok()
                || address.starts_with('[');
            is_address.then_some(port)
        })
}

/// The engine's words without the frame that its API puts around them.
fn sentence(message: &str) -> String {
    let message = message.trim();
    let message = message
        .strip_prefix("Error response from daemon: ")
        .unwrap_or(message);
    if message.is_empty() {
        "the engine gives no reason".to_owned()
    } else {
        message.trim_end_matches('.').to_owned()
    }
}

/// The innermost cause, which names what happened.
fn deepest(error: &Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status_code: u16, message: &str) -> EngineError {
        engine_error(
            "start container `web`",
            Error::DockerResponseServerError {
                status_code,
                message: message.to_owned(),
            },
        )
    }

    #[test]
    fn a_taken_port_is_named() {
        for words in [
            "driver failed programming external connectivity on endpoint web (abc): Bind for 0.0.0.0:8080 failed: port is already allocated",
            "driver failed programming external connectivity on endpoint web (abc): Error starting userland proxy: listen tcp4 0.0.0.0:8080: bind: address already in use",
            "failed to set up container networking: driver failed programming external connectivity on endpoint web (abc): failed to bind host port 0.0.0.0:8080/tcp: address already in use",
            "Bind for :::8080 failed: port is already allocated: listen tcp6 [::]:8080: bind",
        ] {
            let error = error(500, words);
            assert_eq!(error.kind, ErrorKind::PortTaken, "{words}");
            assert!(
                error
                    .message
                    .starts_with("cannot start container `web`: host port 8080 is already taken"),
                "{error}"
            );
        }
    }

    #[test]
    fn kinds_follow_status_and_words() {
        for (status, words, kind) in [
            (404, "No such container: x", ErrorKind::NotFound),
            (
                404,
                "pull access denied for x, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
                ErrorKind::NotFound,
            ),
            (
                403,
                "error while removing network: network x id 1 has active endpoints",
                ErrorKind::Conflict,
            ),
            (
                403,
                "endpoint with name a already exists in network b",
                ErrorKind::Conflict,
            ),
            (
                409,
                "network with name x already exists",
                ErrorKind::Conflict,
            ),
            (
                409,
                "remove v: volume is in use - [abc]",
                ErrorKind::Conflict,
            ),
            (
                500,
                "write /var/lib/x: no space left on device",
                ErrorKind::NoSpace,
            ),
            (
                400,
                "client version 1.53 is too new. Maximum supported API version is 1.41",
                ErrorKind::Unsupported,
            ),
            (400, "invalid mount config", ErrorKind::BadRequest),
            (
                500,
                "Get https://r/v2/: unauthorized: authentication required",
                ErrorKind::Unauthorized,
            ),
            (
                0,
                "manifest for x:1 not found: manifest unknown",
                ErrorKind::NotFound,
            ),
            (500, "boom", ErrorKind::Other),
        ] {
            assert_eq!(error(status, words).kind, kind, "{words}");
        }
    }

    #[test]
    fn a_missing_program_is_named() {
        for (words, reason) in [
            (
                "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"serve\": executable file not found in $PATH: unknown",
                "there is no program `serve` in it",
            ),
            (
                "OCI runtime create failed: container_linux.go:380: starting container process caused: exec: \"/serve\": stat /serve: no such file or directory: unknown",
                "there is no program `/serve` in it",
            ),
            (
                "unable to start container process: exec: \"/etc\": is a directory: unknown",
                "`/etc` in it is a directory, not a program",
            ),
        ] {
            let error = error(400, words);
            let begin = format!("cannot start container `web`: {reason} (");
            assert!(error.message.starts_with(&begin), "{error}");
        }
    }

    #[test]
    fn an_empty_message_is_still_a_sentence() {
        assert_eq!(
            error(500, "").message,
            "cannot start container `web`: the engine gives no reason"
        );
    }
}
