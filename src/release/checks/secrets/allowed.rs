/// Whether a path matches one of the patterns, in which `*` stands for a part of a name and `**` for any path.
pub(super) fn is_allowed(path: &str, patterns: &[String]) -> bool {
    patterns.iter().any(|pattern| {
        let pattern = pattern.trim_start_matches('/');
        matches(pattern.as_bytes(), path.as_bytes())
    })
}

fn matches(pattern: &[u8], path: &[u8]) -> bool {
    match pattern {
        [] => path.is_empty(),
        [b'*', b'*', rest @ ..] => {
            let rest = rest.strip_prefix(b"/").unwrap_or(rest);
            (0..=path.len()).any(|at| matches(rest, path.get(at..).unwrap_or_default()))
        }
        [b'*', rest @ ..] => {
            let end = path
                .iter()
                .position(|byte| *byte == b'/')
                .unwrap_or(path.len());
            (0..=end).any(|at| matches(rest, path.get(at..).unwrap_or_default()))
        }
        [byte, rest @ ..] => match path {
            [first, more @ ..] if first == byte => matches(rest, more),
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_paths() {
        let allowed = |path, pattern: &str| is_allowed(path, &[pattern.to_owned()]);
        assert!(allowed("usr/lib/x/test.pem", "/usr/**/*.pem"));
        assert!(allowed("usr/test.pem", "/usr/**/*.pem"));
        assert!(!allowed("usr/lib/test.pem", "/usr/*.pem"));
        assert!(!allowed("usr/lib/test.key", "/usr/**/*.pem"));
    }
}
