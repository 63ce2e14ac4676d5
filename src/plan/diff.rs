use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::FieldChange;
use crate::model::Duration;

/// Attributes whose name in the specification of a container is not that of Compose.
const NAMES: [(&str, &str); 28] = [
    ("annotations", "annotations"),
    ("binds", "volumes"),
    ("cgroup_parent", "cgroup_parent"),
    ("device_requests", "gpus"),
    ("dns_options", "dns_opt"),
    ("domain_name", "domainname"),
    ("endpoints", "networks"),
    ("exposed_ports", "expose"),
    ("labels.wharf.files", "secrets and configs"),
    ("limits.blkio", "blkio_config"),
    ("limits.cpuset_cpus", "cpuset"),
    ("limits.memory_reservation", "mem_reservation"),
    ("limits.memory_swap", "memswap_limit"),
    ("limits.memory_swappiness", "mem_swappiness"),
    ("limits.memory", "mem_limit"),
    ("limits.nano_cpus", "cpus"),
    ("limits.pids", "pids_limit"),
    ("limits.", ""),
    ("log", "logging"),
    ("mounts", "volumes"),
    ("name", "container_name"),
    ("open_stdin", "stdin_open"),
    ("port_bindings", "ports"),
    ("restart.name", "restart"),
    ("shm_size", "shm_size"),
    ("stop_timeout", "stop_grace_period"),
    ("userns", "userns_mode"),
    ("pools", "ipam.config"),
];

/// What differs, by path; empty when the two are equal. Lists of things that have a name are compared by name.
pub(super) fn changes<T: Serialize>(old: &T, new: &T) -> Vec<FieldChange> {
    let (old, new) = (leaves(old), leaves(new));
    let mut found = Vec::new();
    for (path, before) in &old {
        let after = new.get(path);
        if after != Some(before) {
            found.push(FieldChange {
                path: compose_path(path),
                old: Some(in_words(path, before)),
                new: after.map(|after| in_words(path, after)),
                place: None,
            });
        }
    }
    for (path, after) in &new {
        if !old.contains_key(path) {
            found.push(FieldChange {
                path: compose_path(path),
                old: None,
                new: Some(in_words(path, after)),
                place: None,
            });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn leaves<T: Serialize>(value: &T) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    if let Ok(value) = serde_json::to_value(value) {
        walk("", &value, &mut all);
    }
    all
}

fn walk(path: &str, value: &Value, all: &mut BTreeMap<String, String>) {
    let below = |key: &str| {
        if path.is_empty() {
            key.to_string()
        } else {
            format!("{path}.{key}")
        }
    };
    match value {
        // Nothing set: the same as not being there.
        Value::Null | Value::Bool(false) => {
            // A variable without a value is something else than no variable.
            if path.starts_with("environment.") {
                all.insert(path.to_string(), "(unset)".to_string());
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                walk(&below(key), value, all);
            }
        }
        Value::Array(items)
            if !items.is_empty() && items.iter().all(|item| name_of(item).is_some()) =>
        {
            for item in items {
                let mut key = below(&name_of(item).unwrap_or_default());
                while all.contains_key(&key) {
                    key.push('\'');
                }
                all.insert(key, shown(item));
            }
        }
        // An empty command clears the image's, while an empty list of anything else is none.
        Value::Array(items) if items.is_empty() && !is_command(path) => {}
        Value::String(text) if text.is_empty() && !path.starts_with("environment.") => {}
        other => {
            all.insert(path.to_string(), shown(other));
        }
    }
}

/// A value as one would write it in a Compose file.
fn in_words(path: &str, value: &str) -> String {
    let Ok(number) = value.parse::<i64>() else {
        return value.to_string();
    };
    let time = |nanos: i64| Duration::from_nanos(nanos).to_string();
    match path {
        "limits.nano_cpus" => {
            let whole = format!("{}.{:09}", number / BILLION, number % BILLION);
            whole
                .trim_end_matches('0')
                .trim_end_matches('.')
                .to_string()
        }
        "limits.memory" | "limits.memory_reservation" | "limits.memory_swap" | "shm_size" => {
            byte_size(number)
        }
        "healthcheck.interval"
        | "healthcheck.timeout"
        | "healthcheck.start_period"
        | "healthcheck.start_interval" => time(number),
        "stop_timeout" => format!("{number}s"),
        _ => value.to_string(),
    }
}

const BILLION: i64 = 1_000_000_000;

/// The largest unit in which it is a whole number, as Compose files have it.
fn byte_size(bytes: i64) -> String {
    [(30, "g"), (20, "m"), (10, "k")]
        .into_iter()
        .find(|(bits, _)| bytes > 0 && bytes % (1 << bits) == 0)
        .map_or(bytes.to_string(), |(bits, unit)| {
            format!("{}{unit}", bytes >> bits)
        })
}

fn is_command(path: &str) -> bool {
    matches!(path, "command" | "entrypoint")
}

/// What tells an entry of a list from the others.
fn name_of(item: &Value) -> Option<String> {
    let text = |key: &str| item.get(key).and_then(Value::as_str);
    if let Some(port) = item.get("container_port") {
        return Some(format!("{port}/{}", text("protocol").unwrap_or("tcp")));
    }
    text("target")
        .or_else(|| text("name"))
        .map(|name| name.to_string())
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(map) if map.contains_key("container_port") => binding(map),
        Value::Object(map) => {
            let parts: Vec<String> = map
                .iter()
                .filter(|(_, value)| match value {
                    Value::Null | Value::Bool(false) => false,
                    Value::String(text) => !text.is_empty(),
                    Value::Array(items) => !items.is_empty(),
                    Value::Object(map) => !map.is_empty(),
                    Value::Bool(true) | Value::Number(_) => true,
                })
                .map(|(key, value)| format!("{key}={}", shown(value)))
                .collect();
            parts.join(" ")
        }
        other => other.to_string(),
    }
}

/// A published port in the short form.
fn binding(map: &Map<String, Value>) -> String {
    let part = |key: &str| map.get(key).map(shown).unwrap_or_default();
    let mut text = String::new();
    for side in ["host_ip", "host_port"] {
        let value = part(side);
        if !value.is_empty() {
            text.push_str(&value);
            text.push(':');
        }
    }
    text + &part("container_port") + "/" + &part("protocol")
}

fn compose_path(path: &str) -> String {
    for (own, compose) in NAMES {
        if let Some(rest) = path.strip_prefix(own)
            && (rest.is_empty()
                || rest.starts_with('.')
                || own.ends_with('.')
                || own.ends_with("blkio"))
        {
            return format!("{compose}{rest}");
        }
    }
    path.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{ContainerSpec, PortBinding};

    fn spec() -> ContainerSpec {
        ContainerSpec {
            image: "x".into(),
            environment: [("A".to_string(), Some("1".to_string()))].into(),
            ..ContainerSpec::default()
        }
    }

    #[test]
    fn names_fields_as_compose_does() {
        let old = spec();
        let mut new = spec();
        new.environment.insert("A".into(), Some("2".into()));
        new.environment.insert("B".into(), None);
        new.limits.memory = Some(1 << 20);
        new.limits.nano_cpus = Some(500_000_000);
        new.command = Some(Vec::new());
        new.port_bindings.push(PortBinding {
            container_port: 80,
            protocol: "tcp".into(),
            host_ip: String::new(),
            host_port: "8080".into(),
        });
        let lines: Vec<String> = changes(&old, &new)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            lines,
            [
                "command: (none) -> []",
                "cpus: (none) -> 0.5",
                "environment.A: 1 -> 2",
                "environment.B: (none) -> (unset)",
                "mem_limit: (none) -> 1m",
                "ports.80/tcp: (none) -> 8080:80/tcp",
            ]
        );
        assert!(changes(&new, &new).is_empty());
    }
}
