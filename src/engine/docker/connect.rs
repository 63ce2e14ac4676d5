use std::time::Duration;

use bollard::{ClientVersion, Docker};
use http::HeaderMap;
use serde::Deserialize;

use super::DockerEngine;
use super::address::Address;
use super::config_file::ConfigFile;
use super::context::{Candidate, at_endpoint, candidates};
use super::dialer::Dialer;
use super::wire::{Call, Wire};
use crate::engine::{ApiVersion, EngineError, EngineInfo, EngineResult, ErrorKind};
use crate::load::Environment;

/// The newest API version that wharf knows.
const NEWEST: ApiVersion = ApiVersion(1, 53);
const GREETING_ACTION: &str = "ask the engine for its version";
/// How long an engine may take to say who it is.
const GREETING: Duration = Duration::from_secs(30);
/// How long an engine may take for a call that ought to be quick.
const QUICK: Duration = Duration::from_secs(600);
/// For calls that take as long as they take: a stop with a long grace, a commit of a large container.
const PATIENT: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// What an engine says of itself in the headers of `GET /_ping`, which costs it nothing, where `GET /version` makes it run three
/// programs for theirs.
/// <https://docs.docker.com/reference/api/engine/version/v1.47/#tag/System/operation/SystemPing>
struct Greeting {
    /// The product's version; empty where the engine does not say.
    version: String,
    api_version: String,
    operating_system: String,
    podman: bool,
}

impl Greeting {
    fn of(headers: &HeaderMap) -> Greeting {
        let word = |name| headers.get(name).and_then(|value| value.to_str().ok());
        // `Docker/26.1.5 (linux)`
        let server = word("server").and_then(|server| server.split_whitespace().next());
        let version = server.and_then(|product| product.split_once('/'));
        Greeting {
            version: version.map_or("", |(_, version)| version).to_owned(),
            api_version: word("api-version").unwrap_or_default().to_owned(),
            operating_system: word("ostype").unwrap_or_default().to_owned(),
            podman: headers.contains_key("libpod-api-version"),
        }
    }
}

/// What wharf reads of `GET /version`.
/// <https://docs.docker.com/reference/api/engine/version/v1.47/#tag/System/operation/SystemVersion>
#[derive(Deserialize)]
struct Versions {
    #[serde(rename = "MinAPIVersion", default)]
    min_api_version: String,
}

/// Connects to the engine that the environment names, with a single call to it unless it is newer than wharf.
///
/// `context`: a Docker context by name; `None`: `DOCKER_HOST`, else `DOCKER_CONTEXT`, else the current context of
/// `config.json`, else the sockets where engines usually listen, the first that answers.
///
/// [`EngineInfo::architecture`], [`EngineInfo::id`] and [`EngineInfo::containerd_store`] are not known yet: see [`DockerEngine::with_details`].
///
/// # Errors
/// [`ErrorKind::Unreachable`] when no engine answers, with all that was tried; [`ErrorKind::Unsupported`] when the
/// engine is too old or the version in `DOCKER_API_VERSION` is not one.
pub async fn connect(
    environment: &Environment,
    context: Option<&str>,
) -> EngineResult<DockerEngine> {
    connect_to_one(environment, candidates(environment, context)?).await
}

/// Connects to the engine that a builder's record names: a Docker context or an address.
///
/// # Errors
/// As [`connect`].
pub(super) async fn connect_to_endpoint(
    environment: &Environment,
    endpoint: &str,
) -> EngineResult<DockerEngine> {
    connect_to_one(environment, at_endpoint(environment, endpoint)?).await
}

/// The first that answers.
async fn connect_to_one(
    environment: &Environment,
    candidates: Vec<Candidate>,
) -> EngineResult<DockerEngine> {
    let asked = asked_version(environment)?;
    let mut tried = Vec::new();
    for candidate in candidates {
        match greet(environment, &candidate, asked).await {
            Ok(engine) => return Ok(engine),
            Err(error) if error.kind == ErrorKind::Unsupported => return Err(error),
            Err(error) => tried.push((candidate, error)),
        }
    }
    Err(unreachable(&tried))
}

fn asked_version(environment: &Environment) -> EngineResult<Option<ApiVersion>> {
    environment
        .get("DOCKER_API_VERSION")
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(|text| text.trim_start_matches('v').parse())
        .transpose()
        .map_err(|message: String| {
            EngineError::new(
                ErrorKind::Unsupported,
                format!("DOCKER_API_VERSION: {message}"),
            )
        })
}

async fn greet(
    environment: &Environment,
    candidate: &Candidate,
    asked: Option<ApiVersion>,
) -> EngineResult<DockerEngine> {
    let unreachable = |why: String| EngineError::new(ErrorKind::Unreachable, why);
    let dialer = Dialer::new(candidate, environment).map_err(unreachable)?;
    let wire = Wire::new(&dialer);
    let asking = wire.headers(GREETING_ACTION, Call::get("/_ping"));
    let greeting = match tokio::time::timeout(GREETING, asking).await {
        Ok(Ok(headers)) => Greeting::of(&headers),
        Ok(Err(error)) => return Err(with_last_words(&dialer, error).await),
        Err(_) => {
            return Err(unreachable(format!(
                "no answer within {} s",
                GREETING.as_secs()
            )));
        }
    };
    let api = negotiate(&greeting, asked)?;
    if asked.is_none() && greeting.api_version != api.to_string() {
        // Newer than wharf: it may have forgotten what wharf speaks.
        let versions = Call::get("/version");
        must_still_speak(api, &greeting, wire.value(GREETING_ACTION, versions).await?)?;
    }
    let wire = wire.speaking(api);
    let version = ClientVersion {
        major_version: api.0.into(),
        minor_version: api.1.into(),
    };
    let docker = Docker::connect_with_custom_transport(
        {
            let wire = wire.clone();
            move |request| wire.deliver(request)
        },
        Some(wire.base()),
        QUICK.as_secs(),
        &version,
    )
    .map_err(|error| super::failure::engine_error("talk to the engine", error))?;
    let address = candidate.address.to_string();
    Ok(DockerEngine {
        proxies: ConfigFile::read(environment)
            .map(|config| config.proxies_of(&address))
            .map_err(|error| error.to_string()),
        info: EngineInfo {
            address,
            version: greeting.version,
            api,
            operating_system: greeting.operating_system,
            architecture: String::new(),
            id: String::new(),
            podman: greeting.podman,
            containerd_store: false,
        },
        patient: docker.clone().with_timeout(PATIENT),
        docker,
        wire,
        dialer,
    })
}

/// The newest version that both sides know, or the one that was asked for.
fn negotiate(greeting: &Greeting, asked: Option<ApiVersion>) -> EngineResult<ApiVersion> {
    let unsupported = |why: String| EngineError::new(ErrorKind::Unsupported, why);
    let theirs: ApiVersion = greeting.api_version.parse().map_err(|_| {
        EngineError::new(
            ErrorKind::Unreachable,
            "what answers is not a Docker engine: it does not say its API version",
        )
    })?;
    if let Some(asked) = asked {
        if asked < ApiVersion::OLDEST {
            return Err(unsupported(format!(
                "DOCKER_API_VERSION is {asked}; wharf needs {} or newer",
                ApiVersion::OLDEST
            )));
        }
        return Ok(asked);
    }
    if theirs < ApiVersion::OLDEST {
        return Err(unsupported(format!(
            "engine {} speaks API {theirs}; wharf needs {} (Docker Engine 20.10) or newer",
            greeting.version,
            ApiVersion::OLDEST
        )));
    }
    Ok(theirs.min(NEWEST))
}

fn must_still_speak(api: ApiVersion, greeting: &Greeting, versions: Versions) -> EngineResult<()> {
    match versions.min_api_version.parse::<ApiVersion>() {
        Ok(oldest) if oldest > api => Err(EngineError::new(
            ErrorKind::Unsupported,
            format!(
                "engine {} speaks no API older than {oldest}; this wharf knows up to {api}: update wharf",
                greeting.version
            ),
        )),
        _ => Ok(()),
    }
}

async fn with_last_words(dialer: &Dialer, error: EngineError) -> EngineError {
    let why = error
        .message
        .strip_prefix(&format!("cannot {GREETING_ACTION}: "))
        .unwrap_or(&error.message);
    let why = match dialer.last_words().await {
        Some(words) => format!("{words} ({why})"),
        None => why.to_owned(),
    };
    EngineError::new(error.kind, why).because(error)
}

/// One message for all that was tried, and how to get an engine.
fn unreachable(tried: &[(Candidate, EngineError)]) -> EngineError {
    let mut message = String::from("no container engine answers");
    for (candidate, error) in tried {
        let Candidate {
            address, origin, ..
        } = candidate;
        message.push_str(&format!(
            "\n  tried {address} ({origin}): {}",
            error.message
        ));
    }
    let denied = tried
        .iter()
        .any(|(_, error)| error.message.contains("ermission denied"));
    let remote = tried
        .iter()
        .any(|(candidate, _)| !matches!(candidate.address, Address::Unix(_)));
    message.push_str(match (denied, remote) {
        (_, true) => {
            "\n  check that the host is up and its engine runs there, or unset DOCKER_HOST and \
             `docker context use default` to use the one of this machine"
        }
        (true, false) => {
            "\n  an engine is there, but this user may not talk to it: \
             `sudo usermod --append --groups docker \"$USER\"` and log in again, or use sudo"
        }
        (false, false) => {
            "\n  start one with `sudo systemctl start docker`, or start Docker Desktop, \
             or set DOCKER_HOST to the address of one that runs"
        }
    });
    EngineError::new(ErrorKind::Unreachable, message)
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn greeting(headers: &[(&'static str, &str)]) -> Greeting {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        Greeting::of(&headers.collect())
    }

    #[test]
    fn a_greeting_is_read_from_headers() {
        let docker = greeting(&[
            ("api-version", "1.45"),
            ("server", "Docker/26.1.5+dfsg1 (linux)"),
            ("ostype", "linux"),
        ]);
        assert_eq!(docker.version, "26.1.5+dfsg1");
        assert_eq!(docker.operating_system, "linux");
        assert!(!docker.podman);
        let podman = greeting(&[
            ("api-version", "1.41"),
            ("libpod-api-version", "4.3.1"),
            ("server", "Libpod/4.3.1 (linux)"),
        ]);
        assert!(podman.podman);
        assert_eq!(podman.version, "4.3.1");
    }

    #[test]
    fn versions_are_negotiated_downwards() {
        let negotiated = |api, asked| negotiate(&greeting(&[("api-version", api)]), asked);
        let ok = |api, asked| negotiated(api, asked).unwrap();
        assert_eq!(ok("1.41", None), ApiVersion(1, 41));
        assert_eq!(ok("1.99", None), NEWEST);
        assert_eq!(ok("1.47", Some(ApiVersion(1, 43))), ApiVersion(1, 43));
        for (api, asked) in [("1.40", None), ("1.47", Some(ApiVersion(1, 30)))] {
            let error = negotiated(api, asked).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Unsupported);
        }
        let error = negotiated("", None).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreachable);
    }

    #[test]
    fn an_engine_may_be_too_new() {
        let check = |oldest: &str| {
            let versions = Versions {
                min_api_version: oldest.to_owned(),
            };
            must_still_speak(NEWEST, &greeting(&[("api-version", "1.99")]), versions)
        };
        assert!(check("1.24").is_ok());
        assert!(check("").is_ok());
        assert_eq!(check("1.60").unwrap_err().kind, ErrorKind::Unsupported);
    }

    fn environment(folder: &std::path::Path, host: &str) -> Environment {
        Environment {
            variables: [("DOCKER_HOST".to_owned(), host.to_owned())]
                .into_iter()
                .collect(),
            working_directory: folder.to_owned(),
            home: Some(folder.to_owned()),
            uid: 1000,
            gid: 1000,
        }
    }

    #[tokio::test]
    async fn nobody_there_is_one_message_with_what_was_tried_and_how_to_start_one() {
        let folder = tempfile::tempdir().unwrap();
        let host = format!("unix://{}/none.sock", folder.path().display());
        let error = connect(&environment(folder.path(), &host), None)
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind, ErrorKind::Unreachable);
        assert!(error.message.contains(&host), "{error}");
        assert!(error.message.contains("No such file"), "{error}");
        assert!(
            error.message.contains("sudo systemctl start docker"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_socket_without_permission_points_to_the_group() {
        let error = unreachable(&[(
            Candidate {
                address: "unix:///var/run/docker.sock".parse().unwrap(),
                tls: None,
                origin: "the default".into(),
            },
            EngineError::new(ErrorKind::Unreachable, "Permission denied (os error 13)"),
        )]);
        assert!(error.message.contains("--groups docker"), "{error}");
    }

    /// Something that answers every connection with the same bytes.
    async fn answering(answer: &'static str) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        format!("tcp://127.0.0.1:{port}")
    }

    #[tokio::test]
    async fn podman_is_recognised_over_tcp() {
        let host = answering(
            "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nLibpod-Api-Version: 4.3.1\r\nServer: Libpod/4.3.1 (linux)\r\n\
             Connection: close\r\nContent-Length: 2\r\n\r\nOK",
        )
        .await;
        let folder = tempfile::tempdir().unwrap();
        let engine = connect(&environment(folder.path(), &host), None)
            .await
            .unwrap();
        assert!(engine.info.podman);
        assert_eq!(engine.info.address, host);
        assert_eq!(engine.info.api, ApiVersion(1, 41));
    }

    #[tokio::test]
    async fn what_is_no_engine_is_told() {
        let host =
            answering("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}").await;
        let folder = tempfile::tempdir().unwrap();
        let error = connect(&environment(folder.path(), &host), None)
            .await
            .err()
            .unwrap();
        assert!(error.message.contains("not a Docker engine"), "{error}");
    }
}
