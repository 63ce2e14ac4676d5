use crate::source::{Kind, Node};

const HIDDEN: &str = "********";

/// Words in a key that make its value a secret.
const WORDS: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "private_key",
    "privatekey",
    "api_key",
    "apikey",
    "access_key",
];

/// Hides every value that looks like a secret: of keys that name one, in `NAME=VALUE` texts, and the password in a URL.
pub fn mask(node: &mut Node) {
    match &mut node.kind {
        Kind::String(text) => {
            if let Some(masked) = masked(text) {
                *text = masked.into();
            }
        }
        Kind::Sequence(items) => items.iter_mut().for_each(mask),
        Kind::Mapping(members) => {
            for (key, member) in members {
                if is_secret(&key.text) && is_value(member) {
                    member.kind = Kind::String(HIDDEN.into());
                } else {
                    mask(member);
                }
            }
        }
        _ => {}
    }
    node.history = None;
}

/// A scalar that can hold a secret; a path to one is none.
fn is_value(node: &Node) -> bool {
    match &node.kind {
        Kind::String(text) => !text.is_empty() && !text.starts_with('/'),
        Kind::Int(_) | Kind::Float(_) => true,
        _ => false,
    }
}

/// Whether a variable or key of this name holds a secret.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    WORDS.iter().any(|word| name.contains(word)) || name == "pass" || name.ends_with("_pass")
}

fn masked(text: &str) -> Option<String> {
    if let Some((name, value)) = text.split_once('=')
        && !name.contains(char::is_whitespace)
        && is_secret(name)
        && !value.is_empty()
    {
        return Some(format!("{name}={HIDDEN}"));
    }
    let (scheme, rest) = text.split_once("://")?;
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (user, host) = rest[..authority_end].rsplit_once('@')?;
    let (user, _) = user.split_once(':')?;
    Some(format!(
        "{scheme}://{user}:{HIDDEN}@{host}{}",
        &rest[authority_end..]
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_passwords_and_leaves_the_rest() {
        for (text, hidden) in [
            ("postgres://u:p@db/x", Some("postgres://u:********@db/x")),
            ("POSTGRES_PASSWORD=x", Some("POSTGRES_PASSWORD=********")),
            ("postgres://u@db/x", None),
            ("http://db:80/a@b:c", None),
            ("A=b", None),
        ] {
            assert_eq!(masked(text).as_deref(), hidden);
        }
        for name in ["DB_PASS", "api-key", "AccessToken"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["PASSENGERS", "KEYBOARD", "monkey"] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
