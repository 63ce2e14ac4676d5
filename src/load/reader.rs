use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::{io, thread};

use indexmap::IndexSet;

use crate::diagnostic::{Diagnostic, Diagnostics, closest};
use crate::source::{self, Node, SourceId, Sources, Span};

use super::Disk;
use super::location::{display, parent};
use super::remote::Remotes;

/// Reads each text once and keeps it, together with everything that is found on the way.
pub(super) struct Reader<'r> {
    pub(super) disk: &'r dyn Disk,
    working_directory: &'r Path,
    pub(super) sources: Sources,
    pub(super) diagnostics: Diagnostics,
    pub(super) remotes: Remotes<'r>,
    /// Variables of env files that the shell sets otherwise.
    pub(super) shadowed: Vec<(String, Span)>,
    /// Who names the files that nothing in a file names, in a sentence. `None`: the command line, or nobody.
    pub(super) named_by: Option<String>,
    read: HashMap<PathBuf, SourceId>,
    /// Documents that were parsed ahead of their use.
    parsed: HashMap<PathBuf, Vec<Node>>,
    /// Files that were parsed at least once.
    met: HashSet<PathBuf>,
    /// What has been parsed so far, in bytes, counting [`COST`] for each time a file is.
    effort: Effort,
}

#[derive(Default)]
struct Effort {
    /// Files that were met for the first time.
    first: usize,
    /// Files that were met again.
    again: usize,
}

/// What parsing a file and merging what it says cost beside its bytes, in bytes.
const COST: usize = 8 << 10;

/// The most that is parsed for one project, in bytes.
const MOST: usize = 128 << 20;

/// From this size on, in bytes, a text is worth a thread of its own.
const LARGE: usize = 256 << 10;

/// How much of it may be files that were parsed before: a few that include each other can ask for any amount.
const MOST_AGAIN: usize = 8 << 20;

impl<'r> Reader<'r> {
    pub(super) fn new(
        disk: &'r dyn Disk,
        working_directory: &'r Path,
        remotes: Remotes<'r>,
    ) -> Self {
        Reader {
            disk,
            working_directory,
            sources: Sources::default(),
            diagnostics: Diagnostics::default(),
            remotes,
            shadowed: Vec::new(),
            named_by: None,
            read: HashMap::new(),
            parsed: HashMap::new(),
            met: HashSet::new(),
            effort: Effort::default(),
        }
    }

    /// The YAML documents of a file, for good. `asked` is the place that names the file. `None`: it cannot be read, and
    /// that is a finding.
    pub(super) fn documents(&mut self, path: &Path, asked: Span) -> Option<Vec<Node>> {
        self.peek(path, asked)?;
        self.parsed.remove(path)
    }

    /// The YAML documents of a file that will be loaded later.
    pub(super) fn peek(&mut self, path: &Path, asked: Span) -> Option<&[Node]> {
        if !self.parsed.contains_key(path) {
            let (id, text) = self.bounded(path, asked)?;
            let documents = source::parse(id, &text, &mut self.diagnostics);
            self.parsed.insert(path.to_path_buf(), documents);
        }
        self.parsed.get(path).map(Vec::as_slice)
    }

    /// Parses files that will all be loaded, side by side where they are so large that this pays.
    pub(super) fn ahead(&mut self, files: &[PathBuf], asked: Span) {
        let texts: Vec<(&PathBuf, SourceId, Arc<str>)> = files
            .iter()
            .filter(|path| !self.parsed.contains_key(*path))
            .collect::<IndexSet<_>>()
            .into_iter()
            .filter_map(|path| {
                let (id, text) = self.text(path, asked, "Compose file")?;
                (text.len() >= LARGE).then_some((path, id, text))
            })
            .collect();
        let processors = thread::available_parallelism().map_or(1, usize::from);
        if texts.len() < 2 || processors < 2 {
            return;
        }
        let texts: Vec<_> = texts
            .into_iter()
            .filter(|(path, ..)| self.bounded(path, asked).is_some())
            .collect();
        let next = AtomicUsize::new(0);
        let parsed = Mutex::new(Vec::new());
        let work = || {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some((_, id, text)) = texts.get(at) else {
                    return;
                };
                let mut found = Diagnostics::default();
                let documents = source::parse(*id, text, &mut found);
                if let Ok(mut parsed) = parsed.lock() {
                    parsed.push((at, documents, found));
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..processors.min(texts.len()) {
                scope.spawn(work);
            }
            work();
        });
        let mut parsed = parsed.into_inner().unwrap_or_default();
        // What is found comes in the order of the files, whichever was read first.
        parsed.sort_by_key(|(at, ..)| *at);
        for (at, documents, found) in parsed {
            self.diagnostics.extend(found);
            self.parsed.insert(texts[at].0.clone(), documents);
        }
    }

    /// The text of a Compose file that is to be parsed. `None`: it cannot be, and that is a finding.
    fn bounded(&mut self, path: &Path, asked: Span) -> Option<(SourceId, Arc<str>)> {
        let (id, text) = self.text(path, asked, "Compose file")?;
        let again = !self.met.insert(path.to_path_buf());
        self.is_bounded(text.len() + COST, again, asked)
            .then_some((id, text))
    }

    /// Whether one more file may be parsed. It says once when it may not.
    fn is_bounded(&mut self, cost: usize, again: bool, asked: Span) -> bool {
        let (spent, most) = match again {
            true => (&mut self.effort.again, MOST_AGAIN),
            false => (&mut self.effort.first, MOST),
        };
        let was_bounded = *spent <= most;
        *spent = spent.saturating_add(cost);
        if *spent <= most {
            return true;
        }
        if was_bounded {
            let (most, cost) = (most >> 20, COST >> 10);
            let message = match again {
                true => {
                    format!("files are brought in again and again, more than {most} MiB of them")
                }
                false => format!("the files of the project bring in more than {most} MiB"),
            };
            self.diagnostics.push(
                Diagnostic::error("project-too-large", message)
                    .at(asked, "the limit is reached here")
                    .note(format!("a file counts for {cost} KiB and its size"))
                    .help("include each file once"),
            );
        }
        false
    }

    /// The text of a file of the kind that `noun` names. `None`: it cannot be read, and that is a finding.
    pub(super) fn text(
        &mut self,
        path: &Path,
        asked: Span,
        noun: &str,
    ) -> Option<(SourceId, Arc<str>)> {
        if let Some(id) = self.read.get(path) {
            return self.sources.get(*id).map(|file| (*id, file.text.clone()));
        }
        let shown = self.show(path);
        let limit = source::MAX_BYTES as u64;
        let bytes = if path.ends_with("-") {
            self.disk.read_stdin(limit)
        } else {
            self.disk.read(path, limit)
        };
        let text = match bytes {
            Ok(bytes) => match source::decode(bytes) {
                Ok(text) => text,
                Err(error) => {
                    self.diagnostics.push(
                        Diagnostic::error("file-encoding", format!("`{shown}`: {error}"))
                            .at(asked, "named here")
                            .help("save the file as UTF-8"),
                    );
                    return None;
                }
            },
            Err(error) => {
                let finding = self.unreadable(path, &shown, noun, &error);
                let finding = match &self.named_by {
                    Some(who) if !asked.is_some() => finding.note(who),
                    _ => finding.at(asked, "named here"),
                };
                self.diagnostics.push(finding);
                return None;
            }
        };
        let id = self.sources.add(path, &shown, text);
        self.read.insert(path.to_path_buf(), id);
        self.sources.get(id).map(|file| (id, file.text.clone()))
    }

    fn unreadable(&self, path: &Path, shown: &str, noun: &str, error: &io::Error) -> Diagnostic {
        if error.kind() != io::ErrorKind::NotFound {
            let finding = Diagnostic::error(
                "file-unreadable",
                format!("{noun} `{shown}` cannot be read: {error}"),
            );
            return match error.kind() {
                io::ErrorKind::PermissionDenied => {
                    finding.help("give yourself the right to read it, or name another file")
                }
                io::ErrorKind::InvalidInput => finding.help("name a file of text"),
                _ => finding,
            };
        }
        let finding = Diagnostic::error("file-missing", format!("{noun} `{shown}` does not exist"));
        let directory = parent(path);
        if directory != path && !self.disk.is_dir(directory) {
            return finding.note(format!("nor does its directory `{}`", self.show(directory)));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let entries = self.disk.entries(directory);
        match closest(&name, entries.iter().map(String::as_str)) {
            Some(near) => finding.help(format!(
                "did you mean `{}`?",
                self.show(&directory.join(near))
            )),
            None => finding.help("make the file, or correct the name"),
        }
    }

    pub(super) fn show(&self, path: &Path) -> String {
        let known = self.remotes.show(path);
        known.unwrap_or_else(|| display(self.working_directory, path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::MemoryDisk;

    #[test]
    fn large_files_are_read_side_by_side_as_they_are_one_by_one() {
        let large = |name: &str| {
            let services =
                (0..12_000).map(|number| format!("  {name}{number}: {{image: i{number}}}\n"));
            let services: String = services.collect();
            format!("services:\n{services}  {name}0: {{image: again}}\n")
        };
        let files: Vec<PathBuf> = [
            "/p/a.yml",
            "/p/missing.yml",
            "/p/b.yml",
            "/p/a.yml",
            "/p/c.yml",
        ]
        .map(PathBuf::from)
        .into();
        let disk = MemoryDisk::default()
            .with("/p/a.yml", large("a"))
            .with("/p/b.yml", large("b"))
            .with("/p/c.yml", "services: {c: {image: i}}\n");
        let read = |ahead: bool| {
            let (known, environment) = Default::default();
            let remotes = Remotes::new(&known, &environment);
            let mut reader = Reader::new(&disk, Path::new("/p"), remotes);
            if ahead {
                reader.ahead(&files, Span::NONE);
                assert_eq!(reader.parsed.len(), 2);
            }
            let documents: Vec<_> = files
                .iter()
                .map(|file| reader.documents(file, Span::NONE))
                .collect();
            let found: Vec<_> = reader.diagnostics.iter().cloned().collect();
            (documents, found)
        };
        let (documents, found) = read(true);
        assert_eq!(documents.iter().flatten().count(), 4);
        assert_eq!(
            found.iter().map(|one| one.code).collect::<Vec<_>>(),
            ["file-missing", "duplicate-key", "duplicate-key"]
        );
        let (one_by_one, mut also_found) = read(false);
        assert_eq!(documents, one_by_one);
        also_found.sort_by_key(|one| one.code != "file-missing");
        assert_eq!(found, also_found);
    }
}
