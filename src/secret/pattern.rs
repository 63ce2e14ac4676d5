/// What tokens and keys look like, whoever they belong to.
pub struct Pattern {
    pub what: &'static str,
    pub beginning: &'static str,
    /// Whether what follows is a secret, not only talk about one.
    pub follows: fn(&[u8]) -> bool,
}

/// Bytes behind a pattern's beginning that decide whether it is one.
pub const REACH: usize = 160;

pub const PATTERNS: [Pattern; 25] = [
    key("-----BEGIN PRIVATE KEY-----"),
    key("-----BEGIN ENCRYPTED PRIVATE KEY-----"),
    key("-----BEGIN RSA PRIVATE KEY-----"),
    key("-----BEGIN DSA PRIVATE KEY-----"),
    key("-----BEGIN EC PRIVATE KEY-----"),
    key("-----BEGIN OPENSSH PRIVATE KEY-----"),
    pattern(
        "a private key",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----",
        line_end,
    ),
    pattern("a private key", "AGE-SECRET-KEY-1", |rest| {
        run_of(rest, upper) >= 58
    }),
    pattern("an AWS access key", "AKIA", |rest| {
        run_of(rest, upper) == 16
    }),
    pattern("an AWS access key", "ASIA", |rest| {
        run_of(rest, upper) == 16
    }),
    pattern("a Google API key", "AIza", |rest| run_of(rest, word) == 35),
    pattern("a GitHub token", "ghp_", |rest| run_of(rest, letter) >= 36),
    pattern("a GitHub token", "gho_", |rest| run_of(rest, letter) >= 36),
    pattern("a GitHub token", "ghu_", |rest| run_of(rest, letter) >= 36),
    pattern("a GitHub token", "ghs_", |rest| run_of(rest, letter) >= 36),
    pattern("a GitHub token", "ghr_", |rest| run_of(rest, letter) >= 36),
    pattern("a GitHub token", "github_pat_", |rest| {
        run_of(rest, word) >= 60
    }),
    pattern("a GitLab token", "glpat-", |rest| run_of(rest, word) >= 20),
    pattern("a Slack token", "xoxb-", |rest| run_of(rest, word) >= 40),
    pattern("a Slack token", "xoxp-", |rest| run_of(rest, word) >= 40),
    pattern("a Stripe key", "sk_live_", |rest| {
        run_of(rest, letter) >= 24
    }),
    pattern("an npm token", "npm_", |rest| run_of(rest, letter) == 36),
    pattern("a Docker Hub token", "dckr_pat_", |rest| {
        run_of(rest, word) >= 27
    }),
    pattern("a Vault token", "hvs.", |rest| run_of(rest, word) >= 90),
    pattern("a PyPI token", "pypi-AgEIcHlwaS5vcmc", |rest| {
        run_of(rest, word) >= 40
    }),
];

const fn key(beginning: &'static str) -> Pattern {
    pattern("a private key", beginning, key_lines)
}

const fn pattern(
    what: &'static str,
    beginning: &'static str,
    follows: fn(&[u8]) -> bool,
) -> Pattern {
    Pattern {
        what,
        beginning,
        follows,
    }
}

pub(super) fn run_of(bytes: &[u8], allowed: fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| allowed(**byte)).count()
}

pub(super) fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

pub(super) fn letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

pub(super) fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn line_end(rest: &[u8]) -> bool {
    rest.starts_with(b"\n") || rest.starts_with(b"\r\n")
}

/// A line end, and a line of base64 or the header of an encrypted key: libraries hold the beginning alone.
fn key_lines(rest: &[u8]) -> bool {
    let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
    let Some(rest) = rest.strip_prefix(b"\n") else {
        return false;
    };
    rest.starts_with(b"Proc-Type: ")
        || run_of(rest, |byte| letter(byte) || byte == b'+' || byte == b'/') >= 40
}
