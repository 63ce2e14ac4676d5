//! Layers on their way: files on the server, each of which grows until it is whole, so that a connection that breaks costs
//! what was in flight and nothing else.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use bytes::Bytes;
use futures_util::{Stream, stream};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

/// The directory on the server, of the user who logs in and for nobody else. Each project has its own: who ships another one
/// at the same time may send the same layers.
fn directory(project: &str) -> String {
    format!(r#"a="${{XDG_CACHE_HOME:-$HOME/.cache}}/wharf-ship" d="$a/{project}""#)
}

/// Days until what nobody came back for is removed.
const FORGOTTEN: u32 = 7;
/// Bytes read at once.
const READ: usize = 128 * 1024;

/// Says what is there of files, as `NAME SIZE DIGEST` lines.
pub(super) fn look(project: &str, names: &[String]) -> String {
    let directory = directory(project);
    format!(
        r#"set -eu
umask 077
{directory}
mkdir -p "$d"
find "$a" -type f -mtime +{FORGOTTEN} -exec rm -f {{}} + 2>/dev/null || true
cd "$d"
for f in {}; do
  if [ -f "$f" ]; then
    h=$(sha256sum < "$f")
    echo "$f $(wc -c < "$f") ${{h%% *}}"
  fi
done"#,
        names.join(" ")
    )
}

/// Takes the rest of a file from its input, and says what is there afterwards. The first bytes are copied: a session
/// that broke may still write to the old file.
pub(super) fn take(project: &str, name: &str, offset: u64) -> String {
    let directory = directory(project);
    format!(
        r#"set -eu
umask 077
{directory}
mkdir -p "$d"
cd "$d"
if [ {offset} -gt 0 ]; then head -c {offset} {name} > {name}.new; else : > {name}.new; fi
mv {name}.new {name}
cat >> {name}
h=$(sha256sum < {name})
echo "{name} $(wc -c < {name}) ${{h%% *}}""#
    )
}

/// Hands the files and then its input to the engine, and removes the files when it has taken them. `unpacks`: the engine reads
/// no stream of several gzip members.
pub(super) fn load(docker: &str, project: &str, names: &[String], unpacks: bool) -> String {
    let directory = directory(project);
    let names = names.join(" ");
    let unpacked = if unpacks { " | gzip -dc" } else { "" };
    format!(
        r#"set -eu
{directory}
cd "$d"
cat {names} -{unpacked} | {docker} load -q
rm -f {names}
cd /
rmdir "$d" "$a" 2>/dev/null || true"#
    )
}

/// What a script says of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct There {
    pub(super) size: u64,
    pub(super) digest: String,
}

pub(super) fn understand(said: &str) -> HashMap<String, There> {
    said.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let name = words.next()?.to_owned();
            let size = words.next()?.parse().ok()?;
            let digest = words.next()?.to_owned();
            Some((name, There { size, digest }))
        })
        .collect()
}

/// The digest of the first `size` bytes of a file. `None`: it is shorter.
pub(super) fn digest_of_start(path: &Path, size: u64) -> io::Result<Option<String>> {
    use std::io::Read;
    let mut file = std::fs::File::open(path)?.take(size);
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; READ];
    let mut read = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        read += count as u64;
        hasher.update(buffer.get(..count).unwrap_or_default());
    }
    Ok((read == size).then(|| hex::encode(hasher.finalize())))
}

/// A file from an offset on.
pub(super) async fn bytes_from(
    path: &Path,
    offset: u64,
) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>> {
    let mut file = tokio::fs::File::open(path).await?;
    file.seek(io::SeekFrom::Start(offset)).await?;
    Ok(stream::try_unfold(file, |mut file| async move {
        let mut buffer = vec![0; READ];
        let count = file.read(&mut buffer).await?;
        buffer.truncate(count);
        Ok((count > 0).then(|| (Bytes::from(buffer), file)))
    }))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// Runs a script as the server would.
    fn run(home: &Path, script: &str, input: &[u8]) -> (bool, String) {
        use std::io::Write;
        let mut child = Command::new("sh")
            .args(["-c", script])
            .env_remove("XDG_CACHE_HOME")
            .env("HOME", home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success(), said)
    }

    #[test]
    fn a_file_goes_on_where_it_was_cut() {
        let home = tempfile::tempdir().unwrap();
        let names = vec!["a.gz".to_owned(), "b.gz".to_owned()];
        assert_eq!(
            understand(&run(home.path(), &look("shop", &names), b"").1).len(),
            0
        );
        run(home.path(), &take("shop", "a.gz", 0), b"hello wor");
        let there = understand(&run(home.path(), &look("shop", &names), b"").1);
        let local = home.path().join("local");
        std::fs::write(&local, "hello world").unwrap();
        let start = digest_of_start(&local, there["a.gz"].size).unwrap();
        assert_eq!(start.as_ref(), Some(&there["a.gz"].digest));
        let (_, said) = run(home.path(), &take("shop", "a.gz", 9), b"ld");
        let whole = digest_of_start(&local, 11).unwrap().unwrap();
        assert_eq!(
            understand(&said)["a.gz"],
            There {
                size: 11,
                digest: whole
            }
        );
        run(home.path(), &take("shop", "b.gz", 0), b"!");
        run(
            home.path(),
            &take("other", "a.gz", 0),
            b"of another project",
        );
        let (ok, said) = run(home.path(), &load("cat; true", "shop", &names, false), b"?");
        assert!(ok);
        assert_eq!(said, "hello world!?");
        assert!(home.path().join(".cache/wharf-ship/other/a.gz").exists());
        let (ok, said) = run(
            home.path(),
            &load("cat; true", "other", &names[..1], false),
            b"",
        );
        assert_eq!((ok, said.as_str()), (true, "of another project"));
        assert!(!home.path().join(".cache/wharf-ship").exists());
    }

    #[test]
    fn a_load_that_fails_leaves_the_files_for_the_next_try() {
        let home = tempfile::tempdir().unwrap();
        let names = vec!["a.gz".to_owned()];
        run(home.path(), &take("shop", "a.gz", 0), b"x");
        let (ok, _) = run(
            home.path(),
            &load("cat >/dev/null; false", "shop", &names, false),
            b"",
        );
        assert!(!ok);
        assert!(home.path().join(".cache/wharf-ship/shop/a.gz").exists());
    }

    #[test]
    fn a_longer_file_has_no_such_start() {
        let home = tempfile::tempdir().unwrap();
        let local = home.path().join("local");
        std::fs::write(&local, "abc").unwrap();
        assert_eq!(digest_of_start(&local, 4).unwrap(), None);
    }
}
