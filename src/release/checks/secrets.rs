use std::io::{self, Read};
use std::path::Path;

use super::{Checked, Inspected};
use crate::image::Interest;
use crate::load::{Disk, Environment};
use crate::model::Project;
use crate::secret::is_secret;

const CHECK: &str = "secrets";
/// Shorter values are words that stand everywhere.
const SHORTEST: usize = 8;
/// Of a secret of several lines, those of this length are looked for.
const LONG_LINE: usize = 24;
const LARGEST_SECRET: u64 = 1 << 20;
/// Bytes that are searched at a time.
const CHUNK: usize = 256 * 1024;
/// Bytes behind a pattern's beginning that decide whether it is one.
const REACH: usize = 160;
const KEPT_FINDINGS: usize = 5;
/// Findings of an image that are told one by one.
const TOLD: usize = 20;
/// Passwords that hide nothing, and stand in the documentation of every program.
const WORDS: [&str; 4] = ["password", "changeme", "postgres", "rabbitmq"];

/// What tokens and keys look like, whoever they belong to.
struct Pattern {
    what: &'static str,
    beginning: &'static str,
    /// Whether what follows is a secret, not only talk about one.
    follows: fn(&[u8]) -> bool,
}

const PATTERNS: [Pattern; 12] = [
    pattern("a private key", "-----BEGIN PRIVATE KEY-----", key_lines),
    pattern(
        "a private key",
        "-----BEGIN RSA PRIVATE KEY-----",
        key_lines,
    ),
    pattern("a private key", "-----BEGIN EC PRIVATE KEY-----", key_lines),
    pattern(
        "a private key",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        key_lines,
    ),
    pattern("an AWS access key", "AKIA", |rest| {
        run_of(rest, upper) == 16
    }),
    pattern("a GitHub token", "ghp_", |rest| run_of(rest, letter) >= 36),
    pattern("a GitHub token", "ghs_", |rest| run_of(rest, letter) >= 36),
    pattern("a GitHub token", "github_pat_", |rest| {
        run_of(rest, word) >= 60
    }),
    pattern("a GitLab token", "glpat-", |rest| run_of(rest, word) >= 20),
    pattern("a Slack token", "xoxb-", |rest| run_of(rest, word) >= 40),
    pattern("a Stripe key", "sk_live_", |rest| {
        run_of(rest, letter) >= 24
    }),
    pattern("a PyPI token", "pypi-AgEIcHlwaS5vcmc", |rest| {
        run_of(rest, word) >= 40
    }),
];

/// Files that are a secret by their name, at the end of a path.
const SECRET_FILES: [&str; 8] = [
    "/id_rsa",
    "/id_ed25519",
    "/id_ecdsa",
    "/.git-credentials",
    "/.netrc",
    "/.pgpass",
    "/.docker/config.json",
    "/.aws/credentials",
];

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

fn run_of(bytes: &[u8], allowed: fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| allowed(**byte)).count()
}

fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// A line end and a line of base64: libraries hold the beginning alone.
fn key_lines(rest: &[u8]) -> bool {
    let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
    let Some(rest) = rest.strip_prefix(b"\n") else {
        return false;
    };
    run_of(rest, |byte| letter(byte) || byte == b'+' || byte == b'/') >= 40
}

/// Looks for patterns and values in the files of an image.
pub struct SecretSearch {
    finder: aho_corasick::AhoCorasick,
    /// What each needle after the patterns is the secret of.
    names: Vec<String>,
    longest: usize,
    /// Whether a file's content is kept as well.
    keeps: fn(&str) -> bool,
    is_on: bool,
}

impl SecretSearch {
    /// `values`: as [`values_of`] gives them. `is_on`: files are searched. `keeps`: files that are wanted whole.
    ///
    /// # Errors
    /// When there are too many values to look for.
    pub fn new(
        values: &[(String, Vec<u8>)],
        is_on: bool,
        keeps: fn(&str) -> bool,
    ) -> io::Result<SecretSearch> {
        let patterns = PATTERNS.iter().map(|one| one.beginning.as_bytes());
        let needles: Vec<&[u8]> = patterns
            .chain(values.iter().map(|(_, value)| value.as_slice()))
            .collect();
        Ok(SecretSearch {
            finder: aho_corasick::AhoCorasick::new(&needles).map_err(io::Error::other)?,
            names: values.iter().map(|(name, _)| name.clone()).collect(),
            longest: needles.iter().map(|one| one.len()).max().unwrap_or(0),
            keeps,
            is_on,
        })
    }

    /// What is found in a text.
    pub fn find(&self, text: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        self.find_in(text, true, &mut found);
        found
    }

    fn find_in(&self, text: &[u8], with_patterns: bool, found: &mut Vec<String>) {
        for hit in self.finder.find_overlapping_iter(text) {
            let number = hit.pattern().as_usize();
            let what = match PATTERNS.get(number) {
                Some(pattern) => {
                    let rest = text.get(hit.end()..).unwrap_or_default();
                    if !with_patterns || !(pattern.follows)(rest) {
                        continue;
                    }
                    pattern.what.to_owned()
                }
                None => match self.names.get(number - PATTERNS.len()) {
                    Some(name) => name.clone(),
                    None => continue,
                },
            };
            if found.len() < KEPT_FINDINGS && !found.contains(&what) {
                found.push(what);
            }
        }
    }
}

impl Interest for SecretSearch {
    fn keeps(&self, path: &str) -> bool {
        (self.keeps)(path)
    }

    fn scan(&mut self, path: &str, content: &mut dyn Read) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        if !self.is_on {
            return Ok(found);
        }
        let overlap = self.longest + REACH;
        let mut buffer = vec![0; CHUNK + overlap];
        let mut filled = 0;
        let mut is_empty = true;
        let mut is_library = None;
        loop {
            let count = content.read(buffer.get_mut(filled..).unwrap_or_default())?;
            is_empty &= count == 0;
            filled += count;
            if count == 0 || filled == buffer.len() {
                let text = buffer.get(..filled).unwrap_or_default();
                let is_library = *is_library.get_or_insert_with(|| is_system_library(path, text));
                self.find_in(text, !is_library, &mut found);
                if count == 0 {
                    break;
                }
                // What stands across the border is seen with the next chunk.
                buffer.copy_within(filled - overlap..filled, 0);
                filled = overlap;
            }
        }
        let path = format!("/{path}");
        if !is_empty && SECRET_FILES.iter().any(|end| path.ends_with(end)) {
            found.push("a file of credentials".to_owned());
        }
        Ok(found)
    }
}

/// Whether a file is a compiled library of the system. TLS libraries hold whole keys to test themselves with; what the project
/// keeps secret is looked for in them all the same.
fn is_system_library(path: &str, beginning: &[u8]) -> bool {
    (path.starts_with("usr/lib/") || path.starts_with("lib/")) && beginning.starts_with(b"\x7fELF")
}

/// Every secret value that the project knows: of its `secrets`, of variables and build arguments whose names say so, and
/// passwords in URLs.
pub fn values_of(
    project: &Project,
    environment: &Environment,
    disk: &dyn Disk,
) -> Vec<(String, Vec<u8>)> {
    let mut values: Vec<(String, Vec<u8>)> = Vec::new();
    let mut add = |name: String, text: &str| {
        for needle in needles(text) {
            if !values.iter().any(|(_, known)| known == needle.as_bytes()) {
                values.push((name.clone(), needle.into_bytes()));
            }
        }
    };
    for (name, secret) in &project.secrets {
        let what = format!("the secret `{name}`");
        if let Some(path) = &secret.file {
            let read = disk.read(Path::new(path), LARGEST_SECRET);
            let text = read.ok().and_then(|bytes| String::from_utf8(bytes).ok());
            add(what, &text.unwrap_or_default());
        } else if let Some(variable) = &secret.environment {
            add(what, environment.get(variable).unwrap_or_default());
        } else if let Some(content) = &secret.content {
            add(what, content);
        }
    }
    for (service, definition) in &project.services {
        let own = definition.environment.iter();
        let arguments = definition.build.iter().flat_map(|build| build.args.iter());
        for (name, value) in own.chain(arguments) {
            let Some(value) = value.as_deref().or_else(|| environment.get(name)) else {
                continue;
            };
            // A variable that only containers need and that has no value stands there as it is written.
            if value.starts_with("${") {
                continue;
            }
            let what = format!("the value of `{name}` of service `{service}`");
            if is_secret(name) {
                add(what, value);
            } else if let Some(password) = password_of(value) {
                add(
                    format!("the password in `{name}` of service `{service}`"),
                    password,
                );
            }
        }
    }
    values
}

/// The texts to look for; a secret of several lines is looked for by its long lines, and certificates are none.
fn needles(text: &str) -> Vec<String> {
    let text = text.trim();
    if !text.contains('\n') {
        return match text.len() < SHORTEST || WORDS.contains(&text) {
            true => Vec::new(),
            false => vec![text.to_owned()],
        };
    }
    let mut needles = Vec::new();
    let mut is_public = false;
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("-----BEGIN") {
            is_public = line.contains("CERTIFICATE") || line.contains("PUBLIC");
        } else if line.starts_with("-----END") {
            is_public = false;
        } else if !is_public && line.len() >= LONG_LINE && !line.starts_with('#') {
            needles.push(line.to_owned());
        }
    }
    needles
}

fn password_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    let (credentials, _) = authority.rsplit_once('@')?;
    credentials.split_once(':').map(|(_, password)| password)
}

/// No secret is in the image's files, of any layer, nor in its environment, its labels or its history.
pub(super) fn check(inspected: &Inspected<'_>) -> Checked {
    let limits = &inspected.component.limits;
    if limits.secrets == Some(false) {
        return Checked::skipped(CHECK, "not searched for");
    }
    let search = match SecretSearch::new(inspected.secrets, true, |_| false) {
        Ok(search) => search,
        Err(error) => return Checked::failed(CHECK, format!("cannot be searched for: {error}")),
    };
    let mut found = Vec::new();
    for entry in &inspected.image.environment {
        let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
        if is_secret(name) && !value.is_empty() {
            found.push(format!("the variable `{name}` of the image"));
        }
        for what in search.find(value.as_bytes()) {
            found.push(format!("{what} in the variable `{name}` of the image"));
        }
    }
    for (name, value) in &inspected.image.labels {
        for what in search.find(value.as_bytes()) {
            found.push(format!("{what} in the label `{name}`"));
        }
    }
    for step in inspected.history {
        for what in search.find(step.as_bytes()) {
            found.push(format!("{what} in the history"));
        }
        for argument in arguments_of(step) {
            found.push(format!("the build argument `{argument}` in the history"));
        }
    }
    for (number, layer) in inspected.layers.iter().enumerate() {
        for file in &layer.files {
            if file.findings.is_empty() || is_allowed(&file.path, &limits.secrets_allowed) {
                continue;
            }
            let line = inspected.steps.get(number);
            let line = line.and_then(|step| step.line.as_ref());
            let by = line.map_or(String::new(), |line| format!(", added by {line}"));
            let hidden = match inspected.tree.files.get(file.path.as_str()) {
                Some((seen, _)) if *seen == number => "",
                _ => " (removed above, but the layer is shipped all the same)",
            };
            for what in &file.findings {
                found.push(format!("{what} in `/{}`{by}{hidden}", file.path));
            }
        }
    }
    found.dedup();
    if found.is_empty() {
        let values = match inspected.secrets.len() {
            0 => "the project knows no value to look for".to_owned(),
            1 => "the project's one value is not in it".to_owned(),
            count => format!("none of the project's {count} values is in it"),
        };
        return Checked::passed(CHECK, format!("no key or token; {values}"));
    }
    let more = found.len().saturating_sub(TOLD);
    if more > 0 {
        found.truncate(TOLD);
        found.push(format!("and {more} more"));
    }
    Checked::failed(CHECK, "secrets are in the image").with(found)
}

/// Names of build arguments that the history shows with a value, and that are secrets by their names.
fn arguments_of(step: &str) -> Vec<&str> {
    let Some(rest) = step.split_once('|').map(|(_, rest)| rest) else {
        return Vec::new();
    };
    let mut words = rest.split(' ');
    let count = words.next().and_then(|count| count.parse::<usize>().ok());
    words
        .take(count.unwrap_or(0))
        .filter_map(|word| word.split_once('='))
        .filter(|(name, value)| is_secret(name) && !value.is_empty())
        .map(|(name, _)| name)
        .collect()
}

/// Whether a path matches one of the patterns, in which `*` stands for a part of a name and `**` for any path.
fn is_allowed(path: &str, patterns: &[String]) -> bool {
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
    use super::super::Verdict;
    use super::super::tests::Sample;
    use super::*;
    use crate::load::MemoryDisk;
    use crate::model::ReleaseLimits;

    fn search(values: &[(&str, &str)]) -> SecretSearch {
        let values: Vec<(String, Vec<u8>)> = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect();
        SecretSearch::new(&values, true, |_| false).unwrap()
    }

    #[test]
    fn patterns_are_told_from_talk_about_them() {
        let search = search(&[]);
        let token = format!("x=ghp_{}\n", "a1".repeat(18));
        assert_eq!(search.find(token.as_bytes()), ["a GitHub token"]);
        assert!(search.find(b"tokens begin with ghp_ or AKIA").is_empty());
        let key = format!("-----BEGIN PRIVATE KEY-----\n{}\n", "A".repeat(64));
        assert_eq!(search.find(key.as_bytes()), ["a private key"]);
        assert!(
            search
                .find(b"-----BEGIN PRIVATE KEY-----\0-----END")
                .is_empty()
        );
    }

    #[test]
    fn keys_that_libraries_test_themselves_with_are_none() {
        let mut search = search(&[("the secret `x`", "hunter2hunter2")]);
        let key = format!("-----BEGIN PRIVATE KEY-----\n{}\n", "A".repeat(64));
        let library = format!("\x7fELF{}{key}", ".".repeat(CHUNK));
        let mut found = |path: &str, text: &str| search.scan(path, &mut text.as_bytes()).unwrap();
        assert!(found("usr/lib/libtls.so.1", &library).is_empty());
        assert_eq!(found("srv/app", &library), ["a private key"]);
        assert_eq!(found("usr/lib/key.pem", &key), ["a private key"]);
        let leak = format!("{library}hunter2hunter2");
        assert_eq!(found("usr/lib/libtls.so.1", &leak), ["the secret `x`"]);
    }

    #[test]
    fn a_value_across_two_chunks_is_found() {
        let mut search = search(&[("the secret `x`", "hunter2hunter2")]);
        for before in [CHUNK - 7, CHUNK + 100, 2 * CHUNK + 300] {
            let mut content = vec![b'.'; before];
            content.extend(b"hunter2hunter2");
            content.extend(vec![b'.'; 10]);
            let found = search.scan("f", &mut content.as_slice()).unwrap();
            assert_eq!(found, ["the secret `x`"], "after {before} bytes");
        }
        let found = search.scan("root/.netrc", &mut &b"machine"[..]).unwrap();
        assert_eq!(found, ["a file of credentials"]);
    }

    #[test]
    fn the_projects_secrets_are_known_and_certificates_are_none() {
        let project: Project = serde_json::from_str(
            r#"{"name": "p", "secrets": {"key": {"file": "/s/key"}, "ca": {"file": "/s/ca"}, "env": {"environment": "E"}},
              "services": {"app": {"environment": {"DB": "postgres://u:longpassword@db/x", "API_TOKEN": "tokentoken", "A_TOKEN": "x"}}}}"#,
        )
        .unwrap();
        let certificate = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\nx\n",
            "B".repeat(64)
        );
        let disk = MemoryDisk::default()
            .with("/s/key", "filesecret\n")
            .with("/s/ca", certificate.as_str());
        let mut environment = Environment::default();
        environment
            .variables
            .insert("E".into(), "fromtheshell".into());
        let values = values_of(&project, &environment, &disk);
        let values: Vec<&str> = values
            .iter()
            .map(|(_, value)| std::str::from_utf8(value).unwrap())
            .collect();
        assert_eq!(
            values,
            ["filesecret", "fromtheshell", "longpassword", "tokentoken"]
        );
    }

    #[test]
    fn what_hides_nothing_is_not_looked_for() {
        let project: Project = serde_json::from_str(
            r#"{"name": "p", "services": {"app": {"environment": {
                "DB": "postgres://u:password@db/x",
                "MQ": "${MQ:?set it to amqp://user:something-long@host}"}}}}"#,
        )
        .unwrap();
        let (environment, disk) = (Environment::default(), MemoryDisk::default());
        assert!(values_of(&project, &environment, &disk).is_empty());
    }

    #[test]
    fn many_findings_are_counted() {
        let paths: Vec<String> = (0..30).map(|number| format!("f{number}")).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let mut sample = Sample::new(ReleaseLimits::default()).files(&paths);
        for file in &mut sample.layers[0].files {
            file.findings = vec!["a private key".into()];
        }
        let checked = sample.check(check);
        assert_eq!(checked.details.len(), 21);
        assert_eq!(checked.details[20], "and 10 more");
    }

    #[test]
    fn secrets_in_environment_history_and_any_layer_fail() {
        let sample = || Sample::new(ReleaseLimits::default());
        assert_eq!(sample().check(check).verdict, Verdict::Passed);
        let mut environment = sample();
        environment.image.environment = vec!["DB_PASSWORD=x".into()];
        assert_eq!(environment.check(check).verdict, Verdict::Failed);
        let mut history = sample();
        history.history = vec!["RUN |2 UID=1 API_TOKEN=x /bin/sh -c make # buildkit".into()];
        let checked = history.check(check);
        assert_eq!(
            checked.details,
            ["the build argument `API_TOKEN` in the history"]
        );
        let mut files = sample().files(&["etc/key"]).files(&["etc/.wh.key"]);
        files.layers[0].files[0].findings = vec!["a private key".into()];
        let checked = files.check(check);
        assert_eq!(checked.verdict, Verdict::Failed);
        assert!(checked.details[0].contains("removed above"), "{checked:?}");
        files.component.limits.secrets_allowed = vec!["/etc/*".into()];
        assert_eq!(files.check(check).verdict, Verdict::Passed);
    }

    #[test]
    fn patterns_of_paths() {
        let allowed = |path, pattern: &str| is_allowed(path, &[pattern.to_owned()]);
        assert!(allowed("usr/lib/x/test.pem", "/usr/**/*.pem"));
        assert!(allowed("usr/test.pem", "/usr/**/*.pem"));
        assert!(!allowed("usr/lib/test.pem", "/usr/*.pem"));
        assert!(!allowed("usr/lib/test.key", "/usr/**/*.pem"));
    }
}
