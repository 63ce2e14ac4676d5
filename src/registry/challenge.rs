/// How a registry wants to be told who asks.
/// <https://distribution.github.io/distribution/spec/auth/token/>
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    Bearer {
        /// The address that gives tokens.
        realm: String,
        /// Empty: it is not to be told.
        service: String,
        /// `None`: what was asked needs no more than any token.
        scope: Option<String>,
    },
}

impl Challenge {
    /// Of a `WWW-Authenticate` header. `None`: it is of another kind.
    /// <https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1>
    pub(super) fn of(header: &str) -> Option<Challenge> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Challenge::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let parameters = parameters(rest);
        let value = |name: &str| {
            let found = parameters.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.clone())
        };
        Some(Challenge::Bearer {
            realm: value("realm")?,
            service: value("service").unwrap_or_default(),
            scope: value("scope").filter(|scope| !scope.is_empty()),
        })
    }
}

/// `a="x",b=y`: commas may stand in quotes.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches(|c: char| c == ',' || c.is_whitespace());
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        found.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        rest = left;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_whatever_stands_in_quotes() {
        assert_eq!(
            Challenge::of(
                "Bearer realm=\"https://auth.example/token\",service=\"registry.example\",scope=\"repository:a/b:pull,push\""
            ),
            Some(Challenge::Bearer {
                realm: "https://auth.example/token".into(),
                service: "registry.example".into(),
                scope: Some("repository:a/b:pull,push".into()),
            })
        );
        assert_eq!(
            Challenge::of("bearer realm=https://a/t, error=\"invalid_token\""),
            Some(Challenge::Bearer {
                realm: "https://a/t".into(),
                service: String::new(),
                scope: None,
            })
        );
        assert_eq!(Challenge::of("Basic realm=\"x\""), Some(Challenge::Basic));
        assert_eq!(Challenge::of("Negotiate"), None);
        assert_eq!(Challenge::of("Bearer service=x"), None);
    }
}
