use std::fmt;

use serde::{Deserialize, Serialize};

/// One entry of `ports`, in its long form.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#ports>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// A remark for people.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#ports>
    #[serde(default)]
    pub name: Option<String>,
    /// `ingress` or `host`; only Swarm tells them apart.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#ports>
    #[serde(default)]
    pub mode: Option<String>,
    /// `None`: all addresses of the host.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#ports>
    #[serde(default)]
    pub host_ip: Option<String>,
    /// The container's port.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#ports>
    pub target: u16,
    /// A host port or a range `8000-8010`; `None` or empty: the engine picks a free one.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#ports>
    #[serde(default)]
    pub published: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#ports>
    #[serde(default)]
    pub protocol: Protocol,
    /// Of the application, such as `http`; a remark for people and tools.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#ports>
    #[serde(default)]
    pub app_protocol: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    #[default]
    Tcp,
    Udp,
    Sctp,
    /// Any other text: Compose reads it, the engine refuses it.
    #[serde(other)]
    Other,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
            Protocol::Other => "unknown",
        })
    }
}
