use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostics;
use crate::interpolate::{self, Lookup};
use crate::load::{Disk, absolute, is_remote};
use crate::source::{self, Mapping, Node, Sources, Span};

/// A Compose file as it was written: what is published is its text, whatever becomes of it when it is loaded.
#[derive(Clone, Debug)]
pub struct RawFile {
    pub path: PathBuf,
    pub text: String,
    /// Its documents: `${..}` stands in them.
    pub(super) documents: Vec<Node>,
    /// The env files that its services name.
    pub(super) env_files: Vec<Reference>,
    /// The local files that its services are taken from.
    pub(super) extended: Vec<Reference>,
}

/// Another file that is named in one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reference {
    /// Absolute.
    pub(super) path: PathBuf,
    /// The place of the name in the text.
    pub(super) span: Span,
}

/// The files of a project, and those that they take services from.
#[derive(Clone, Debug, Default)]
pub struct RawFiles {
    /// Lowest first.
    pub layers: Vec<RawFile>,
    /// In the order in which they are met, each once.
    pub extended: Vec<RawFile>,
}

impl RawFiles {
    /// `layers`: paths and texts, lowest first. `directory`: what their relative paths refer to. Files that they take services from
    /// are read from the disk; one that cannot be read is left out. `variables`: what names of files may name.
    pub fn read(
        layers: Vec<(PathBuf, String)>,
        directory: &Path,
        variables: &dyn Lookup,
        disk: &dyn Disk,
    ) -> RawFiles {
        let layers: Vec<RawFile> = layers
            .into_iter()
            .map(|(path, text)| RawFile::new(path, text, directory, variables))
            .collect();
        let mut wanted: Vec<PathBuf> = layers.iter().flat_map(RawFile::wanted).collect();
        let mut extended = Vec::new();
        let mut met: HashSet<PathBuf> = HashSet::new();
        while let Some(path) = (!wanted.is_empty()).then(|| wanted.remove(0)) {
            if !met.insert(path.clone()) {
                continue;
            }
            if let Some(text) = text_of(&path, disk) {
                let directory = path.parent().unwrap_or(&path).to_owned();
                let file = RawFile::new(path, text, &directory, variables);
                wanted.extend(file.wanted());
                extended.push(file);
            }
        }
        RawFiles { layers, extended }
    }

    /// Every file whose text is published.
    pub fn all(&self) -> impl Iterator<Item = &RawFile> {
        self.layers.iter().chain(&self.extended)
    }
}

/// `None`: it is no text, or not there.
pub(super) fn text_of(path: &Path, disk: &dyn Disk) -> Option<String> {
    let bytes = disk.read(path, source::MAX_BYTES as u64).ok()?;
    source::decode(bytes).ok()
}

impl RawFile {
    fn new(path: PathBuf, text: String, directory: &Path, variables: &dyn Lookup) -> RawFile {
        // The project was loaded from this text: what is wrong with it has been said.
        let mut said = Diagnostics::default();
        let mut sources = Sources::default();
        let id = sources.add(&path, "", text.as_str());
        let documents = source::parse(id, &text, &mut said);
        let mut expanded = documents.clone();
        for document in &mut expanded {
            interpolate::expand(document, &sources, variables, &mut said);
        }
        let references = |of: fn(&Node) -> Vec<&Node>| {
            members(&expanded, "services")
                .flat_map(|(_, service)| of(service))
                .filter_map(|name| Some((name.as_str()?, name.span)))
                .filter(|(name, _)| !is_remote(name))
                .map(|(name, span)| Reference {
                    path: absolute(directory, name),
                    span,
                })
                .collect()
        };
        RawFile {
            env_files: references(env_files),
            extended: references(extended_file),
            path,
            text,
            documents,
        }
    }

    /// Members of a section, of all documents: `services`, `configs`.
    pub(super) fn section<'f>(
        &'f self,
        name: &'f str,
    ) -> impl Iterator<Item = (&'f str, &'f Node)> {
        members(&self.documents, name)
    }

    fn wanted(&self) -> impl Iterator<Item = PathBuf> {
        self.extended.iter().map(|reference| reference.path.clone())
    }
}

fn members<'f>(
    documents: &'f [Node],
    section: &'f str,
) -> impl Iterator<Item = (&'f str, &'f Node)> {
    documents
        .iter()
        .filter_map(move |document| document.get(section)?.as_mapping())
        .flat_map(Mapping::iter)
        .map(|(key, value)| (&*key.text, value))
}

/// The names of a service's env files, in either form.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#env_file>
pub(super) fn env_files(service: &Node) -> Vec<&Node> {
    let entries = match service.get("env_file") {
        Some(one) => one.as_sequence().unwrap_or(std::slice::from_ref(one)),
        None => &[],
    };
    let path = |entry| Node::get(entry, "path").unwrap_or(entry);
    entries.iter().map(path).collect()
}

fn extended_file(service: &Node) -> Vec<&Node> {
    let file = service.get("extends").and_then(|one| one.get("file"));
    file.into_iter().collect()
}
