use super::is_secret;
use super::pattern::{PATTERNS, letter, run_of, upper, word};

/// Something that looks like a secret by itself, whatever people call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detected {
    /// What it looks like: `Github authentication`.
    pub what: &'static str,
    /// What it is called where it was found. Empty: it stands alone.
    pub key: String,
    pub value: String,
}

/// What a secret is called, and whether a value is one of its kind.
type Rule = (&'static str, fn(&str) -> bool);

/// What else tells a secret, in values that somebody wrote: too weak a sign for the files of a whole image, where examples and tests
/// are full of them. The first that applies counts.
const RULES: [Rule; 13] = [
    ("AWS Client ID", |value| {
        pieces(value).any(|piece| {
            let rest = AWS_CLIENTS
                .iter()
                .find_map(|start| piece.strip_prefix(start));
            rest.is_some_and(|rest| {
                piece.len() == 20 && run_of(rest.as_bytes(), upper) == rest.len()
            })
        })
    }),
    ("AWS Secret Key", is_aws_secret),
    ("AWS MWS Key", |value| {
        after(value, "amzn.mws.")
            .is_some_and(|rest| run_of(rest, |byte| byte == b'-' || byte.is_ascii_hexdigit()) == 36)
    }),
    ("Azure Storage Account access key", |value| {
        after(value, "AccountKey=")
            .is_some_and(|rest| run_of(rest, base64) == 86 && rest.get(86..88) == Some(b"=="))
    }),
    ("Basic Authentication", |value| credentials(value, "Basic ")),
    ("Bearer Authentication", |value| {
        credentials(value, "Bearer ")
    }),
    ("JSON Web Token", |value| pieces(value).any(is_web_token)),
    ("SendGrid API Key", |value| {
        after(value, "SG.").is_some_and(|rest| {
            run_of(rest, word) == 22
                && rest.get(22) == Some(&b'.')
                && run_of(rest.get(23..).unwrap_or_default(), word) == 43
        })
    }),
    ("Slack Token", |value| {
        ["xoxa-", "xoxr-", "xoxs-", "xapp-"]
            .iter()
            .any(|start| after(value, start).is_some_and(|rest| run_of(rest, word) >= 20))
            || value.contains("https://hooks.slack.com/services/T")
    }),
    ("Square OAuth Secret", |value| {
        ["sq0atp-", "sq0csp-"]
            .iter()
            .any(|start| after(value, start).is_some_and(|rest| run_of(rest, word) >= 22))
    }),
    ("Mailchimp Access Key", |value| {
        pieces(value).any(|piece| {
            piece.split_once("-us").is_some_and(|(key, center)| {
                key.len() == 32
                    && key.bytes().all(|byte| byte.is_ascii_hexdigit())
                    && matches!(center.len(), 1 | 2)
                    && center.bytes().all(|byte| byte.is_ascii_digit())
            })
        })
    }),
    ("URL with password", has_password),
    ("High entropy string", |value| {
        pieces(value).any(|piece| {
            piece.len() >= 32
                && piece
                    .bytes()
                    .all(|byte| base64(byte) || word(byte) || byte == b'=')
                && entropy(piece) >= HIGH_ENTROPY
        })
    }),
];

/// What the ids of AWS access keys, users, roles and the like begin with, except for one further letter or digit after `A3T`.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>
const AWS_CLIENTS: [&str; 9] = [
    "A3T", "AKIA", "AGPA", "AIDA", "AROA", "AIPA", "ANPA", "ANVA", "ASIA",
];

/// Bits a character from which a text of base64 hardly means anything: words and paths stay below it, hexadecimal digits have 4.
const HIGH_ENTROPY: f64 = 5.0;
/// As [`HIGH_ENTROPY`], for what already has a secret's name.
const SUSPICIOUS_ENTROPY: f64 = 4.0;

/// The values of these that look like secrets, each key once.
pub fn in_pairs<'p>(pairs: impl IntoIterator<Item = (&'p str, &'p str)>) -> Vec<Detected> {
    let mut found: Vec<Detected> = Vec::new();
    for (key, value) in pairs {
        if !key.is_empty() && found.iter().any(|one| one.key == key) {
            continue;
        }
        if let Some((what, value)) = in_value(key, value) {
            found.push(Detected {
                what,
                key: key.to_owned(),
                value: value.to_owned(),
            });
        }
    }
    found
}

/// What looks like a secret in a file of any kind, line by line: `KEY=VALUE`, `key: value`, or a value alone. Keys of several lines
/// are found whole.
pub fn in_text(text: &str) -> Vec<Detected> {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    let mut rest = text;
    while let Some((before, block, after)) = next_block(rest) {
        pairs.extend(before.lines().map(pair));
        pairs.push(("", block));
        rest = after;
    }
    pairs.extend(rest.lines().map(pair));
    in_pairs(pairs)
}

fn in_value<'v>(key: &str, value: &'v str) -> Option<(&'static str, &'v str)> {
    let value = value.trim();
    // What is only named is given by whoever reads the file.
    if value.is_empty() || value.starts_with('$') {
        return None;
    }
    if let Some((_, block, _)) = next_block(value) {
        return Some(("Private Key", block));
    }
    let by_pattern = PATTERNS.iter().find(|pattern| {
        starts(value, pattern.beginning).any(|rest| (pattern.follows)(rest.as_bytes()))
    });
    let what = by_pattern.map(|pattern| title(pattern.what)).or_else(|| {
        let rule = RULES.iter().find(|(_, applies)| applies(value));
        rule.map(|(what, _)| *what)
    });
    let last = key.rsplit('.').next().unwrap_or(key);
    what.or_else(|| {
        (is_secret(last) && entropy(value) >= SUSPICIOUS_ENTROPY).then_some("Keyword Detector")
    })
    .map(|what| (what, value))
}

/// A pattern's name at the head of a finding.
fn title(what: &'static str) -> &'static str {
    match what {
        "a private key" => "Private Key",
        "an AWS access key" => "AWS Client ID",
        "a Google API key" => "Google API Key",
        "a GitHub token" => "Github authentication",
        "a GitLab token" => "GitLab authentication",
        "a Slack token" => "Slack Token",
        "a Stripe key" => "Stripe Access Key",
        "an npm token" => "NPM Token",
        "a Docker Hub token" => "Docker Hub authentication",
        "a Vault token" => "Vault Token",
        "a PyPI token" => "PyPI Token",
        other => other,
    }
}

/// The first private key in a text, with what stands before and after it.
fn next_block(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(at) = text.get(from..)?.find("-----BEGIN ") {
        let start = from + at;
        let label = text[start..].strip_prefix("-----BEGIN ")?;
        let label = label.split("-----").next().unwrap_or_default();
        let end = format!("-----END {label}-----");
        if label.contains("PRIVATE KEY")
            && let Some(length) = text[start..].find(&end)
        {
            let end = start + length + end.len();
            return Some((&text[..start], &text[start..end], &text[end..]));
        }
        from = start + "-----BEGIN ".len();
    }
    None
}

/// A line's key and value; a line without a key has an empty one.
fn pair(line: &str) -> (&str, &str) {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let is_name = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '"' | '\'' | ' ')
    };
    let bare = |text| {
        str::trim_matches(text, |c: char| {
            c.is_whitespace() || matches!(c, '"' | '\'' | ',')
        })
    };
    for sign in ["=", ": ", ":"] {
        if let Some((key, value)) = line.split_once(sign)
            && !bare(key).is_empty()
            && key.chars().all(is_name)
            && !value.starts_with("//")
        {
            return (bare(key), bare(value));
        }
    }
    ("", line)
}

/// What follows every place where `start` begins a word.
fn starts<'v>(value: &'v str, start: &'v str) -> impl Iterator<Item = &'v str> {
    value
        .match_indices(start)
        .filter(move |(at, _)| {
            let before = value[..*at].bytes().next_back();
            before.is_none_or(|byte| !letter(byte) && byte != b'_')
        })
        .map(move |(at, _)| &value[at + start.len()..])
}

fn after<'v>(value: &'v str, start: &'v str) -> Option<&'v [u8]> {
    starts(value, start).next().map(str::as_bytes)
}

/// The pieces of a value that quotes, commas and white space part.
fn pieces(value: &str) -> impl Iterator<Item = &str> {
    value.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ';' | '&' | '?'))
}

fn base64(byte: u8) -> bool {
    letter(byte) || byte == b'+' || byte == b'/'
}

/// Forty characters of base64 in quotes after `aws`: the key itself has no mark of its own.
fn is_aws_secret(value: &str) -> bool {
    let Some(at) = value.to_ascii_lowercase().find("aws") else {
        return false;
    };
    value[at..]
        .split(['"', '\''])
        .skip(1)
        .any(|piece| piece.len() == 40 && piece.bytes().all(base64))
}

fn credentials(value: &str, scheme: &str) -> bool {
    let encoded = |byte| base64(byte) || matches!(byte, b'-' | b'_' | b'.' | b'~');
    after(value, scheme).is_some_and(|rest| run_of(rest, encoded) >= 8)
}

/// Three parts of base64, the first two of which are JSON objects.
/// <https://www.rfc-editor.org/rfc/rfc7519#section-3>
fn is_web_token(piece: &str) -> bool {
    let mut parts = piece.split('.');
    let mut is_part = |start: &str| {
        parts.next().is_some_and(|part| {
            part.len() >= 10 && part.starts_with(start) && part.bytes().all(word)
        })
    };
    is_part("eyJ") && is_part("eyJ") && is_part("")
}

/// Whether a text has `scheme://user:password@host`, with a password that is written out.
pub fn has_password(value: &str) -> bool {
    value.match_indices("://").any(|(at, sign)| {
        let authority = value[at + sign.len()..]
            .split(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\''))
            .next()
            .unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| {
            user.split_once(':')
                .is_some_and(|(_, password)| !password.is_empty() && !password.contains('$'))
        })
    })
}

/// Shannon's entropy of a text, in bits a byte.
/// <https://en.wikipedia.org/wiki/Entropy_(information_theory)>
fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let length = text.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / length)
        .map(|share| -share * share.log2())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Option<&'static str> {
        in_value("x", value).map(|(what, _)| what)
    }

    #[test]
    fn secrets_are_known_by_what_they_look_like() {
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijklmnop";
        for (value, what) in [
            ("A3TX1234567890ABCDEF", "AWS Client ID"),
            ("AKIA1234567890ABCDEF", "AWS Client ID"),
            (
                "aws\"12345+67890/abcdefghijklm+NOPQRSTUVWXYZ+\"",
                "AWS Secret Key",
            ),
            (
                "ghp_1234567890abcdefghijklmnopqrstuvwxyz",
                "Github authentication",
            ),
            (token, "JSON Web Token"),
            ("Basic ZDp6cgAAAA==", "Basic Authentication"),
            (
                "smtp://user:p455w0rd@mail.example:465/",
                "URL with password",
            ),
            (
                "q7Zr2Xw9Kd4Lm8Vt1Bn6Hc3Pf5Gs0JyUaEoIiQRTYuW",
                "High entropy string",
            ),
        ] {
            assert_eq!(of(value), Some(what), "{value}");
        }
    }

    #[test]
    fn names_paths_digests_and_variables_are_none() {
        for value in [
            "",
            "bar",
            "${TOKEN}",
            "$TOKEN",
            "postgres://user:${PASSWORD}@db/app",
            "postgres://user@db/app",
            "registry.example/team/app@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "/usr/local/lib/python3.12/site-packages/application/settings/production.py",
            "tokens begin with ghp_ or AKIA",
            "-----BEGIN PRIVATE KEY-----",
        ] {
            assert_eq!(of(value), None, "{value}");
        }
    }

    #[test]
    fn a_name_makes_what_is_random_suspicious() {
        let what = |key, value| in_value(key, value).map(|(what, _)| what);
        let random = "kX9-vQ2_mZ7-pL4_wR8";
        assert_eq!(
            what("services.a.environment.DB_PASSWORD", random),
            Some("Keyword Detector")
        );
        assert_eq!(what("services.a.environment.DB_HOST", random), None);
        assert_eq!(what("DB_PASSWORD", "postgres"), None);
    }

    #[test]
    fn files_are_read_line_by_line_and_keys_whole() {
        let key = "-----BEGIN DSA PRIVATE KEY-----\nwxyz+ABC=\n-----END DSA PRIVATE KEY-----";
        let text = format!(
            "A=1\nGITHUB_TOKEN=ghp_1234567890abcdefghijklmnopqrstuvwxyz\n{key}\n\"id\": \"AKIA1234567890ABCDEF\",\n"
        );
        let found = in_text(&text);
        let found: Vec<(&str, &str, &str)> = found
            .iter()
            .map(|one| (one.what, one.key.as_str(), one.value.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                (
                    "Github authentication",
                    "GITHUB_TOKEN",
                    "ghp_1234567890abcdefghijklmnopqrstuvwxyz"
                ),
                ("Private Key", "", key),
                ("AWS Client ID", "id", "AKIA1234567890ABCDEF"),
            ]
        );
    }
}
