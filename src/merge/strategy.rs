use std::sync::LazyLock;

use super::pattern::Patterns;

/// How a value of a higher layer meets one of a lower layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strategy {
    /// The higher value stands alone, null included.
    Replace,
    /// Both sides become a list of `KEY=VALUE` texts; the higher one is appended.
    Entries,
    /// As [`Strategy::Entries`], without texts that the lower list has already.
    NewEntries,
    /// A list of names is a mapping of names to null; then mappings are merged.
    Names,
    /// As [`Strategy::Names`], each name with the members of the short form of `depends_on`.
    Dependencies,
    /// A text is the `context` of a mapping; then mappings are merged.
    Build,
    /// Merged while both name the same `driver` or one names none; replaced otherwise.
    Logging,
    /// Address pools are matched by `subnet`.
    AddressPools,
    /// A value or a list of values: lists are appended to lists, a value is replaced by either, and no list by a value.
    Values,
}

use Strategy::*;

/// Where merging differs from: mappings are merged, lists appended, the rest replaced, null changes nothing.
const TABLE: &[(&str, Strategy)] = &[
    ("networks.*.ipam.config", AddressPools),
    ("networks.*.labels", Entries),
    ("services.*.annotations", Entries),
    ("services.*.build", Build),
    ("services.*.build.additional_contexts", Entries),
    ("services.*.build.args", Entries),
    ("services.*.build.extra_hosts", NewEntries),
    ("services.*.build.labels", Entries),
    ("services.*.command", Replace),
    ("services.*.depends_on", Dependencies),
    ("services.*.deploy.labels", Entries),
    ("services.*.dns", Entries),
    ("services.*.dns_opt", Entries),
    ("services.*.dns_search", Entries),
    ("services.*.entrypoint", Replace),
    ("services.*.env_file", Entries),
    ("services.*.environment", Entries),
    ("services.*.extra_hosts", NewEntries),
    ("services.*.healthcheck.test", Replace),
    ("services.*.label_file", Entries),
    ("services.*.labels", Entries),
    ("services.*.logging", Logging),
    ("services.*.models", Names),
    ("services.*.networks", Names),
    ("services.*.provider.options.*", Values),
    ("services.*.sysctls", Entries),
    ("services.*.tmpfs", Entries),
    ("services.*.ulimits.*", Replace),
    ("volumes.*.labels", Entries),
];

pub(super) static STRATEGIES: LazyLock<Patterns<Strategy>> = LazyLock::new(|| Patterns::new(TABLE));

/// What makes an element of a list the same as another; of those the last one stays, in the place of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// The text up to its first `=`.
    Key,
    /// The path inside the container.
    MountTarget,
    /// As [`Identity::MountTarget`], of a device.
    DeviceTarget,
    /// `target`, or the name below `/run/secrets`.
    Secret,
    /// `target`, or the name below `/`.
    Config,
    /// Host address, published port, container port and protocol.
    Port,
    /// The whole text or number.
    Text,
    /// The file's path.
    EnvFile,
}

use Identity::*;

/// Lists whose elements are unique.
const UNIQUE: &[(&str, Identity)] = &[
    ("networks.*.ipam.options", Key),
    ("networks.*.labels", Key),
    ("services.*.annotations", Key),
    ("services.*.build.additional_contexts", Key),
    ("services.*.build.args", Key),
    ("services.*.build.labels", Key),
    ("services.*.build.tags", Key),
    ("services.*.cap_add", Key),
    ("services.*.cap_drop", Key),
    ("services.*.configs", Config),
    ("services.*.deploy.labels", Key),
    ("services.*.devices", DeviceTarget),
    ("services.*.dns", Key),
    ("services.*.dns_opt", Key),
    ("services.*.dns_search", Key),
    ("services.*.env_file", EnvFile),
    ("services.*.environment", Key),
    ("services.*.expose", Text),
    ("services.*.labels", Key),
    ("services.*.links", Key),
    ("services.*.networks.*.aliases", Key),
    ("services.*.networks.*.link_local_ips", Key),
    ("services.*.ports", Port),
    ("services.*.profiles", Key),
    ("services.*.secrets", Secret),
    ("services.*.sysctls", Key),
    ("services.*.tmpfs", Key),
    ("services.*.volumes", MountTarget),
];

pub(super) static IDENTITIES: LazyLock<Patterns<Identity>> =
    LazyLock::new(|| Patterns::new(UNIQUE));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_name_a_place_once() {
        assert!(TABLE.is_sorted_by(|a, b| a.0 < b.0));
        assert!(UNIQUE.is_sorted_by(|a, b| a.0 < b.0));
    }
}
