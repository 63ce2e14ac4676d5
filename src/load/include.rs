use std::path::{Path, PathBuf};

use smol_str::SmolStr;

use crate::diagnostic::Diagnostic;
use crate::grammar;
use crate::source::{Change, Key, Kind, Mapping, Node, Span, Substitution};

use super::location::{absolute, parent};
use super::model::{Loader, Scope};
use super::{Variables, env_file};

/// What an included model brings in.
const SECTIONS: [&str; 6] = [
    "services", "volumes", "networks", "secrets", "configs", "models",
];

/// How deep files may include each other. They are loaded recursively, so this also bounds the stack.
const MAX_DEPTH: usize = 64;

const KEYS: [&str; 3] = ["path", "project_directory", "env_file"];

/// One element of `include`, read.
/// <https://github.com/compose-spec/compose-spec/blob/main/14-include.md>
struct Include {
    /// The first says where the model is at home; the others are laid over it.
    paths: Vec<(SmolStr, Span)>,
    project_directory: Option<SmolStr>,
    env_files: Vec<(SmolStr, Span)>,
    span: Span,
}

impl Loader<'_> {
    /// Replaces `include` of a document by what it brings in.
    pub(super) fn include(&mut self, document: &mut Node, scope: &mut Scope) {
        let Some(list) = document
            .as_mapping_mut()
            .and_then(|members| members.remove("include"))
        else {
            return;
        };
        if list.is_null() {
            return;
        }
        let Kind::Sequence(elements) = list.kind else {
            self.reader.diagnostics.push(
                Diagnostic::error(
                    "include-shape",
                    format!("`include` is a list of files, not {}", list.kind_name()),
                )
                .at(list.span, "not a list"),
            );
            return;
        };
        for element in *elements {
            if let Some(include) = self.read_include(&element)
                && let Some(model) = self.included(&include, scope)
            {
                self.import(document, model, include.span);
            }
        }
    }

    fn read_include(&mut self, element: &Node) -> Option<Include> {
        let mut include = Include {
            paths: Vec::new(),
            project_directory: None,
            env_files: Vec::new(),
            span: element.span,
        };
        let read = match &element.kind {
            Kind::String(path) => {
                include.paths.push((path.clone(), element.span));
                Some(())
            }
            Kind::Mapping(members) => self.read_members(members, &mut include),
            _ => None,
        };
        let names_none = |path: &Node| path.as_sequence().is_some_and(<[Node]>::is_empty);
        if read.is_some() && element.get("path").is_some_and(names_none) {
            self.reader.diagnostics.push(
                Diagnostic::warning("include-shape", "this element of `include` names no file")
                    .at(element.span, "brings in nothing")
                    .help("name a file, or remove the element"),
            );
            return None;
        }
        if read.is_none() || include.paths.is_empty() {
            self.reader.diagnostics.push(
                Diagnostic::error("include-shape", "this element of `include` names no file")
                    .at(element.span, format!("this is {}", element.kind_name()))
                    .help("write a path, or a mapping with `path`, `project_directory` and `env_file`"),
            );
            return None;
        }
        Some(include)
    }

    /// `None` when a member is of the wrong kind.
    fn read_members(&mut self, members: &Mapping, include: &mut Include) -> Option<()> {
        for key in members.keys() {
            if !KEYS.contains(&&*key.text) {
                self.reader.diagnostics.push(
                    Diagnostic::warning(
                        "include-key",
                        format!("`{}` means nothing in `include`", key.text),
                    )
                    .at(key.span, "ignored")
                    .help("the keys are `path`, `project_directory` and `env_file`"),
                );
            }
        }
        let texts = |key: &str| match members.get(key) {
            None => Some(Vec::new()),
            Some(value) => texts(value),
        };
        include.paths = texts("path")?;
        include.env_files = texts("env_file")?;
        let mut directories = texts("project_directory")?;
        include.project_directory = directories
            .pop()
            .map(|(directory, _)| directory)
            .filter(|directory| !directory.is_empty());
        directories.is_empty().then_some(())
    }

    fn included(&mut self, include: &Include, scope: &Scope) -> Option<Node> {
        let mut files = Vec::with_capacity(include.paths.len());
        let mut is_whole = true;
        for (path, span) in &include.paths {
            match self.reader.remotes.copy(path) {
                None => files.push(absolute(&scope.directory, &**path)),
                Some(Ok(copy)) => files.extend(copy.files.iter().cloned()),
                Some(Err(finding)) => {
                    let finding = finding.at(*span, "included here");
                    self.reader.diagnostics.push(finding);
                    is_whole = false;
                }
            }
        }
        if !is_whole {
            return None;
        }
        let main = files.first()?;
        if self.is_include_cycle(scope, main, include.span) {
            return None;
        }
        if scope.including.len() > MAX_DEPTH {
            self.reader.diagnostics.push(
                Diagnostic::error(
                    "include-too-deep",
                    format!("files include each other more than {MAX_DEPTH} levels deep"),
                )
                .at(include.span, "the limit is reached here")
                .help("include the files from the project's own file"),
            );
            return None;
        }
        let directory = match &include.project_directory {
            Some(directory) => absolute(&scope.directory, &**directory),
            None => parent(main).to_path_buf(),
        };
        let variables = self.include_variables(include, &directory, scope)?;
        let base = if self.reader.disk.is_dir(&directory) {
            directory.clone()
        } else {
            parent(&directory).to_path_buf()
        };
        let mut inner = Scope::new(&variables, directory);
        inner.including = scope.including.clone();
        let mut model = self.files(&files, include.span, &mut inner);
        default_context(&mut model);
        let base = self.anchored(&base, &scope.directory);
        grammar::absolute(&mut model, self.anchor(&base));
        fill(&mut model, &variables);
        self.supply(&model, &variables);
        Some(model)
    }

    /// Keeps what the included model's own variables give to its secrets, while they are at hand. The document does not hold it, since
    /// that is shown to people.
    fn supply(&mut self, model: &Node, variables: &Variables) {
        let secrets = model.get("secrets").and_then(Node::as_mapping);
        for (key, secret) in secrets.into_iter().flatten() {
            if let Some(name) = secret.get("environment").and_then(Node::as_str)
                && let Some(value) = variables.value(name)
            {
                self.supplied.offer(&key.text, name, value);
            }
        }
    }

    fn is_include_cycle(&mut self, scope: &Scope, main: &Path, span: Span) -> bool {
        let Some(start) = scope.including.iter().position(|(path, _)| path == main) else {
            return false;
        };
        let steps: Vec<String> = scope.including[start..]
            .iter()
            .map(|(path, _)| path.as_path())
            .chain([main])
            .map(|path| format!("`{}`", self.reader.show(path)))
            .collect();
        let mut finding = Diagnostic::error(
            "include-cycle",
            format!(
                "files include each other in a circle: {}",
                steps.join(" -> ")
            ),
        )
        .at(span, format!("leads back to {}", self.reader.show(main)));
        for (path, asked) in &scope.including[start + 1..] {
            finding = finding.because(*asked, format!("includes {}", self.reader.show(path)));
        }
        self.reader
            .diagnostics
            .push(finding.help("remove one of these `include`s"));
        true
    }

    /// The variables of the including files, and those of the included model's own env files that these do not set.
    fn include_variables(
        &mut self,
        include: &Include,
        directory: &Path,
        scope: &Scope,
    ) -> Option<Variables> {
        let mut files: Vec<(PathBuf, Span)> = Vec::new();
        if include.env_files.is_empty() {
            let file = directory.join(".env");
            if self.reader.disk.is_file(&file) {
                files.push((file, Span::NONE));
            }
        }
        for (file, span) in &include.env_files {
            files.push((absolute(&scope.directory, &**file), *span));
        }
        let mut variables = scope.variables.clone();
        env_file::read(&mut self.reader, &files, &mut variables).then_some(variables)
    }

    /// Moves the sections of an included model into the document that includes it.
    fn import(&mut self, document: &mut Node, mut model: Node, span: Span) {
        let (Some(target), Some(source)) = (document.as_mapping_mut(), model.as_mapping_mut())
        else {
            return;
        };
        for section in SECTIONS {
            let Some(Kind::Mapping(members)) = source.remove(section).map(|section| section.kind)
            else {
                continue;
            };
            let place =
                target.get_or_insert_with(Key::new(section, span), || Node::empty_mapping(span));
            if place.is_null() {
                *place = Node::empty_mapping(place.span);
            }
            let Some(own) = place.as_mapping_mut() else {
                continue;
            };
            for (key, value) in *members {
                let Some((own_key, present)) = own.get_key_value(&key.text) else {
                    own.insert(key, value);
                    continue;
                };
                if !grammar::same(present, &value) {
                    self.reader.diagnostics.push(
                        Diagnostic::error(
                            "include-conflict",
                            format!("`{section}.{}` is defined here and included too", key.text),
                        )
                        .at(own_key.span, "defined here")
                        .because(key.span, "included definition")
                        .because(span, "included by this")
                        .help("rename one of them, or move this one to a file of its own: a further file named with `-f`, or a second `path` of the `include`, may amend what is included"),
                    );
                }
            }
        }
    }
}

/// A text, or a list of texts. `None` for anything else.
fn texts(value: &Node) -> Option<Vec<(SmolStr, Span)>> {
    match &value.kind {
        Kind::Null => Some(Vec::new()),
        Kind::String(text) => Some(vec![(text.clone(), value.span)]),
        Kind::Sequence(items) => items
            .iter()
            .map(|item| Some((item.as_str()?.into(), item.span)))
            .collect(),
        _ => None,
    }
}

/// A build without a context has the included model's own directory.
fn default_context(model: &mut Node) {
    let services = model.get_mut("services").and_then(Node::as_mapping_mut);
    for service in services.into_iter().flat_map(Mapping::values_mut) {
        let build = service.get_mut("build").and_then(Node::as_mapping_mut);
        if let Some(build) = build
            && !build.contains_key("context")
        {
            let mut context = Node::string(".", Span::NONE);
            context.record(Change::Defaulted {
                rule: "the directory of the included model",
            });
            build.insert("context".into(), context);
        }
    }
}

/// Gives values to what names a variable without one, while the included model's own variables are at hand.
fn fill(model: &mut Node, variables: &Variables) {
    if let Some(services) = model.get_mut("services").and_then(Node::as_mapping_mut) {
        for service in services.values_mut() {
            let environment = service
                .get_mut("environment")
                .and_then(Node::as_mapping_mut);
            for (key, value) in environment.into_iter().flatten() {
                if value.is_null()
                    && let Some(variable) = variables.get(&key.text)
                {
                    value.kind = Kind::String(variable.value.as_str().into());
                    value.record(Change::Interpolated {
                        template: key.span,
                        substitutions: vec![Substitution {
                            variable: key.text.clone(),
                            supply: variable.supply.clone(),
                        }],
                    });
                }
            }
        }
    }
    if let Some(configs) = model.get_mut("configs").and_then(Node::as_mapping_mut) {
        for config in configs.values_mut() {
            let Some(name) = config.get("environment").and_then(Node::as_str) else {
                continue;
            };
            if let Some(variable) = variables.get(name) {
                let content = Node::string(variable.value.clone(), config.span);
                if let Some(members) = config.as_mapping_mut() {
                    members.insert("content".into(), content);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io;
    use std::path::{self, PathBuf};

    use crate::load::{Disk, Environment, LoadRequest, Loaded, MemoryDisk, load};
    use crate::source::Path;

    fn loaded(disk: MemoryDisk) -> Loaded {
        let environment = Environment {
            working_directory: "/p".into(),
            ..Environment::default()
        };
        load(&LoadRequest::default(), &disk, &environment)
    }

    fn findings(loaded: &Loaded) -> Vec<String> {
        loaded
            .diagnostics
            .iter()
            .map(|finding| format!("{}: {}", finding.code, finding.message))
            .collect()
    }

    #[test]
    fn files_that_include_each_other_are_told_as_a_path() {
        let disk = MemoryDisk::default()
            .with("/p/compose.yml", "include: [a/compose.yml]\n")
            .with("/p/a/compose.yml", "include: [../b.yml]\n")
            .with("/p/b.yml", "include: [compose.yml]\n");
        assert_eq!(
            findings(&loaded(disk)),
            [
                "include-cycle: files include each other in a circle: `compose.yml` -> `a/compose.yml` -> `b.yml` -> `compose.yml`"
            ]
        );
    }

    #[test]
    fn the_same_twice_is_no_conflict_but_a_difference_is() {
        let disk = MemoryDisk::default()
            .with(
                "/p/compose.yml",
                "include: [a.yml, a.yml, b.yml]\nservices:\n  own: {image: x}\n",
            )
            .with("/p/a.yml", "services:\n  s: {image: a, command: [c]}\n")
            .with("/p/b.yml", "services:\n  s: {command: [c], image: b}\n");
        let loaded = loaded(disk);
        assert_eq!(
            findings(&loaded),
            ["include-conflict: `services.s` is defined here and included too"]
        );
        let finding = loaded.diagnostics.iter().next().unwrap();
        let places: Vec<_> = finding
            .labels
            .iter()
            .filter_map(|label| loaded.sources.locate(label.span))
            .collect();
        assert_eq!(places, ["a.yml:2:3", "b.yml:2:3", "compose.yml:1:25"]);
    }

    #[test]
    fn a_higher_layer_may_amend_what_a_lower_one_includes() {
        let disk = MemoryDisk::default()
            .with("/p/compose.yml", "include: [a.yml]\n")
            .with(
                "/p/compose.override.yml",
                "services:\n  s: {command: [c]}\n",
            )
            .with("/p/a.yml", "services:\n  s: {image: a}\n");
        let loaded = loaded(disk);
        assert_eq!(findings(&loaded), [] as [String; 0]);
        let service = loaded.root.at(&Path::keys(["services", "s"]));
        assert!(service.is_some_and(|s| s.get("image").is_some() && s.get("command").is_some()));
    }

    #[test]
    fn what_is_wrong_in_include_is_told() {
        let disk = MemoryDisk::default().with(
            "/p/compose.yml",
            "include:\n  - 5\n  - {file: a.yml}\n  - oci://registry/app\n  - {path: a.yml, env_file: no.env}\n",
        );
        assert_eq!(
            findings(&loaded(disk)),
            [
                "include-shape: this element of `include` names no file",
                "include-key: `file` means nothing in `include`",
                "include-shape: this element of `include` names no file",
                "remote-unfetched: `oci://registry/app` has not been fetched to this machine",
                "file-missing: env file `no.env` does not exist",
            ]
        );
    }

    /// A disk that counts the questions about files, of which each `include` asks some.
    struct Counting {
        disk: MemoryDisk,
        questions: Cell<usize>,
    }

    impl Counting {
        fn asked(&self) -> &MemoryDisk {
            self.questions.set(self.questions.get() + 1);
            &self.disk
        }
    }

    impl Disk for Counting {
        fn read(&self, path: &path::Path, limit: u64) -> io::Result<Vec<u8>> {
            self.asked().read(path, limit)
        }
        fn is_file(&self, path: &path::Path) -> bool {
            self.asked().is_file(path)
        }
        fn is_dir(&self, path: &path::Path) -> bool {
            self.asked().is_dir(path)
        }
        fn canonicalize(&self, path: &path::Path) -> io::Result<PathBuf> {
            self.asked().canonicalize(path)
        }
        fn read_stdin(&self, limit: u64) -> io::Result<Vec<u8>> {
            self.disk.read_stdin(limit)
        }
        fn owner(&self, path: &path::Path) -> Option<(u32, u32)> {
            self.disk.owner(path)
        }
        fn entries(&self, path: &path::Path) -> Vec<String> {
            self.asked().entries(path)
        }
    }

    /// Loads files of which each includes the next one twice, `levels` deep. With the findings comes how often the disk was asked.
    fn doubled(levels: usize) -> (Vec<String>, usize) {
        let mut disk = MemoryDisk::default();
        for level in 0..levels {
            let next = level + 1;
            let name = match level {
                0 => "/p/compose.yml".to_owned(),
                _ => format!("/p/{level}.yml"),
            };
            disk = disk.with(name, format!("include: [{next}.yml, {next}.yml]\n"));
        }
        let services: String = (0..100)
            .map(|at| format!("  s{at}: {{image: x}}\n"))
            .collect();
        let disk = Counting {
            disk: disk.with(format!("/p/{levels}.yml"), format!("services:\n{services}")),
            questions: Cell::new(0),
        };
        let environment = Environment {
            working_directory: "/p".into(),
            ..Environment::default()
        };
        let loaded = load(&LoadRequest::default(), &disk, &environment);
        (findings(&loaded), disk.questions.get())
    }

    #[test]
    fn what_is_included_again_and_again_ends_after_bounded_work() {
        let (found, few) = doubled(5);
        assert_eq!(found, Vec::<String>::new());
        let (found, many) = doubled(20);
        assert_eq!(
            found,
            ["project-too-large: files are brought in again and again, more than 8 MiB of them"]
        );
        assert!(many > few, "{many} questions, {few} of a small tree");
        assert!(many < 20_000, "{many} questions for a million includes");
        let (found, deep) = doubled(60);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(deep < 20_000, "{deep} questions");
    }
}
