use super::Subject;
use crate::diagnostic::{Diagnostic, Diagnostics, closest};
use crate::source::{Node, Span};

/// What an engine refuses unless it has more than others: capabilities, and networks of the engine with the name of a misspelt mode.
pub(super) fn check(subject: &Subject, found: &mut Diagnostics) {
    let project = &subject.resolved.project;
    for (name, service) in &project.services {
        for (key, capabilities) in [
            ("cap_add", &service.cap_add),
            ("cap_drop", &service.cap_drop),
        ] {
            let written = subject.node(&["services", name, key]);
            let written = written.and_then(Node::as_sequence).unwrap_or_default();
            for capability in capabilities {
                let word = capability.to_uppercase();
                let word = word.strip_prefix("CAP_").unwrap_or(&word);
                if CAPABILITIES.contains(&word) {
                    continue;
                }
                let entry = written.iter().find(|one| one.as_str() == Some(capability));
                let finding = Diagnostic::warning(
                    "value-doubtful",
                    format!("Linux has no capability `{capability}`, which service `{name}` names"),
                )
                .at(entry.map_or(Span::NONE, |one| one.span), "");
                found.push(match closest(word, CAPABILITIES) {
                    Some(near) => finding.help(format!("write `{near}`")),
                    None => finding.help("write one as in capabilities(7), such as `NET_ADMIN`"),
                });
            }
        }
        if let Some(mode) = service.network_mode.as_deref()
            && !MODES.contains(&mode)
            && let Some(near) = closest(mode, MODES)
        {
            found.push(
                Diagnostic::warning(
                    "value-doubtful",
                    format!("`network_mode: {mode}` of service `{name}` means a network of the engine with that name"),
                )
                .at(subject.place(&["services", name, "network_mode"]), "")
                .help(format!("write `{near}` if that is meant")),
            );
        }
    }
}

const MODES: [&str; 3] = ["host", "none", "bridge"];

/// <https://man7.org/linux/man-pages/man7/capabilities.7.html>
const CAPABILITIES: [&str; 42] = [
    "ALL",
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];

#[cfg(test)]
mod tests {
    use crate::lint::advice;

    #[test]
    fn what_engines_seldom_have() {
        let text = "services: {a: {image: x, network_mode: hosts, cap_add: [NET_ADMN, SYS_TIME, cap_kill]}}\n";
        let found = advice(&[("docker-compose.dev.yml", text)]);
        let places: Vec<_> = found
            .iter()
            .filter(|(message, _)| message.starts_with("value-doubtful"))
            .map(|(_, place)| place.as_deref())
            .collect();
        assert_eq!(places, [Some("NET_ADMN"), Some("hosts")]);
    }
}
