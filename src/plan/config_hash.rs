use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::model::Service;

/// What Compose records as `com.docker.compose.config-hash`: SHA-256 of the service as Go writes it, which is in the
/// order in which Compose declares the fields, without what has no bearing on a container.
pub fn config_hash(service: &Service) -> String {
    let mut bare = service.clone();
    bare.build = None;
    bare.pull_policy = None;
    bare.scale = None;
    bare.depends_on.clear();
    bare.profiles.clear();
    if let Some(deploy) = &mut bare.deploy {
        deploy.replicas = None;
    }
    let Ok(mut value) = serde_json::to_value(&bare) else {
        return String::new();
    };
    if !bare.label_files.is_empty() {
        value["label_file"] = bare.label_files.into();
    }
    let mut text = String::new();
    write(&go(&value, "service"), &mut text);
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// Fields of each kind of object in the order in which Compose declares them. A field that is not named here follows in
/// the order of its name, as the entries of maps do.
const ORDER: [(&str, &[&str]); 22] = [
    (
        "service",
        &[
            "annotations",
            "attach",
            "develop",
            "blkio_config",
            "cap_add",
            "cap_drop",
            "cgroup_parent",
            "cgroup",
            "cpu_count",
            "cpu_percent",
            "cpu_period",
            "cpu_quota",
            "cpu_rt_period",
            "cpu_rt_runtime",
            "cpus",
            "cpuset",
            "cpu_shares",
            "command",
            "configs",
            "container_name",
            "credential_spec",
            "deploy",
            "device_cgroup_rules",
            "devices",
            "dns",
            "dns_opt",
            "dns_search",
            "domainname",
            "entrypoint",
            "provider",
            "environment",
            "expose",
            "external_links",
            "extra_hosts",
            "group_add",
            "gpus",
            "hostname",
            "healthcheck",
            "image",
            "init",
            "ipc",
            "isolation",
            "labels",
            "label_file",
            "links",
            "logging",
            "mem_limit",
            "mem_reservation",
            "memswap_limit",
            "mem_swappiness",
            "mac_address",
            "models",
            "network_mode",
            "networks",
            "oom_kill_disable",
            "oom_score_adj",
            "pid",
            "pids_limit",
            "platform",
            "ports",
            "privileged",
            "read_only",
            "restart",
            "runtime",
            "secrets",
            "security_opt",
            "shm_size",
            "stdin_open",
            "stop_grace_period",
            "stop_signal",
            "storage_opt",
            "sysctls",
            "tmpfs",
            "tty",
            "ulimits",
            "use_api_socket",
            "user",
            "userns_mode",
            "uts",
            "volumes",
            "volumes_from",
            "working_dir",
            "post_start",
            "pre_stop",
        ],
    ),
    (
        "ports",
        &[
            "name",
            "mode",
            "host_ip",
            "target",
            "published",
            "protocol",
            "app_protocol",
        ],
    ),
    (
        "volumes",
        &[
            "type",
            "source",
            "target",
            "read_only",
            "consistency",
            "bind",
            "volume",
            "tmpfs",
            "image",
        ],
    ),
    (
        "bind",
        &["selinux", "propagation", "create_host_path", "recursive"],
    ),
    ("volume", &["labels", "nocopy", "subpath"]),
    ("tmpfs", &["size", "mode"]),
    (
        "healthcheck",
        &[
            "test",
            "timeout",
            "interval",
            "retries",
            "start_period",
            "start_interval",
            "disable",
        ],
    ),
    (
        "deploy",
        &[
            "mode",
            "labels",
            "update_config",
            "rollback_config",
            "resources",
            "restart_policy",
            "placement",
            "endpoint_mode",
        ],
    ),
    ("resources", &["limits", "reservations"]),
    ("logging", &["driver", "options"]),
    (
        "resource",
        &["cpus", "memory", "pids", "devices", "generic_resources"],
    ),
    (
        "update",
        &[
            "parallelism",
            "delay",
            "failure_action",
            "monitor",
            "max_failure_ratio",
            "order",
        ],
    ),
    (
        "restart_policy",
        &["condition", "delay", "max_attempts", "window"],
    ),
    (
        "placement",
        &["constraints", "preferences", "max_replicas_per_node"],
    ),
    (
        "request",
        &["capabilities", "driver", "count", "device_ids", "options"],
    ),
    ("devices", &["source", "target", "permissions"]),
    ("files", &["source", "target", "uid", "gid", "mode"]),
    (
        "hooks",
        &[
            "command",
            "user",
            "privileged",
            "working_dir",
            "environment",
        ],
    ),
    ("ulimit", &["soft", "hard"]),
    ("credential_spec", &["config", "file", "registry"]),
    (
        "blkio",
        &[
            "weight",
            "weight_device",
            "device_read_bps",
            "device_read_iops",
            "device_write_bps",
            "device_write_iops",
        ],
    ),
    (
        "watch",
        &[
            "path",
            "action",
            "target",
            "exec",
            "include",
            "ignore",
            "initial_sync",
        ],
    ),
];

/// The kind of object below a field of an object of a kind; `map`: keys are the user's.
fn kind_below(kind: &str, field: &str) -> &'static str {
    match (kind, field) {
        ("service", "ports") => "ports",
        ("service", "volumes") => "volumes",
        ("volumes", "bind") => "bind",
        ("volumes", "volume") => "volume",
        ("volumes", "tmpfs") => "tmpfs",
        ("service", "healthcheck") => "healthcheck",
        ("service", "deploy") => "deploy",
        ("deploy", "resources") => "resources",
        ("resources", _) => "resource",
        ("deploy", "update_config" | "rollback_config") => "update",
        ("deploy", "restart_policy") => "restart_policy",
        ("deploy", "placement") => "placement",
        ("resource", "devices") | ("service", "gpus") => "request",
        ("service", "devices") => "devices",
        ("service", "configs" | "secrets") => "files",
        ("service", "post_start" | "pre_stop") => "hooks",
        ("service", "networks") => "networks",
        ("networks", _) => "network",
        ("service", "ulimits") => "ulimits",
        ("service", "credential_spec") => "credential_spec",
        ("ulimits", _) => "ulimit",
        ("service", "blkio_config") => "blkio",
        ("blkio", _) => "block device",
        ("service", "logging") => "logging",
        ("service", "develop") => "develop",
        ("develop", "watch") => "watch",
        ("watch", "exec") => "hooks",
        // Kept as they are: their own order is Compose's.
        ("service", "models" | "provider") | ("as it is", _) => "as it is",
        _ => "map",
    }
}

/// Scalars behind a pointer in Compose: set is set, even to zero.
const KEPT_ZEROS: [&str; 12] = [
    "attach",
    "init",
    "interval",
    "timeout",
    "retries",
    "start_period",
    "start_interval",
    "stop_grace_period",
    "parallelism",
    "max_attempts",
    "window",
    "soft",
];

/// The value with its fields in Compose's order, without those that Go leaves out.
fn go(value: &Value, kind: &str) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| go(item, kind)).collect(),
        Value::Object(fields) => {
            let order = ORDER
                .iter()
                .find(|(name, _)| *name == kind)
                .map_or(&[] as &[&str], |(_, order)| order);
            let mut entries: Vec<(&String, &Value)> = fields.iter().collect();
            let exec = ("exec".to_owned(), Value::Null);
            if kind == "watch" && !fields.contains_key(&exec.0) {
                entries.push((&exec.0, &exec.1));
            }
            if kind != "as it is" {
                entries.sort_by_key(|(key, _)| {
                    let place = order.iter().position(|name| name == key);
                    (place.unwrap_or(order.len()), *key)
                });
            }
            let mut written = Map::new();
            for (key, value) in entries {
                if key.starts_with("x-") && kind != "map" {
                    continue;
                }
                let below = match (kind, key.as_str(), value) {
                    // A structure in Compose, which Go never leaves out.
                    ("watch", "exec", Value::Null) => json!({"command": null}),
                    _ => go(value, kind_below(kind, key)),
                };
                if is_written(kind, key, &below) {
                    written.insert(as_declared(kind, key), below);
                }
            }
            Value::Object(written)
        }
        other => other.clone(),
    }
}

/// The name of a field as it is written; of block devices Compose declares none, so that Go takes that of its own field.
fn as_declared(kind: &str, key: &str) -> String {
    match (kind, key) {
        ("block device", "path") => "Path".to_owned(),
        ("block device", "weight") => "Weight".to_owned(),
        ("block device", "rate") => "Rate".to_owned(),
        _ => key.to_owned(),
    }
}

fn is_written(kind: &str, key: &str, value: &Value) -> bool {
    if matches!(
        kind,
        "map" | "networks" | "ulimits" | "block device" | "as it is"
    ) || matches!(key, "command" | "entrypoint")
    {
        return true;
    }
    let is_structure = matches!(
        (kind, key),
        ("deploy", "resources" | "placement")
            | ("volumes", "bind" | "volume" | "tmpfs" | "image")
            | (
                "service",
                "deploy"
                    | "healthcheck"
                    | "logging"
                    | "credential_spec"
                    | "blkio_config"
                    | "develop"
            )
            | ("resources", _)
    );
    match value {
        Value::Null => (kind, key) == ("deploy", "placement"),
        Value::Bool(false) => KEPT_ZEROS.contains(&key),
        Value::Number(number) => number.as_f64() != Some(0.0) || KEPT_ZEROS.contains(&key),
        Value::String(text) => !text.is_empty() && (text != "0s" || KEPT_ZEROS.contains(&key)),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty() || is_structure,
        Value::Bool(true) => true,
    }
}

/// JSON as Go writes it: whole numbers without a fraction, and `<`, `>`, `&` escaped.
fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            text.push('{');
            for (index, (key, value)) in fields.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_text(key, text);
                text.push(':');
                // An unset placement is a structure without fields.
                if key == "placement" && value.is_null() {
                    text.push_str("{}");
                } else {
                    write(value, text);
                }
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        Value::String(content) => write_text(content, text),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => {
                text.push_str(&format!("{float:.0}"));
            }
            _ => text.push_str(&number.to_string()),
        },
        other => text.push_str(&other.to_string()),
    }
}

fn write_text(content: &str, text: &mut String) {
    for character in Value::from(content).to_string().chars() {
        match character {
            '<' => text.push_str("\\u003c"),
            '>' => text.push_str("\\u003e"),
            '&' => text.push_str("\\u0026"),
            '\u{2028}' => text.push_str("\\u2028"),
            '\u{2029}' => text.push_str("\\u2029"),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(json: &str) -> String {
        config_hash(&serde_json::from_str(json).unwrap())
    }

    // Recorded from the label of a container that `docker compose up` 2.40.3 has made, with the labels of the file among its own.
    #[test]
    fn label_files_count_beside_what_they_say() {
        let mut service: Service = serde_json::from_str(
            r#"{"command": null, "entrypoint": null, "image": "debian:bookworm-slim", "networks": {"default": null},
                "labels": {"a": "1", "b": "2"}}"#,
        )
        .unwrap();
        service.label_files = vec!["/p/a.labels".into()];
        assert_eq!(
            config_hash(&service),
            "933e3280b5e01f7c86a6c1af4ca95f278a47e878fccda473365342cca393c527"
        );
    }

    // Recorded from `docker compose config --hash` 2.40.3.
    #[test]
    fn what_is_given_in_part_is_hashed_as_compose_declares_it() {
        for (more, hash) in [
            (
                r#""logging": {"driver": "local"}"#,
                "b68645c3d0038f10c68614e6b506d7a9cdda2c5d886d8c7a53b152c88baed198",
            ),
            (
                r#""logging": {"options": {"max-size": "1m"}}"#,
                "ab31505c3af07029a392d985d1a39fe40e68451749d0de5db9191cc71505f24e",
            ),
            (
                r#""develop": {"watch": []}"#,
                "e9d563064135a5c0f82c0059d1e6d022154d8f03f5e7dd07d7057462bda62ae6",
            ),
            (
                r#""develop": {"watch": [{"path": "/w", "action": "sync", "target": "/x"}]}"#,
                "c52545898a51f39af1d486b9a0647a002ca307716eeef9e99c4de004ed6bbef8",
            ),
        ] {
            let service = format!(r#"{{"image": "x", "networks": {{"default": null}}, {more}}}"#);
            assert_eq!(hash_of(&service), hash, "{more}");
        }
    }

    // Recorded from `docker compose config --hash` 2.40.3.
    #[test]
    fn hashes_are_those_of_compose() {
        assert_eq!(
            hash_of(
                r#"{"command": ["sleep", "1"], "image": "debian:bookworm-slim", "networks": {"default": null}}"#
            ),
            "1f42f4a5467fa4e406f6d27ce65e2cd14171fec47b1164591c9e2ee7aa81a5b6"
        );
        assert_eq!(
            hash_of(
                r#"{
                "volumes": [
                    {"type": "volume", "target": "v:/v", "volume": {}},
                    {"type": "bind", "source": "/tmp", "target": "/t", "read_only": true, "bind": {"create_host_path": true}}],
                "ulimits": {"nofile": 10},
                "restart": "always",
                "ports": [{"mode": "ingress", "target": 80, "published": "8080", "protocol": "tcp"}],
                "networks": {"n": {"aliases": ["z"]}},
                "labels": {"l": "1"},
                "image": "x",
                "healthcheck": {"test": ["CMD", "true"], "interval": "2s"},
                "environment": {"B": null, "A": "1<2"},
                "depends_on": {"a": {"condition": "service_started"}},
                "deploy": {"replicas": 2, "resources": {"limits": {"cpus": 0.5, "memory": "67108864"}}, "placement": {}}
            }"#
            ),
            "9ecd40fa9f26e707f23447867a31f7ddd83a5b93e30405ef0c4f2ff8ef54ef5d"
        );
        assert_eq!(
            hash_of(
                r#"{
                "image": "x", "networks": {"default": null},
                "ulimits": {"nofile": 100, "nproc": {"hard": 20, "soft": 10}},
                "blkio_config": {
                    "device_read_bps": [{"rate": "12582912", "path": "/dev/sda"}],
                    "weight": 300, "weight_device": [{"path": "/dev/sda", "weight": 400}]},
                "develop": {"watch": [{
                    "action": "sync+exec", "target": "/x", "path": "/w", "ignore": ["a"],
                    "exec": {"user": "u", "command": ["x", "y"]}}]}
            }"#
            ),
            "0496e454f4f0d16a7480c5892b5d184796bdacecbce44cc3b3f20f361667a23e"
        );
    }
}
