use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use indexmap::IndexMap;

use super::super::address::Address;
use super::super::context::TlsFiles;
use super::store::StoredNode;
use crate::engine::{
    ContainerSpec, EngineMount, EngineMountKind, ResourceLimits, RestartPolicySpec,
};
use crate::model::ByteSize;

/// <https://hub.docker.com/r/moby/buildkit>
const IMAGE: &str = "moby/buildkit:buildx-stable-1";
/// Where BuildKit keeps its cache.
const STATE: &str = "/var/lib/buildkit";
/// Where the files of a builder are, and which of them configures it.
pub(super) const CONFIGURATION: &str = "/etc/buildkit";
const CONFIGURATION_FILE: &str = "buildkitd.toml";

/// The container of a builder, as it is made where it is missing.
/// <https://docs.docker.com/build/builders/drivers/docker-container/>
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ContainerOptions {
    pub spec: ContainerSpec,
    /// Content by the path below [`CONFIGURATION`].
    pub files: IndexMap<String, Vec<u8>>,
    /// Options that only buildx makes a container with.
    pub beyond: Vec<String>,
}

impl ContainerOptions {
    /// Reads a record; the error is for people.
    pub(super) fn of(node: &StoredNode) -> Result<ContainerOptions, String> {
        let name = format!("buildx_buildkit_{}", node.name);
        let state = format!("{name}_state");
        let mut files = IndexMap::new();
        for (path, content) in node.files.iter().flatten() {
            let content = BASE64_STANDARD
                .decode(content)
                .map_err(|error| format!("its file `{path}` cannot be read: {error}"))?;
            files.insert(path.clone(), content);
        }
        let mut command = Vec::new();
        if files.contains_key(CONFIGURATION_FILE) {
            // In front, so that the builder's own flags win.
            command.push("--config".to_owned());
            command.push(format!("{CONFIGURATION}/{CONFIGURATION_FILE}"));
        }
        command.extend(node.flags.iter().flatten().cloned());
        let mut options = ContainerOptions {
            spec: ContainerSpec {
                name,
                image: IMAGE.to_owned(),
                command: (!command.is_empty()).then_some(command),
                privileged: true,
                // It clears away what steps of builds leave behind.
                init: Some(true),
                restart: Some(RestartPolicySpec {
                    name: "unless-stopped".to_owned(),
                    ..RestartPolicySpec::default()
                }),
                mounts: vec![EngineMount::new(
                    EngineMountKind::Volume,
                    Some(state),
                    STATE.to_owned(),
                )],
                ..ContainerSpec::default()
            },
            files,
            beyond: Vec::new(),
        };
        for (name, value) in node.driver_opts.iter().flatten() {
            options.set(name, value)?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let text = || Some(value.to_owned());
        let refuse = |why: String| format!("its option `{name}={value}` cannot be used: {why}");
        let number = || {
            let number = value.parse::<i64>();
            number.map(Some).map_err(|error| refuse(error.to_string()))
        };
        let bytes = || {
            let size = value.parse::<ByteSize>();
            size.map(|size| Some(size.0)).map_err(refuse)
        };
        let spec = &mut self.spec;
        let limits: &mut ResourceLimits = &mut spec.limits;
        match name {
            "image" => spec.image = value.to_owned(),
            "network" => spec.network_mode = text(),
            "memory" => limits.memory = bytes()?,
            "memory-swap" => limits.memory_swap = bytes()?,
            "cpu-period" => limits.cpu_period = number()?,
            "cpu-quota" => limits.cpu_quota = number()?,
            "cpu-shares" => limits.cpu_shares = number()?,
            "cpuset-cpus" => limits.cpuset_cpus = text(),
            "cgroup-parent" => spec.cgroup_parent = text(),
            "restart-policy" => spec.restart = Some(restart_policy(value).map_err(refuse)?),
            "cpuset-mems" | "gpus" => self.beyond.push(name.to_owned()),
            // What is built is always loaded here, and what GitHub says of the job is for provenance that buildx asks for.
            "default-load" | "provenance-add-gha" => {}
            _ => match name.strip_prefix("env.") {
                Some(variable) if !variable.is_empty() => {
                    spec.environment.insert(variable.to_owned(), text());
                }
                _ => {
                    return Err(format!(
                        "invalid driver option {name} for docker-container driver"
                    ));
                }
            },
        }
        Ok(())
    }
}

/// `no`, `always`, `unless-stopped`, `on-failure[:count]`
fn restart_policy(text: &str) -> Result<RestartPolicySpec, String> {
    RestartPolicySpec::parse(text)
        .ok_or_else(|| "it is `no`, `always`, `unless-stopped` or `on-failure[:COUNT]`".to_owned())
}

/// Where a BuildKit listens that somebody else runs.
/// <https://docs.docker.com/build/builders/drivers/remote/>
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RemoteOptions {
    pub address: Address,
    /// `None`: it is spoken to as it is.
    pub tls: Option<TlsFiles>,
}

impl RemoteOptions {
    /// Reads a record; the error is for people.
    pub(super) fn of(node: &StoredNode) -> Result<RemoteOptions, String> {
        let endpoint = &node.endpoint;
        let scheme = endpoint.split_once("://").map(|(scheme, _)| scheme);
        if !matches!(scheme, Some("tcp" | "unix")) {
            return Err(format!(
                "it is at `{endpoint}`; wharf reaches remote builders at `tcp://HOST:PORT` and `unix:///PATH`"
            ));
        }
        let address: Address = endpoint.parse()?;
        let mut files = TlsFiles::default();
        let mut has_tls = false;
        for (name, value) in node.driver_opts.iter().flatten() {
            let path = || match PathBuf::from(value) {
                path if path.is_absolute() => Ok(Some(path)),
                _ => Err(format!("non-absolute path '{value}' provided for {name}")),
            };
            match name.as_str() {
                "servername" => files.server_name = Some(value.clone()),
                "cacert" => files.ca = path()?,
                "cert" => files.certificate = path()?,
                "key" => files.key = path()?,
                "default-load" | "timeout" => continue,
                _ => {
                    return Err(format!("invalid driver option {name} for remote driver"));
                }
            }
            has_tls = true;
        }
        if has_tls && files.ca.is_none() {
            return Err("tls enabled, but missing keys cacert".to_owned());
        }
        Ok(RemoteOptions {
            address,
            tls: has_tls.then_some(files),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::store::Instance;
    use super::super::store::tests::ONE;
    use super::*;

    fn one() -> StoredNode {
        let instance: Instance = serde_json::from_str(ONE).unwrap();
        instance.nodes.into_iter().next().unwrap()
    }

    fn with(mut node: StoredNode, options: &[(&str, &str)]) -> StoredNode {
        let options = options.iter();
        node.driver_opts = Some(
            options
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        );
        node
    }

    #[test]
    fn a_container_is_made_as_buildx_makes_it() {
        let options = ContainerOptions::of(&one()).unwrap();
        let spec = &options.spec;
        assert_eq!(spec.name, "buildx_buildkit_one0");
        assert_eq!(spec.image, "moby/buildkit:buildx-stable-1");
        assert_eq!(
            spec.command.as_deref().unwrap(),
            [
                "--config",
                "/etc/buildkit/buildkitd.toml",
                "--allow-insecure-entitlement=security.insecure",
                "--allow-insecure-entitlement=network.host",
            ]
        );
        assert_eq!(spec.network_mode.as_deref(), Some("host"));
        assert_eq!(spec.limits.memory, Some(1 << 30));
        assert_eq!(spec.environment["A"].as_deref(), Some("b"));
        assert_eq!(
            spec.mounts[0].source.as_deref(),
            Some("buildx_buildkit_one0_state")
        );
        assert_eq!(options.files["buildkitd.toml"], b"debug = true\n");
    }

    #[test]
    fn options_that_are_unknown_or_wrong_are_told() {
        let refused = |name: &str, value: &str| {
            ContainerOptions::of(&with(one(), &[(name, value)])).unwrap_err()
        };
        assert!(refused("colour", "red").contains("invalid driver option colour"));
        assert!(refused("env.", "x").contains("invalid driver option env."));
        assert!(refused("memory", "much").contains("`memory=much`"));
        assert!(refused("restart-policy", "sometimes").contains("unless-stopped"));
        let policy = restart_policy("on-failure:3").unwrap();
        assert_eq!(policy.maximum_retry_count, 3);
    }

    #[test]
    fn a_remote_builder_may_have_certificates() {
        let node = |endpoint: &str, options: &[(&str, &str)]| {
            let node = StoredNode {
                endpoint: endpoint.to_owned(),
                ..StoredNode::default()
            };
            RemoteOptions::of(&with(node, options))
        };
        let plain = node("tcp://box:1234", &[]).unwrap();
        assert_eq!(plain.address.to_string(), "tcp://box:1234");
        assert_eq!(plain.tls, None);
        let tls = node(
            "tcp://box:1234",
            &[("cacert", "/c/ca.pem"), ("servername", "builder")],
        );
        let files = tls.unwrap().tls.unwrap();
        assert_eq!(files.ca, Some("/c/ca.pem".into()));
        assert_eq!(files.server_name.as_deref(), Some("builder"));
        for (endpoint, options, expected) in [
            ("ssh://box", &[][..], "`ssh://box`"),
            ("tcp://box:1", &[("key", "k")][..], "non-absolute path 'k'"),
            ("tcp://box:1", &[("key", "/k")][..], "missing keys cacert"),
            ("tcp://box:1", &[("x", "y")][..], "invalid driver option x"),
        ] {
            let error = node(endpoint, options).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
