use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use bollard_buildkit_proto::moby::buildkit::v1::{
    CacheOptions, Exporter, SolveRequest, StatusRequest,
};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tonic::Status;
use tonic::transport::Channel;

use super::caches::Caches;
use super::export::Export;
use super::filesync::{FileSync, Tree};
use super::frontend::Frontend;
use super::host_gateway;
use super::identity::unique;
use super::progress::Progress;
use crate::build::{BuildEvent, BuildRequest, Context};

/// What the Dockerfile is called inside the build.
const DOCKERFILE: &str = "Dockerfile";
/// How long the last events may still take after the build has ended.
const LAST_EVENTS: Duration = Duration::from_secs(2);

/// The names under which the engine asks for the trees of a build.
pub(super) fn trees(request: &BuildRequest) -> FileSync {
    let mut files = vec![(
        DOCKERFILE.to_owned(),
        request.dockerfile.text.clone().into_bytes(),
    )];
    if let Some(ignore) = &request.dockerfile.ignore {
        files.push((
            format!("{DOCKERFILE}.dockerignore"),
            ignore.text.clone().into_bytes(),
        ));
    }
    let mut trees = HashMap::from([("dockerfile".to_owned(), Tree::Memory(files))]);
    let mut offer = |name: &str, context: &Context| match context {
        Context::Directory(path) => {
            trees.insert(name.to_owned(), Tree::Directory(path.clone()));
        }
        Context::Empty => {
            trees.insert(name.to_owned(), Tree::Memory(Vec::new()));
        }
        Context::Files(files) => {
            trees.insert(name.to_owned(), Tree::Memory(files.clone()));
        }
        Context::Image(_) | Context::Layout { .. } | Context::Remote(_) => {}
    };
    offer("context", &request.context);
    for (name, context) in &request.named_contexts {
        offer(&local_name(name), context);
    }
    FileSync(trees)
}

/// Keeps a named context apart from the trees that every build has.
fn local_name(name: &str) -> String {
    format!("context-{name}")
}

/// What a builder calls the layout that is the named context at this position.
pub(super) fn layout_store(at: usize) -> String {
    format!("layout{at}")
}

/// The same for every build of one directory, so that the engine keeps what it got and asks for changes only.
pub(super) fn shared_key(request: &BuildRequest) -> String {
    let directory = match &request.context {
        Context::Directory(path) => path.as_path(),
        _ => Path::new(""),
    };
    let digest = Sha256::digest(directory.as_os_str().as_encoded_bytes());
    hex::encode(&digest[..16])
}

/// What the Dockerfile frontend is told.
/// <https://github.com/moby/buildkit/blob/master/frontend/dockerfile/docs/reference.md>
pub(super) fn attributes(
    request: &BuildRequest,
    frontend: Frontend,
    caches: &Caches,
) -> HashMap<String, String> {
    let mut attributes = HashMap::from([("filename".to_owned(), DOCKERFILE.to_owned())]);
    let mut set = |name: &str, value: String| {
        attributes.insert(name.to_owned(), value);
    };
    if !frontend.follows_syntax {
        // Its mere presence keeps the engine from fetching the frontend that a `# syntax=` line names from a registry.
        set("cmdline", String::new());
    }
    match (request.pull, frontend.sees_images) {
        (true, _) => set("image-resolve-mode", "pull".to_owned()),
        (false, true) => set("image-resolve-mode", "local".to_owned()),
        (false, false) => {}
    }
    if let Context::Remote(url) = &request.context {
        set("context", url.clone());
    }
    match (&request.context, &request.remote_dockerfile) {
        (_, Some(path)) => set("filename", path.clone()),
        // The Dockerfile of this side, although the context is elsewhere.
        (Context::Remote(_), None) => set("dockerfilekey", "dockerfile".to_owned()),
        _ => {}
    }
    if frontend.has_named_contexts {
        for (at, (name, context)) in request.named_contexts.iter().enumerate() {
            let source = match context {
                Context::Directory(_) | Context::Files(_) | Context::Empty => {
                    format!("local:{}", local_name(name))
                }
                Context::Image(image) => format!("docker-image://{image}"),
                Context::Layout { digest, .. } => {
                    format!("oci-layout://{}@{digest}", layout_store(at))
                }
                Context::Remote(url) => url.clone(),
            };
            set(&format!("context:{name}"), source);
        }
        if !request.named_contexts.is_empty() {
            set(
                "frontend.caps",
                "moby.buildkit.frontend.contexts+forward".to_owned(),
            );
        }
    }
    for (name, value) in &request.arguments {
        set(&format!("build-arg:{name}"), value.clone());
    }
    if let Some(seconds) = request.source_date_epoch {
        set("build-arg:SOURCE_DATE_EPOCH", seconds.to_string());
    }
    for (name, value) in request.labels.iter().chain(&request.marks) {
        set(&format!("label:{name}"), value.clone());
    }
    if let Some(target) = &request.target {
        set("target", target.clone());
    }
    if !request.platforms.is_empty() {
        set("platform", request.platforms.join(","));
    }
    for (kind, parameters) in &request.attestations {
        set(&format!("attest:{kind}"), parameters.clone());
    }
    if request.no_cache {
        set("no-cache", String::new());
    } else if !request.no_cache_stages.is_empty() {
        set("no-cache", request.no_cache_stages.join(","));
    }
    if let Some(network) = request.network.as_deref()
        && network != "default"
    {
        set("force-network-mode", network.to_owned());
    }
    if !request.extra_hosts.is_empty() {
        set("add-hosts", add_hosts(&request.extra_hosts));
    }
    if !caches.imports.is_empty() {
        // The request's own field is for builds without a frontend; with one, nobody reads it.
        set("cache-imports", caches.imports_as_json());
    }
    if let Some(bytes) = request.shm_size {
        set("shm-size", bytes.to_string());
    }
    if !request.ulimits.is_empty() {
        set("ulimit", request.ulimits.join(","));
    }
    attributes
}

/// `host=address` pairs, whichever of Compose's spellings they have.
fn add_hosts(entries: &[String]) -> String {
    let pairs: Vec<String> = entries
        .iter()
        .map(|entry| {
            let (host, address) = entry
                .split_once('=')
                .or_else(|| entry.split_once(':'))
                .unwrap_or((entry, ""));
            format!(
                "{host}={}",
                address.trim_start_matches('[').trim_end_matches(']')
            )
        })
        .collect();
    pairs.join(",")
}

fn entitlements(request: &BuildRequest) -> Vec<String> {
    let mut entitlements = request.entitlements.clone();
    let host_network = "network.host";
    if request.network.as_deref() == Some("host") && !entitlements.iter().any(|e| e == host_network)
    {
        entitlements.push(host_network.to_owned());
    }
    entitlements
}

/// A build as the builder is asked for it.
pub(super) struct Solve<'s> {
    /// The session's id.
    pub session: &'s str,
    pub request: &'s BuildRequest,
    pub frontend: Frontend,
    pub caches: &'s Caches,
    pub export: &'s Export,
}

impl Solve<'_> {
    fn message(&self, id: &str) -> SolveRequest {
        let (exporter, attributes) = self.export.exporter(self.request, self.frontend);
        SolveRequest {
            r#ref: id.to_owned(),
            session: self.session.to_owned(),
            frontend: "dockerfile.v0".to_owned(),
            frontend_attrs: self::attributes(self.request, self.frontend, self.caches),
            entitlements: entitlements(self.request),
            // Old engines read the deprecated fields only, new ones the others.
            exporter_deprecated: exporter.to_owned(),
            exporter_attrs_deprecated: attributes.clone(),
            exporters: vec![Exporter {
                r#type: exporter.to_owned(),
                attrs: attributes,
            }],
            cache: Some(CacheOptions {
                exports: self.caches.exports.clone(),
                ..CacheOptions::default()
            }),
            // To write the history takes as long as all that is left of a build whose every step is cached.
            internal: self.request.is_repetition,
            ..SolveRequest::default()
        }
    }

    /// Runs the build to its end. Dropping the future stops it on the engine.
    pub(super) async fn run(
        &self,
        mut client: ControlClient<Channel>,
        progress: &mut Progress,
        events: &mpsc::Sender<BuildEvent>,
    ) -> Result<HashMap<String, String>, Status> {
        let build = unique();
        let mut request = self.request.clone();
        request.extra_hosts = host_gateway::extra_hosts(&mut client, &request).await?;
        let solve = Solve {
            request: &request,
            ..*self
        }
        .message(&build);
        let mut status_client = client.clone();
        let watch = async {
            let stream = status_client.status(StatusRequest { r#ref: build }).await;
            let mut stream = match stream {
                Ok(stream) => stream.into_inner(),
                Err(error) => {
                    tracing::debug!(%error, "the engine tells no progress");
                    return;
                }
            };
            while let Some(Ok(status)) = stream.next().await {
                for event in progress.read(status) {
                    // Nobody may be listening; the build goes on.
                    let _ = events.send(event).await;
                }
            }
        };
        tokio::pin!(watch);
        let solved = client.solve(solve);
        tokio::pin!(solved);
        let mut watching = true;
        let result = loop {
            tokio::select! {
                result = &mut solved => break result,
                () = &mut watch, if watching => watching = false,
            }
        };
        if watching {
            // A build that fails at once may never get a status stream.
            let _ = tokio::time::timeout(LAST_EVENTS, watch).await;
        }
        result.map(|response| response.into_inner().exporter_response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Cache;
    use crate::load::Environment;
    use indexmap::IndexMap;

    fn told(request: &BuildRequest, has_named_contexts: bool) -> Vec<(String, String)> {
        let frontend = Frontend {
            has_named_contexts,
            ..Frontend::APART
        };
        let (caches, _) = Caches::of(request);
        let told = attributes(request, frontend, &caches);
        let mut told: Vec<(String, String)> = told.into_iter().collect();
        told.sort();
        told
    }

    #[test]
    fn another_builder_resolves_names_itself_and_is_given_images() {
        let (caches, _) = Caches::of(&BuildRequest::default());
        let mut request = BuildRequest::default();
        let digest = format!("sha256:{}", "a".repeat(64));
        for name in ["src", "base"] {
            let context = match name {
                "src" => Context::Empty,
                _ => Context::Layout {
                    directory: "/l".into(),
                    digest: digest.clone(),
                },
            };
            request.named_contexts.insert(name.to_owned(), context);
        }
        let told = attributes(&request, Frontend::APART, &caches);
        assert_eq!(
            told["context:base"],
            format!("oci-layout://layout1@{digest}")
        );
        assert!(!told.contains_key("image-resolve-mode"));
        assert!(told.contains_key("cmdline"));
        let frontend = Frontend {
            follows_syntax: true,
            ..Frontend::APART
        };
        assert!(!attributes(&request, frontend, &caches).contains_key("cmdline"));
    }

    #[test]
    fn every_setting_reaches_the_frontend() {
        let request = BuildRequest {
            target: Some("prod".to_owned()),
            arguments: IndexMap::from([("UID".to_owned(), "1000".to_owned())]),
            labels: IndexMap::from([("a.b".to_owned(), "c".to_owned())]),
            platforms: vec!["linux/arm64".to_owned(), "linux/amd64".to_owned()],
            attestations: [("sbom".to_owned(), "generator=x".to_owned())].into(),
            no_cache_stages: vec!["one".to_owned(), "two".to_owned()],
            pull: true,
            network: Some("host".to_owned()),
            extra_hosts: vec![
                "db=10.0.0.1".to_owned(),
                "six=[::1]".to_owned(),
                "old:10.0.0.2".to_owned(),
            ],
            shm_size: Some(64),
            ulimits: vec!["nofile=1:2".to_owned()],
            source_date_epoch: Some(7),
            cache_from: Vec::from_iter(Cache::read(
                "app:cache",
                Path::new("/p"),
                &Environment::default(),
            )),
            context: Context::Remote("https://example.org/x.git".to_owned()),
            named_contexts: IndexMap::from([
                ("base".to_owned(), Context::Image("base:dev".to_owned())),
                ("src".to_owned(), Context::Directory("/src".into())),
            ]),
            ..BuildRequest::default()
        };
        let expected = [
            ("add-hosts", "db=10.0.0.1,six=::1,old=10.0.0.2"),
            ("attest:sbom", "generator=x"),
            ("build-arg:SOURCE_DATE_EPOCH", "7"),
            ("build-arg:UID", "1000"),
            (
                "cache-imports",
                r#"[{"Type":"registry","Attrs":{"ref":"app:cache"}}]"#,
            ),
            ("cmdline", ""),
            ("context", "https://example.org/x.git"),
            ("context:base", "docker-image://base:dev"),
            ("context:src", "local:context-src"),
            ("dockerfilekey", "dockerfile"),
            ("filename", "Dockerfile"),
            ("force-network-mode", "host"),
            ("frontend.caps", "moby.buildkit.frontend.contexts+forward"),
            ("image-resolve-mode", "pull"),
            ("label:a.b", "c"),
            ("no-cache", "one,two"),
            ("platform", "linux/arm64,linux/amd64"),
            ("shm-size", "64"),
            ("target", "prod"),
            ("ulimit", "nofile=1:2"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(told(&request, true), expected);
        assert!(
            told(&request, false)
                .iter()
                .all(|(name, _)| !name.starts_with("context:"))
        );
        assert_eq!(entitlements(&request), ["network.host"]);
    }
}
