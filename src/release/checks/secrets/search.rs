use std::io::{self, Read};

use crate::image::Interest;
use crate::secret::{PATTERNS, REACH};

/// Bytes that are searched at a time.
const CHUNK: usize = 256 * 1024;
const KEPT_FINDINGS: usize = 5;

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
    /// `values`: those of [`super::SecretValues`]. `is_on`: files are searched. `keeps`: files that are wanted whole.
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(
            search
                .find(b"tokens begin with ghp_, npm_ or AKIA")
                .is_empty()
        );
        let key = format!("-----BEGIN PRIVATE KEY-----\n{}\n", "A".repeat(64));
        assert_eq!(search.find(key.as_bytes()), ["a private key"]);
        let encrypted = b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n";
        assert_eq!(search.find(encrypted), ["a private key"]);
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
}
