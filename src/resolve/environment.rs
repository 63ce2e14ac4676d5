use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use smol_str::SmolStr;

use super::defaults::scalar_text;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::load::dotenv::{self, EnvValue};
use crate::load::{Disk, RemoteCopies, Variables, display};
use crate::source::{
    Change, Key, Kind, Mapping, Node, SourceId, Sources, Span, Substitution, Supply,
};

/// The largest env or label file that is read, in bytes.
const LIMIT: u64 = 16 << 20;

/// What the files of services are read with.
pub struct EnvFiles<'e> {
    pub disk: &'e dyn Disk,
    /// What paths are shown relative to.
    pub working_directory: &'e Path,
    pub remotes: &'e RemoteCopies,
    pub variables: &'e Variables,
    pub sources: &'e mut Sources,
    pub diagnostics: &'e mut Diagnostics,
    /// The services that are to run. `None`: all. What the files of others lack is no finding.
    pub meant: Option<HashSet<SmolStr>>,
    /// Texts that were read, by path: many services share one file. Empty at first.
    pub read: IndexMap<String, Option<(SourceId, Arc<str>)>>,
    /// Whether a service keeps the list of its env files.
    pub stay_listed: bool,
}

impl EnvFiles<'_> {
    /// Applies the label files of every active service. Gives the files of each that has some.
    pub fn apply_labels(&mut self, root: &mut Node) -> IndexMap<String, Vec<String>> {
        let mut read = IndexMap::new();
        for (name, service) in services(root) {
            let files = self.labels_of(&name.text, service);
            if !files.is_empty() {
                read.insert(name.text.to_string(), files);
            }
        }
        read
    }

    /// Applies the env files of every active service. Gives what is wrong with those of services that are not to run, by service.
    pub fn apply_environments(&mut self, root: &mut Node) -> IndexMap<String, String> {
        let mut unread = IndexMap::new();
        for (name, service) in services(root) {
            let is_meant = self.meant.as_ref();
            if is_meant.is_none_or(|meant| meant.contains(&name.text)) {
                self.environment_of(&name.text, service);
                continue;
            }
            let found = std::mem::take(self.diagnostics);
            self.environment_of(&name.text, service);
            let own = std::mem::replace(self.diagnostics, found);
            if let Some(finding) = own.iter().find(|one| one.severity == Severity::Error) {
                unread.insert(name.text.to_string(), finding.message.clone());
            }
        }
        unread
    }

    /// Puts the variables of `env_file` below those of `environment`. The list of files is taken out, unless it is to stay.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#env_file>
    fn environment_of(&mut self, name: &str, service: &mut Node) {
        let Some(members) = service.as_mapping_mut() else {
            return;
        };
        if let Some(files) = members.remove("env_file") {
            let own = mapping(members.remove("environment"));
            let merged = self.environment(name, &files, own);
            if !merged.is_empty() {
                let span = files.span;
                members.insert("environment".into(), Node::mapping(merged, span));
            }
            if self.stay_listed {
                members.insert("env_file".into(), files);
            }
        }
    }

    /// Puts the labels of `label_file` below `labels`. The list of files is taken out, and given.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#label_file>
    fn labels_of(&mut self, name: &str, service: &mut Node) -> Vec<String> {
        let Some(members) = service.as_mapping_mut() else {
            return Vec::new();
        };
        let Some(files) = members.remove("label_file") else {
            return Vec::new();
        };
        let own = mapping(members.remove("labels"));
        let merged = self.labels(name, &files, own);
        if !merged.is_empty() {
            members.insert("labels".into(), Node::mapping(merged, files.span));
        }
        let paths = files.as_sequence().unwrap_or_default().iter();
        paths
            .filter_map(|path| path.as_str().map(str::to_owned))
            .collect()
    }

    fn environment(&mut self, service: &str, files: &Node, own: Mapping) -> Mapping {
        let mut merged = Mapping::new();
        for file in files.as_sequence().unwrap_or_default() {
            let Some(path) = file.get("path").and_then(Node::as_str) else {
                continue;
            };
            let span = file.get("path").map_or(file.span, |path| path.span);
            let required = file.get("required").and_then(Node::as_bool) != Some(false);
            let format = file.get("format").and_then(Node::as_str).unwrap_or("");
            let Some((id, text)) = self.text(path, span, required, "env", service) else {
                continue;
            };
            if !matches!(format, "" | "raw") {
                let format_span = file.get("format").map_or(span, |format| format.span);
                self.diagnostics.push(
                    Diagnostic::error(
                        "not-allowed",
                        format!("`{format}` is not a format of an env file"),
                    )
                    .at(format_span, "")
                    .help("write `raw`, or remove the key for the usual format"),
                );
                continue;
            }
            let variables = self.variables;
            let above = |name: &str| {
                variables
                    .value(name)
                    .map(str::to_owned)
                    .or_else(|| own.get(name).and_then(scalar_text))
            };
            let below = |name: &str| merged.get(name).and_then(scalar_text);
            let entries = if format == "raw" {
                let lookup = |name: &str| above(name).or_else(|| below(name));
                dotenv::parse_raw(id, &text, &lookup, self.diagnostics)
            } else {
                dotenv::parse(id, &text, &above, &below, self.diagnostics)
            };
            put(&mut merged, entries);
        }
        lay_over(&mut merged, own);
        merged
    }

    fn labels(&mut self, service: &str, files: &Node, own: Mapping) -> Mapping {
        let mut merged = Mapping::new();
        for file in files.as_sequence().unwrap_or_default() {
            let Some(path) = file.as_str() else {
                continue;
            };
            let Some((id, text)) = self.text(path, file.span, true, "label", service) else {
                continue;
            };
            let earlier = |name: &str| merged.get(name).and_then(scalar_text);
            let entries = dotenv::parse(id, &text, &earlier, &|_| None, self.diagnostics);
            put(&mut merged, entries);
        }
        lay_over(&mut merged, own);
        merged
    }

    fn text(
        &mut self,
        path: &str,
        span: Span,
        required: bool,
        kind: &str,
        service: &str,
    ) -> Option<(SourceId, Arc<str>)> {
        if let Some(known) = self.read.get(path)
            && (known.is_some() || !required)
        {
            return known.clone();
        }
        let file = Path::new(path);
        let known = self.remotes.show(file);
        let shown = known.unwrap_or_else(|| display(self.working_directory, file));
        let read = self.disk.read(file, LIMIT);
        let text = match read {
            Ok(bytes) => match crate::source::decode(bytes) {
                Ok(text) => Some(text),
                Err(error) => {
                    self.diagnostics.push(
                        Diagnostic::error(
                            "env-file-encoding",
                            format!("the {kind} file `{shown}` of service `{service}` is no text: {error}"),
                        )
                        .at(span, ""),
                    );
                    None
                }
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if required {
                    self.diagnostics.push(
                        Diagnostic::error(
                            "env-file-missing",
                            format!(
                                "the {kind} file `{shown}` of service `{service}` does not exist"
                            ),
                        )
                        .at(span, "")
                        .help("create it, or say `required: false` beside its `path`"),
                    );
                }
                None
            }
            Err(error) => {
                self.diagnostics.push(
                    Diagnostic::error(
                        "env-file-unreadable",
                        format!(
                            "the {kind} file `{shown}` of service `{service}` cannot be read: {error}"
                        ),
                    )
                    .at(span, ""),
                );
                None
            }
        };
        let found = text.map(|text| {
            let text: Arc<str> = text.into();
            let id = self.sources.add(file, &shown, text.clone());
            (id, text)
        });
        self.read.insert(path.to_owned(), found.clone());
        found
    }
}

fn services(root: &mut Node) -> impl Iterator<Item = (&Key, &mut Node)> {
    let services = root.get_mut("services").and_then(Node::as_mapping_mut);
    services.into_iter().flatten()
}

fn mapping(node: Option<Node>) -> Mapping {
    match node.map(|node| node.kind) {
        Some(Kind::Mapping(members)) => *members,
        _ => Mapping::new(),
    }
}

fn put(merged: &mut Mapping, entries: IndexMap<String, EnvValue>) {
    for (name, EnvValue { value, span }) in entries {
        let Some(value) = value else {
            continue;
        };
        let mut node = Node::string(value, span);
        node.record(Change::Interpolated {
            template: span,
            substitutions: vec![Substitution {
                variable: name.clone().into(),
                supply: Supply::EnvFile(span),
            }],
        });
        over(merged, Key::new(name, span), node);
    }
}

/// Puts what the service itself says over what its files say.
fn lay_over(merged: &mut Mapping, own: Mapping) {
    for (key, value) in own {
        over(merged, key, value);
    }
}

/// What lay there loses, and `explain` tells.
fn over(merged: &mut Mapping, key: Key, mut value: Node) {
    let name = key.text.clone();
    if let Some(lower) = merged.insert(key, Node::null(Span::NONE)) {
        value.put_below(lower);
    }
    if let Some(place) = merged.get_mut(&name) {
        *place = value;
    }
}
