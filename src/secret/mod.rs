//! What looks like a secret, by its name or by itself, and hiding it.

mod detect;
mod pattern;

pub use detect::{Detected, has_password, in_pairs, in_text};
pub use pattern::{PATTERNS, REACH};

use std::borrow::Cow;

use crate::source::{Kind, Node};

/// What stands in for a secret.
pub const MASK: &str = "********";

/// Words in names whose values are secrets.
const WORDS: [&str; 9] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "apikey",
    "api_key",
    "private_key",
];

/// Whether a variable of this name holds a secret. `.._FILE` names hold paths.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['-', '.'], "_");
    let word = WORDS.iter().any(|word| name.contains(word))
        || name.ends_with("_key")
        || name.ends_with("_pw")
        || name.ends_with("_pass")
        || name == "pass";
    word && !name.ends_with("_file") && !name.ends_with("_path")
}

/// The value as it may be shown: nothing of a secret, no password of a URL.
pub fn shown<'v>(name: &str, value: &'v str) -> Cow<'v, str> {
    if is_secret(name) && !value.is_empty() {
        return MASK.into();
    }
    without_password(value)
}

/// Replaces the password of every `scheme://user:password@host` in a text.
fn without_password(text: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut kept = 0;
    for (at, _) in text.match_indices("://") {
        let start = at + "://".len();
        if start < kept {
            continue;
        }
        let authority = &text[start..];
        let end = authority
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\''))
            .unwrap_or(authority.len());
        let Some(at_sign) = authority[..end].rfind('@') else {
            continue;
        };
        let Some(colon) = authority[..at_sign].find(':') else {
            continue;
        };
        if colon + 1 == at_sign {
            continue;
        }
        shown.push_str(&text[kept..=start + colon]);
        shown.push_str(MASK);
        kept = start + at_sign;
    }
    if kept == 0 {
        return text.into();
    }
    shown.push_str(&text[kept..]);
    shown.into()
}

/// As [`shown`], of a text that may be a `NAME=value` entry of a list, which has no name of its own.
pub fn shown_entry(name: &str, text: &str) -> String {
    match text.split_once('=') {
        Some((key, value)) if name.is_empty() && is_secret(key) => {
            format!("{key}={}", shown(key, value))
        }
        _ => shown(name, text).into(),
    }
}

/// The name that the items of a list have. Under a secret's name they are values of it, as in a matrix; others have none, and
/// those of `secrets` and `secrets-allowed` are no secrets themselves.
pub fn of_items(list: &str) -> &str {
    match is_secret(list) && !matches!(list, "secrets" | "secrets-allowed") {
        true => list,
        false => "",
    }
}

/// Masks every text of a tree: values of keys that are secrets, `NAME=value` entries of lists, passwords in URLs.
pub fn mask(node: &mut Node) {
    mask_as("", node);
}

/// As [`mask`], of the value that `name` has.
pub fn mask_as(name: &str, node: &mut Node) {
    match &mut node.kind {
        Kind::String(text) => *text = shown_entry(name, text).into(),
        Kind::Int(_) | Kind::Unsigned(_) | Kind::Float(_) if is_secret(name) => {
            node.kind = Kind::String(MASK.into());
        }
        Kind::Sequence(items) => {
            let name = of_items(name);
            items.iter_mut().for_each(|item| mask_as(name, item));
        }
        Kind::Mapping(entries) => {
            for (key, value) in entries.iter_mut() {
                mask_as(&key.text, value);
            }
        }
        _ => {}
    }
    // What a value was before is as secret as what it is.
    node.history = None;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::source::{SourceId, parse, to_json};

    #[test]
    fn hides_secrets_and_nothing_else() {
        for name in [
            "DB_PASSWORD",
            "API_TOKEN",
            "secret",
            "x-api-key",
            "SSH_KEY",
            "LDAP_PW",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "POSTGRES_PASSWORD_FILE",
            "KEYBOARD",
            "USER",
            "PASSENGER_COUNT",
        ] {
            assert!(!is_secret(name), "{name}");
        }
        assert_eq!(
            shown("A", "postgresql://u:p@h/d?x=y"),
            "postgresql://u:********@h/d?x=y"
        );
        assert_eq!(
            shown("A", "amqp://u@h http://x:1/ a://b:c@d"),
            "amqp://u@h http://x:1/ a://b:********@d"
        );
        assert_eq!(shown("A", "plain"), "plain");
        assert_eq!(shown("A", "http://h:80/@x"), "http://h:80/@x");
    }

    #[test]
    fn masks_a_document() {
        let text = "a: {environment: {DB_PASSWORD: x, PIN_TOKEN: 12, B: y}, args: [TOKEN=1, C=2], matrix: {DB_PASSWORD: [v, 3], DB: [w]}, secrets: [s]}";
        let mut root = parse(SourceId(0), text, &mut Diagnostics::default()).remove(0);
        mask(&mut root);
        assert_eq!(
            to_json(&root),
            "{\"a\":{\"environment\":{\"DB_PASSWORD\":\"********\",\"PIN_TOKEN\":\"********\",\"B\":\"y\"},\"args\":[\"TOKEN=********\",\"C=2\"],\"matrix\":{\"DB_PASSWORD\":[\"********\",\"********\"],\"DB\":[\"w\"]},\"secrets\":[\"s\"]}}"
        );
    }
}
