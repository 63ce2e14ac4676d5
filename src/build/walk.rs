use std::collections::HashMap;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::ignore::{PatternError, Patterns, Verdict, clean};

/// Which part of a directory the engine asks for.
#[derive(Debug, Default)]
pub struct Selection {
    /// Empty: everything.
    include: Option<Patterns>,
    exclude: Patterns,
}

/// One entry of a context.
#[derive(Debug)]
pub struct Entry {
    /// Relative to the root, with slashes.
    pub path: String,
    pub metadata: Metadata,
    pub link: Link,
}

/// What an entry stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// Itself.
    None,
    /// A symbolic link with this target.
    Symbolic(String),
    /// A further name of the file at this path, which came before.
    Hard(String),
}

impl Entry {
    /// A regular file whose bytes are its own.
    pub fn has_content(&self) -> bool {
        self.metadata.is_file() && self.link == Link::None
    }
}

impl Selection {
    /// From what the engine sends; `follow` paths are wanted together with what they link to.
    pub fn new(
        root: &Path,
        include: Vec<String>,
        exclude: Vec<String>,
        follow: Option<Vec<String>>,
    ) -> Result<Selection, PatternError> {
        Self::without(root, include, Patterns::new(exclude)?, follow)
    }

    /// The same with the ignore rules already read.
    pub fn without(
        root: &Path,
        include: Vec<String>,
        exclude: Patterns,
        follow: Option<Vec<String>>,
    ) -> Result<Selection, PatternError> {
        let mut wanted = include;
        let mut everything = false;
        if let Some(paths) = follow {
            let targets = followed(root, &paths);
            everything = targets.iter().any(|path| path == ".");
            wanted.extend(targets);
            wanted.sort();
        }
        let include = match everything || wanted.is_empty() {
            true => None,
            false => Some(Patterns::new(without_covered(wanted))?),
        };
        Ok(Selection { include, exclude })
    }
}

/// A directory on the way down, which is told of only once something in it is.
struct Level {
    entry: Option<Entry>,
    include: Verdict,
    exclude: Verdict,
}

/// What wharf keeps beside a project: results and notes of earlier runs. They change with every run and are nobody's
/// sources, so that they are in no context, whatever the ignore rules say.
const OWN: &str = ".wharf";

/// Walks a directory in the order that the engine requires (each directory before its entries, entries by their names'
/// bytes) and tells of what is selected. `tell` returns `false` to stop.
pub fn walk(
    root: &Path,
    selection: &Selection,
    tell: &mut dyn FnMut(Entry) -> bool,
) -> io::Result<()> {
    let mut walker = Walker {
        root,
        selection,
        links: HashMap::new(),
        levels: Vec::new(),
        tell,
    };
    walker.directory("").map(|_| ())
}

struct Walker<'a> {
    root: &'a Path,
    selection: &'a Selection,
    /// The first path of each file that has several names.
    links: HashMap<(u64, u64), String>,
    levels: Vec<Level>,
    tell: &'a mut dyn FnMut(Entry) -> bool,
}

impl Walker<'_> {
    /// Returns `false` when the listener wants no more.
    fn directory(&mut self, below: &str) -> io::Result<bool> {
        let path = self.root.join(below);
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
        };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&path).map_err(named)? {
            names.push(entry.map_err(named)?.file_name());
        }
        names.sort();
        for name in names {
            let relative = match (below, name.to_str()) {
                (_, None) => {
                    let lossy = name.to_string_lossy();
                    if !self.is_selected(path.strip_prefix(self.root).unwrap_or(&path), &lossy) {
                        continue;
                    }
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        format!(
                            "the name of `{}` is not UTF-8; rename it or list its directory in `.dockerignore`",
                            path.join(&name).display()
                        ),
                    ));
                }
                ("", Some(name)) => name.to_owned(),
                (below, Some(name)) => format!("{below}/{name}"),
            };
            if !self.entry(relative)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether an entry is asked for whose name is no text, by what can be shown of the name.
    fn is_selected(&self, directory: &Path, name: &str) -> bool {
        let relative = directory.join(name);
        let relative = relative.to_string_lossy();
        let parent = self.levels.last();
        let included = self.selection.include.as_ref().is_none_or(|patterns| {
            let above = parent.map(|level| &level.include);
            patterns.verdict(&relative, above).matched
        });
        let above = parent.map(|level| &level.exclude);
        included && !self.selection.exclude.verdict(&relative, above).matched
    }

    fn entry(&mut self, relative: String) -> io::Result<bool> {
        let path = self.root.join(&relative);
        let metadata = match std::fs::symlink_metadata(&path) {
            // Deleted between the listing and now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            other => other?,
        };
        let is_directory = metadata.is_dir();
        if is_directory
            && Path::new(&relative)
                .file_name()
                .is_some_and(|name| name == OWN)
        {
            return Ok(true);
        }
        let parent = self.levels.last();
        let mut selected = true;
        let mut include = Verdict::default();
        if let Some(patterns) = &self.selection.include {
            include = patterns.verdict(&relative, parent.map(|level| &level.include));
            if !include.matched {
                if is_directory && !patterns.may_match_below(&relative) {
                    return Ok(true);
                }
                selected = false;
            }
        }
        let exclude = self
            .selection
            .exclude
            .verdict(&relative, parent.map(|level| &level.exclude));
        if exclude.matched {
            if is_directory && !self.selection.exclude.may_readmit_below(&relative) {
                return Ok(true);
            }
            selected = false;
        }
        if metadata.file_type().is_socket() {
            return Ok(true);
        }
        let mut entry = None;
        if selected || is_directory {
            entry = Some(self.describe(&path, relative.clone(), metadata)?);
        }
        if selected {
            for level in &mut self.levels {
                if let Some(entry) = level.entry.take()
                    && !(self.tell)(entry)
                {
                    return Ok(false);
                }
            }
            if let Some(entry) = entry.take()
                && !(self.tell)(entry)
            {
                return Ok(false);
            }
        }
        if !is_directory {
            return Ok(true);
        }
        self.levels.push(Level {
            entry,
            include,
            exclude,
        });
        let more = match self.directory(&relative) {
            // What was not asked for may be unreadable.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !selected => Ok(true),
            other => other,
        };
        self.levels.pop();
        more
    }

    fn describe(&mut self, path: &Path, relative: String, metadata: Metadata) -> io::Result<Entry> {
        let mut link = Link::None;
        if metadata.is_symlink() {
            link = Link::Symbolic(std::fs::read_link(path)?.to_string_lossy().into_owned());
        } else if metadata.is_file() && metadata.nlink() > 1 {
            match self.links.entry((metadata.dev(), metadata.ino())) {
                std::collections::hash_map::Entry::Occupied(first) => {
                    link = Link::Hard(first.get().clone());
                }
                std::collections::hash_map::Entry::Vacant(vacant) => {
                    vacant.insert(relative.clone());
                }
            }
        }
        Ok(Entry {
            path: relative,
            metadata,
            link,
        })
    }
}

/// The paths and everything that symbolic links on the way lead to, relative to the root; links never leave it.
fn followed(root: &Path, paths: &[String]) -> Vec<String> {
    let mut found = std::collections::BTreeSet::new();
    for path in paths {
        follow(root, path, &mut found);
    }
    found.into_iter().collect()
}

fn follow(root: &Path, path: &str, found: &mut std::collections::BTreeSet<String>) {
    // Rooted while it is cleaned, so that `..` cannot climb out.
    let cleaned = clean(&format!("/{path}"));
    let mut current = String::new();
    let mut parts = cleaned
        .split('/')
        .filter(|part| !part.is_empty())
        .peekable();
    if parts.peek().is_none() {
        found.insert(".".to_owned());
    }
    while let Some(part) = parts.next() {
        if !current.is_empty() {
            current.push('/');
        }
        current.push_str(part);
        let targets = link_targets(root, &current);
        if targets.is_empty() {
            if parts.peek().is_none() {
                found.insert(current);
                return;
            }
            continue;
        }
        if !found.insert(current.clone()) {
            return;
        }
        let rest: Vec<&str> = parts.collect();
        for target in targets {
            follow(root, &format!("{target}/{}", rest.join("/")), found);
        }
        return;
    }
}

/// Where the symbolic links that a path (its last part may hold wildcards) stands for point to; empty: to no link.
fn link_targets(root: &Path, path: &str) -> Vec<String> {
    let (parent, base) = path.rsplit_once('/').unwrap_or(("", path));
    let names: Vec<String> = if base.contains(['*', '?', '[']) {
        let Ok(pattern) = Patterns::new([base]) else {
            return Vec::new();
        };
        let Ok(entries) = std::fs::read_dir(root.join(parent)) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| pattern.matches(name))
            .collect();
        names.sort();
        names
    } else {
        vec![base.to_owned()]
    };
    names
        .iter()
        .filter_map(|name| {
            let target = std::fs::read_link(root.join(parent).join(name)).ok()?;
            let target: PathBuf = if target.is_absolute() {
                target
            } else {
                Path::new("/").join(parent).join(target)
            };
            Some(clean(target.to_str()?))
        })
        .collect()
}

/// Drops paths that lie below another one of the list, which is sorted.
fn without_covered(paths: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for path in paths {
        let covered = kept.last().is_some_and(|last| {
            path.strip_prefix(last.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        if !covered {
            kept.push(path);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn tree() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for path in [
            "src/main.rs",
            "src/lib/a.rs",
            "src-old/x",
            "docs/a.md",
            "docs/b.txt",
            "top",
        ] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), path).unwrap();
        }
        std::os::unix::fs::symlink("src/main.rs", root.join("link")).unwrap();
        std::os::unix::fs::symlink("../../outside", root.join("docs/escape")).unwrap();
        fs::hard_link(root.join("top"), root.join("top-again")).unwrap();
        directory
    }

    fn names(root: &Path, selection: &Selection) -> Vec<String> {
        let mut names = Vec::new();
        walk(root, selection, &mut |entry| {
            names.push(entry.path);
            true
        })
        .unwrap();
        names
    }

    fn select(
        root: &Path,
        include: &[&str],
        exclude: &[&str],
        follow: Option<&[&str]>,
    ) -> Vec<String> {
        let owned = |list: &[&str]| {
            list.iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        let selection =
            Selection::new(root, owned(include), owned(exclude), follow.map(owned)).unwrap();
        names(root, &selection)
    }

    #[test]
    fn tells_directories_before_their_entries_in_byte_order() {
        let tree = tree();
        assert_eq!(
            select(tree.path(), &[], &[], None),
            [
                "docs",
                "docs/a.md",
                "docs/b.txt",
                "docs/escape",
                "link",
                "src",
                "src/lib",
                "src/lib/a.rs",
                "src/main.rs",
                "src-old",
                "src-old/x",
                "top",
                "top-again",
            ]
        );
    }

    #[test]
    fn what_wharf_keeps_is_in_no_context() {
        let tree = tree();
        for path in [".wharf/runs/1/summary.json", "src/.wharf/tested.jsonl"] {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}").unwrap();
        }
        let all = select(tree.path(), &[], &[], None);
        assert!(!all.iter().any(|path| path.contains(".wharf")), "{all:?}");
        assert_eq!(all.len(), 13);
        assert!(select(tree.path(), &[".wharf"], &[], None).is_empty());
    }

    #[test]
    fn excludes_and_takes_back_in() {
        let tree = tree();
        assert_eq!(
            select(tree.path(), &[], &["*", "!src/lib"], None),
            ["src", "src/lib", "src/lib/a.rs"]
        );
        assert_eq!(
            select(tree.path(), &[], &["**/*.rs", "docs", "link", "top*"], None),
            ["src", "src/lib", "src-old", "src-old/x"]
        );
    }

    #[test]
    fn includes_bring_their_directories() {
        let tree = tree();
        assert_eq!(
            select(tree.path(), &["**/a.*"], &[], None),
            ["docs", "docs/a.md", "src", "src/lib", "src/lib/a.rs"]
        );
        assert_eq!(select(tree.path(), &["top"], &[], None), ["top"]);
    }

    #[test]
    fn followed_paths_bring_what_they_link_to_and_stay_inside() {
        let tree = tree();
        assert_eq!(
            select(tree.path(), &[], &[], Some(&["link"])),
            ["link", "src", "src/main.rs"]
        );
        assert_eq!(
            select(tree.path(), &[], &[], Some(&["docs/escape", "nothing"])),
            ["docs", "docs/escape"]
        );
        assert_eq!(
            select(tree.path(), &[], &[], Some(&["li*k"])),
            ["link", "src", "src/main.rs"]
        );
        assert_eq!(select(tree.path(), &[], &[], Some(&["/"])).len(), 13);
    }

    #[test]
    fn a_second_name_of_a_file_is_a_link_to_the_first() {
        let tree = tree();
        let mut seen = Vec::new();
        walk(tree.path(), &Selection::default(), &mut |entry| {
            if entry.path.starts_with("top") {
                seen.push((entry.path, entry.link));
            }
            true
        })
        .unwrap();
        assert_eq!(
            seen,
            [
                ("top".to_owned(), Link::None),
                ("top-again".to_owned(), Link::Hard("top".to_owned()))
            ]
        );
    }

    #[test]
    fn a_name_that_is_no_text_matters_only_where_it_is_wanted() {
        use std::os::unix::ffi::OsStrExt;
        let tree = tree();
        let odd = std::ffi::OsStr::from_bytes(b"l\xe9");
        fs::write(tree.path().join(odd), "").unwrap();
        assert_eq!(select(tree.path(), &["top"], &[], None), ["top"]);
        assert_eq!(select(tree.path(), &[], &["*", "!top"], None), ["top"]);
        let error = walk(tree.path(), &Selection::default(), &mut |_| true).unwrap_err();
        assert!(error.to_string().contains("is not UTF-8"));
    }

    #[test]
    fn a_loop_of_links_ends() {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("b", directory.path().join("a")).unwrap();
        std::os::unix::fs::symlink("a", directory.path().join("b")).unwrap();
        assert_eq!(
            select(directory.path(), &[], &[], Some(&["a/x"])),
            ["a", "b"]
        );
    }
}
