use std::mem;
use std::path::{Path, PathBuf};

use smol_str::SmolStr;

use crate::diagnostic::{Diagnostic, closest};
use crate::merge::{self, Resets};
use crate::source::{Change, Kind, Mapping, Node, Span};

use super::location::{absolute, parent};
use super::model::{Loader, Scope};

/// So many services may stand on each other. They are completed recursively, so this also bounds the stack.
const MAX_CHAIN: usize = 100;

/// A file from which services are extended.
pub(super) struct Extended {
    pub(super) path: PathBuf,
    pub(super) services: Mapping,
    pub(super) resets: Resets,
}

/// The file in which a service stands that extends another.
#[derive(Clone, Copy)]
struct Place<'p> {
    path: &'p Path,
    /// What a `file` beside it refers to.
    directory: &'p Path,
    resets: &'p Resets,
}

/// A service that is being completed, on the way to what it extends.
struct Link {
    path: PathBuf,
    service: SmolStr,
    extends: Span,
}

/// `extends`, read.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#extends>
struct Reference {
    service: SmolStr,
    service_span: Span,
    file: Option<(SmolStr, Span)>,
    span: Span,
}

impl Loader<'_> {
    /// Completes every service of the document that extends another.
    pub(super) fn extends(
        &mut self,
        document: &mut Node,
        resets: &Resets,
        path: &Path,
        scope: &mut Scope,
    ) {
        let Some(services) = document.get_mut("services").and_then(Node::as_mapping_mut) else {
            return;
        };
        let names: Vec<SmolStr> = services
            .iter()
            .filter(|(_, service)| service.get("extends").is_some())
            .map(|(name, _)| name.text.clone())
            .collect();
        let directory = scope.directory.clone();
        let place = Place {
            path,
            directory: &directory,
            resets,
        };
        for name in names {
            self.complete(services, &name, place, scope, &mut Vec::new());
        }
    }

    fn complete(
        &mut self,
        services: &mut Mapping,
        name: &str,
        place: Place,
        scope: &mut Scope,
        chain: &mut Vec<Link>,
    ) {
        let Some(extends) = services
            .get_mut(name)
            .and_then(Node::as_mapping_mut)
            .and_then(|members| members.remove("extends"))
        else {
            return;
        };
        let Some(reference) = self.reference(&extends, name) else {
            return;
        };
        chain.push(Link {
            path: place.path.to_path_buf(),
            service: name.into(),
            extends: reference.span,
        });
        let base = if chain.len() > MAX_CHAIN {
            self.too_long(chain);
            None
        } else {
            self.base(services, name, &reference, place, scope, chain)
        };
        chain.pop();
        let Some((from, mut base)) = base else {
            return;
        };
        if base.is_null() {
            // There is nothing to take over, and Compose goes on printing the reference.
            if let Some(members) = services.get_mut(name).and_then(Node::as_mapping_mut) {
                members.insert("extends".into(), extends);
            }
            return;
        }
        let Some(members) = base.as_mapping_mut() else {
            return;
        };
        for member in members.values_mut() {
            taken_from(member, from);
        }
        let Some(slot) = services.get_mut(name) else {
            return;
        };
        let cleared = place.resets.clear_service(name, &mut base);
        let service = mem::replace(slot, Node::null(Span::NONE));
        let span = service.span;
        merge::extend(&mut base, name, service, &mut self.reader.diagnostics);
        cleared.note(&mut base);
        base.span = span;
        *slot = base;
    }

    /// A copy of the service that is extended, itself completed, and where its name is written.
    fn base(
        &mut self,
        services: &mut Mapping,
        name: &str,
        reference: &Reference,
        place: Place,
        scope: &mut Scope,
        chain: &mut Vec<Link>,
    ) -> Option<(Span, Node)> {
        let wanted = &reference.service;
        let Some((file, file_span)) = &reference.file else {
            if self.is_cycle(chain, place.path, wanted) {
                return None;
            }
            if !services.contains_key(wanted) {
                self.undefined(services, name, reference, None);
                return None;
            }
            self.complete(services, wanted, place, scope, chain);
            return copy(services, wanted);
        };
        let files = match self.reader.remotes.copy(file) {
            None => vec![absolute(place.directory, &**file)],
            Some(Ok(copy)) => copy.files.clone(),
            Some(Err(finding)) => {
                let finding = finding.at(*file_span, "extended here");
                self.reader.diagnostics.push(finding);
                return None;
            }
        };
        let path = files.first()?.clone();
        if self.is_cycle(chain, &path, wanted) {
            return None;
        }
        let mut library = match scope.extended.remove(&path) {
            Some(library) => library,
            None => self.library(&files, *file_span, scope)?,
        };
        let found = if library.services.contains_key(wanted) {
            let place = Place {
                path: &path,
                directory: parent(&path),
                resets: &library.resets,
            };
            self.complete(&mut library.services, wanted, place, scope, chain);
            copy(&library.services, wanted)
        } else {
            self.undefined(&library.services, name, reference, Some(&library.path));
            None
        };
        scope.extended.insert(path, library);
        found
    }

    fn reference(&mut self, extends: &Node, name: &str) -> Option<Reference> {
        let read = match &extends.kind {
            Kind::String(service) => Some(Reference {
                service: service.clone(),
                service_span: extends.span,
                file: None,
                span: extends.span,
            }),
            Kind::Mapping(members) => {
                let text = |key: &str| {
                    let node = members.get(key)?;
                    Some((SmolStr::from(node.as_str()?), node.span))
                };
                let file = text("file");
                let file_is_read = match members.get("file") {
                    Some(file_node) => file.is_some() || file_node.is_null(),
                    None => true,
                };
                text("service")
                    .filter(|_| file_is_read)
                    .map(|(service, service_span)| Reference {
                        service,
                        service_span,
                        file,
                        span: extends.span,
                    })
            }
            _ => None,
        };
        if read.is_none() {
            self.reader.diagnostics.push(
                Diagnostic::error(
                    "extends-shape",
                    format!("`extends` of service `{name}` names no service"),
                )
                .at(extends.span, format!("this is {}", extends.kind_name()))
                .help("write the name of a service, or a mapping with `service` and, for another file, `file`"),
            );
        }
        read
    }

    /// Whether the service that `chain` arrives at is one that it started from or came by.
    fn is_cycle(&mut self, chain: &[Link], path: &Path, service: &str) -> bool {
        let Some(start) = chain
            .iter()
            .position(|link| link.path == path && &*link.service == service)
        else {
            return false;
        };
        let cycle = &chain[start..];
        // Told once, whichever service of the circle was met first.
        let first = cycle
            .iter()
            .enumerate()
            .min_by_key(|(_, link)| link.extends)
            .map_or(0, |(at, _)| at);
        let (before, after) = cycle.split_at(first);
        let links: Vec<&Link> = after.iter().chain(before).collect();
        let steps: Vec<String> = links
            .iter()
            .chain(links.first())
            .map(|link| format!("`{}`", link.service))
            .collect();
        let mut finding = Diagnostic::error(
            "extends-cycle",
            format!(
                "services extend each other in a circle: {}",
                steps.join(" -> ")
            ),
        );
        for (at, link) in links.iter().enumerate() {
            let text = format!("{} extends {}", steps[at], steps[at + 1]);
            finding = if at == 0 {
                finding.at(link.extends, text)
            } else {
                finding.because(link.extends, text)
            };
        }
        self.reader
            .diagnostics
            .push(finding.help("remove one of these `extends`"));
        true
    }

    fn too_long(&mut self, chain: &[Link]) {
        let (Some(first), Some(last)) = (chain.first(), chain.last()) else {
            return;
        };
        self.reader.diagnostics.push(
            Diagnostic::error(
                "extends-too-long",
                format!(
                    "service `{}` stands on more than {MAX_CHAIN} services that extend each other",
                    first.service
                ),
            )
            .at(first.extends, "the first of them")
            .because(last.extends, "the limit is reached here")
            .help("let services extend a common one directly"),
        );
    }

    fn undefined(
        &mut self,
        services: &Mapping,
        name: &str,
        reference: &Reference,
        file: Option<&Path>,
    ) {
        let place = match file {
            Some(path) => format!("`{}`", self.reader.show(path)),
            None => "this file".into(),
        };
        let mut finding = Diagnostic::error(
            "extends-undefined",
            format!(
                "service `{name}` extends `{}`, which {place} does not define",
                reference.service
            ),
        )
        .at(reference.service_span, "not a service there");
        let known = services.keys().map(|key| &*key.text);
        if services.is_empty() {
            finding = finding.note(format!("{place} defines no services"));
        } else if let Some(near) = closest(&reference.service, known) {
            finding = finding.help(format!("did you mean `{near}`?"));
        }
        self.reader.diagnostics.push(finding);
    }
}

/// Notes the service that a value was last taken over from: of a long chain of them only that is told.
fn taken_from(member: &mut Node, from: Span) {
    let earlier = member
        .history
        .as_deref_mut()
        .into_iter()
        .flatten()
        .find(|change| matches!(change, Change::Extended { .. }));
    match earlier {
        Some(earlier) => *earlier = Change::Extended { from },
        None => member.record(Change::Extended { from }),
    }
}

fn copy(services: &Mapping, name: &str) -> Option<(Span, Node)> {
    let (key, service) = services.get_key_value(name)?;
    Some((key.span, service.clone()))
}

#[cfg(test)]
mod tests {
    use crate::load::{Environment, LoadRequest, Loaded, MemoryDisk, load};
    use crate::source;

    fn loaded(disk: MemoryDisk) -> Loaded {
        let request = LoadRequest {
            files: vec!["compose.yml".into()],
            ..LoadRequest::default()
        };
        let environment = Environment {
            working_directory: "/p".into(),
            ..Environment::default()
        };
        load(&request, &disk, &environment)
    }

    fn findings(loaded: &Loaded) -> Vec<String> {
        loaded
            .diagnostics
            .iter()
            .map(|finding| format!("{}: {}", finding.code, finding.message))
            .collect()
    }

    /// Services of which each extends the next one, or the one before.
    fn chain(length: usize, next: bool) -> String {
        let mut text = "services:\n".to_owned();
        for at in 0..length {
            let end = if next { length - 1 } else { 0 };
            let other = if next { at + 1 } else { at.wrapping_sub(1) };
            text += &match at == end {
                true => format!("  s{at}: {{image: x, command: [a, b]}}\n"),
                false => format!("  s{at}: {{extends: s{other}}}\n"),
            };
        }
        text
    }

    #[test]
    fn a_chain_has_a_longest_length_and_remembers_one_link() {
        let fine = loaded(MemoryDisk::default().with("/p/compose.yml", chain(90, true)));
        assert_eq!(findings(&fine), Vec::<String>::new());
        let path = source::Path::keys(["services", "s0", "image"]);
        let history = fine.root.at(&path).unwrap().history.as_deref().unwrap();
        assert_eq!(history.len(), 1, "{history:?}");
        let long = loaded(MemoryDisk::default().with("/p/compose.yml", chain(20_000, true)));
        assert!(
            findings(&long)[0].starts_with("extends-too-long: service `s0` stands on more than"),
            "{:?}",
            findings(&long)[0]
        );
        // In the order of the file each service finds the one before complete.
        let down = loaded(MemoryDisk::default().with("/p/compose.yml", chain(1_000, false)));
        assert_eq!(findings(&down), Vec::<String>::new());
    }

    fn text<'l>(loaded: &'l Loaded, path: &[&str]) -> Option<&'l str> {
        loaded
            .root
            .at(&source::Path::keys(path.iter().copied()))?
            .as_str()
    }

    #[test]
    fn a_circle_is_told_as_a_path_once() {
        let disk = MemoryDisk::default()
            .with(
                "/p/compose.yml",
                "services:\n  a: {extends: {file: b.yml, service: b}}\n",
            )
            .with(
                "/p/b.yml",
                "services:\n  b: {extends: c}\n  c: {extends: {file: compose.yml, service: a}}\n",
            );
        let loaded = loaded(disk);
        assert_eq!(
            findings(&loaded),
            ["extends-cycle: services extend each other in a circle: `a` -> `b` -> `c` -> `a`"]
        );
        let finding = loaded.diagnostics.iter().next().unwrap();
        let labels: Vec<_> = finding
            .labels
            .iter()
            .map(|label| {
                let place = loaded.sources.locate(label.span).unwrap_or_default();
                format!("{place} {}", label.text)
            })
            .collect();
        assert_eq!(
            labels,
            [
                "compose.yml:2:16 `a` extends `b`",
                "b.yml:2:16 `b` extends `c`",
                "b.yml:3:16 `c` extends `a`",
            ]
        );
    }

    #[test]
    fn a_service_may_extend_its_namesake_but_not_itself() {
        let disk = MemoryDisk::default()
            .with(
                "/p/compose.yml",
                "services:\n  a: {extends: {file: b.yml, service: a}, command: x}\n  s: {image: s, extends: s}\n",
            )
            .with("/p/b.yml", "services:\n  a: {image: b}\n");
        let loaded = loaded(disk);
        assert_eq!(text(&loaded, &["services", "a", "image"]), Some("b"));
        assert_eq!(
            findings(&loaded),
            ["extends-cycle: services extend each other in a circle: `s` -> `s`"]
        );
    }

    #[test]
    fn services_that_are_not_there_are_told_with_the_ones_that_are_near() {
        let disk = MemoryDisk::default()
            .with(
                "/p/compose.yml",
                "services:\n  web: {image: x}\n  a: {image: x, extends: wbe}\n  b: {image: x, extends: {file: b.yml, service: bsae}}\n  c: {image: x, extends: {file: missing.yml, service: d}}\n",
            )
            .with("/p/b.yml", "services:\n  base: {image: b}\n");
        let loaded = loaded(disk);
        assert_eq!(
            findings(&loaded),
            [
                "extends-undefined: service `a` extends `wbe`, which this file does not define",
                "extends-undefined: service `b` extends `bsae`, which `b.yml` does not define",
                "file-missing: Compose file `missing.yml` does not exist",
            ]
        );
        let helps: Vec<_> = loaded
            .diagnostics
            .iter()
            .flat_map(|finding| &finding.help)
            .map(|help| help.text.as_str())
            .collect();
        assert_eq!(
            helps,
            [
                "did you mean `web`?",
                "did you mean `base`?",
                "make the file, or correct the name"
            ]
        );
    }

    #[test]
    fn remote_files_are_told_while_they_are_missing() {
        let disk = MemoryDisk::default().with(
            "/p/compose.yml",
            "services:\n  a: {image: x, extends: {file: 'https://host/r.git', service: a}}\n",
        );
        assert_eq!(
            findings(&loaded(disk)),
            ["remote-unfetched: `https://host/r.git` has not been fetched to this machine"]
        );
    }
}
