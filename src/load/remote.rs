/// What kind of remote resource a reference in `extends`, `include` or `-f` names; `None` for a path on this machine.
pub(super) fn kind(reference: &str) -> Option<&'static str> {
    if reference.starts_with("oci://") {
        return Some("an OCI artifact");
    }
    let is_git = ["git://", "ssh://", "github.com/"]
        .iter()
        .any(|prefix| reference.starts_with(prefix))
        || is_scp_form(reference);
    if is_git {
        return Some("a git repository");
    }
    if reference.starts_with("https://") || reference.starts_with("http://") {
        let address = reference.split(['#', '?']).next().unwrap_or(reference);
        return Some(if address.ends_with(".git") {
            "a git repository"
        } else {
            "a web address"
        });
    }
    None
}

/// Whether a reference in `extends`, `include` or `-f` names something that is not on this machine.
pub fn is_remote(reference: &str) -> bool {
    kind(reference).is_some()
}

/// `user@host:path`.
fn is_scp_form(reference: &str) -> bool {
    let Some((user, rest)) = reference.split_once('@') else {
        return false;
    };
    let Some((host, _)) = rest.split_once(':') else {
        return false;
    };
    let is_name = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
    };
    is_name(user) && is_name(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_remote_references_from_paths() {
        for reference in [
            "https://github.com/o/r.git#main:sub",
            "github.com/o/r",
            "git@host:o/r.git",
            "ssh://host/r",
        ] {
            assert_eq!(kind(reference), Some("a git repository"), "{reference}");
        }
        assert_eq!(kind("oci://registry/app:1"), Some("an OCI artifact"));
        assert_eq!(kind("https://host/compose.yml"), Some("a web address"));
        for reference in ["./a.yml", "../x@y/z:1.yml", "c:/x.yml", "a@b"] {
            assert_eq!(kind(reference), None, "{reference}");
        }
    }
}
