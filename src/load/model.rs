use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Edit};
use crate::grammar::{self, Anchor};
use crate::interpolate;
use crate::merge::{self, Resets};
use crate::source::{Mapping, Node, Reach, Span};

use super::extends::Extended;
use super::location::{parent, relative};
use super::reader::Reader;
use super::{SuppliedSecrets, Variables};

/// Loads files that are laid over each other into one document.
pub(super) struct Loader<'r> {
    pub(super) reader: Reader<'r>,
    /// `config --no-interpolate`.
    pub(super) keep_variables: bool,
    /// `config --no-path-resolution`.
    pub(super) keep_paths: bool,
    /// What `~` stands for.
    pub(super) home: Option<&'r Path>,
    pub(super) supplied: SuppliedSecrets,
}

/// What one set of layered files is read with: the project's own, or those that one `include` names.
pub(super) struct Scope<'v> {
    pub(super) variables: &'v Variables,
    /// What paths in `extends` and `include` refer to.
    pub(super) directory: PathBuf,
    /// The files that are being loaded, outermost first, each with the place that includes it.
    pub(super) including: Vec<(PathBuf, Span)>,
    /// Files that services extend, ready to be copied from.
    pub(super) extended: HashMap<PathBuf, Extended>,
}

impl<'v> Scope<'v> {
    pub(super) fn new(variables: &'v Variables, directory: PathBuf) -> Self {
        Scope {
            variables,
            directory,
            including: Vec::new(),
            extended: HashMap::new(),
        }
    }
}

impl Loader<'_> {
    /// Lays the files over each other, lowest first. `asked` is the place that names them.
    pub(super) fn files(&mut self, files: &[PathBuf], asked: Span, scope: &mut Scope) -> Node {
        let mut root = Node::empty_mapping(Span::NONE);
        let mut reach = Reach::nothing();
        for path in files {
            let Some(documents) = self.reader.documents(path, asked) else {
                continue;
            };
            scope.including.push((path.clone(), asked));
            for document in documents {
                reach = self.document(&mut root, document, reach, path, scope);
            }
            scope.including.pop();
        }
        root
    }

    /// Lays one YAML document over `root`, and returns what it names. `below` is what the document before it named.
    fn document(
        &mut self,
        root: &mut Node,
        mut document: Node,
        below: Reach,
        path: &Path,
        scope: &mut Scope,
    ) -> Reach {
        if !self.is_mapping(&document, path) {
            return below;
        }
        let resets = Resets::take(&mut document);
        self.expand(&mut document, scope);
        self.refuse_empty_services(root, &document);
        self.extends(&mut document, &resets, path, scope);
        let cleared = resets.clear(root);
        self.include(&mut document, scope);
        let reach = Reach::of(&document);
        merge::merge(root, document, &mut self.reader.diagnostics);
        cleared.note(root);
        let found = &mut self.reader.diagnostics;
        Reach::each_part(&below, &reach, |below, reach| {
            merge::deduplicate_within(reach, root, found);
            // What the document before brought has been checked in its short form only.
            grammar::check_within(below, root, found);
            grammar::check_within(reach, root, found);
            grammar::expand_within(reach, root, self.keep_variables, found);
            merge::deduplicate_within(reach, root, found);
        });
        self.drop_version(root);
        reach
    }

    /// A document from which services are extended: what it extends or includes itself is looked at later or not at all.
    /// Several files are laid over each other, lowest first.
    pub(super) fn library(
        &mut self,
        files: &[PathBuf],
        asked: Span,
        scope: &Scope,
    ) -> Option<Extended> {
        let path = files.first()?;
        let mut documents = Vec::new();
        for file in files {
            for document in self.reader.documents(file, asked)? {
                if !self.is_mapping(&document, file) {
                    return None;
                }
                documents.push(document);
            }
        }
        let mut root = Node::empty_mapping(Span::NONE);
        let mut resets = Resets::default();
        for mut document in documents {
            resets = Resets::take(&mut document);
            self.expand(&mut document, scope);
            let cleared = resets.clear(&mut root);
            merge::merge(&mut root, document, &mut self.reader.diagnostics);
            cleared.note(&mut root);
            merge::deduplicate(&mut root, &mut self.reader.diagnostics);
            grammar::expand(&mut root, self.keep_variables, &mut self.reader.diagnostics);
            merge::deduplicate(&mut root, &mut self.reader.diagnostics);
        }
        let directory = self.anchored(parent(path), &scope.directory);
        grammar::absolute(&mut root, self.anchor(&directory));
        let services = root
            .as_mapping_mut()
            .and_then(|members| members.remove("services"));
        let services = match services {
            Some(mut services) => services.as_mapping_mut().map(std::mem::take),
            None => None,
        };
        Some(Extended {
            path: path.clone(),
            services: services.unwrap_or_else(Mapping::new),
            resets,
        })
    }

    /// The directory to which paths of a file in `directory` are joined: seen from `outer`, where paths are to stay relative. A copy of
    /// something remote lies nowhere near.
    pub(super) fn anchored(&self, directory: &Path, outer: &Path) -> PathBuf {
        match self.keep_paths && self.reader.remotes.show(directory).is_none() {
            true => relative(outer, directory),
            false => directory.to_path_buf(),
        }
    }

    pub(super) fn anchor<'a>(&'a self, directory: &'a Path) -> Anchor<'a> {
        Anchor {
            directory,
            home: self.home,
        }
    }

    fn is_mapping(&mut self, document: &Node, path: &Path) -> bool {
        if document.as_mapping().is_some() {
            return true;
        }
        let shown = self.reader.show(path);
        self.reader.diagnostics.push(
            Diagnostic::error(
                "document-kind",
                format!(
                    "`{shown}` holds {} at the top level, where a mapping with `services` is expected",
                    document.kind_name()
                ),
            )
            .at(document.span, "not a mapping"),
        );
        false
    }

    /// Merging passes over null, so that a `services` without anything is only seen in the lowest layer. Compose wants a
    /// mapping in every one.
    fn refuse_empty_services(&mut self, root: &Node, document: &Node) {
        if let Some(services) = document.get("services")
            && services.is_null()
            && root.get("services").is_some()
        {
            self.reader.diagnostics.push(
                Diagnostic::error("wrong-type", "`services` is null, not a mapping")
                    .at(services.span, "nothing stands here")
                    .help("define a service, or remove the key"),
            );
        }
    }

    fn expand(&mut self, document: &mut Node, scope: &Scope) {
        if !self.keep_variables {
            interpolate::expand(
                document,
                &self.reader.sources,
                scope.variables,
                &mut self.reader.diagnostics,
            );
        }
    }

    /// `version` means nothing any more.
    /// <https://github.com/compose-spec/compose-spec/blob/main/04-version-and-name.md#version-top-level-element-obsolete>
    fn drop_version(&mut self, root: &mut Node) {
        let Some((key, value)) = root
            .as_mapping_mut()
            .and_then(|members| members.remove_entry("version"))
        else {
            return;
        };
        let span = Span {
            end: value.span.end.max(key.span.end),
            ..key.span
        };
        self.reader.diagnostics.push(
            Diagnostic::warning("version-obsolete", "`version` is obsolete and ignored")
                .at(key.span, "")
                .fix(
                    "remove the line",
                    vec![Edit {
                        span,
                        replacement: String::new(),
                    }],
                ),
        );
    }
}
